"""The training workload, checked by DuckDB over the written files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from footfall.cli import app
from footfall.errors import UsageError
from footfall.generate import (
    TrainingPlan,
    bucket_of,
    estimate_training,
    generate_training,
    history,
    training,
)
from footfall.generate.buckets import spark_hash
from footfall.generate.shop import ROWS_A_DAY, Shop
from footfall.generate.zipf import Popularity, zipf_shares
from footfall.project.contracts import get_contract

START = date(2025, 8, 1)
PLAN = TrainingPlan(days=2, seed=3, start=START, scale=0.0005, history_days=365, history_buckets=8)
TIMED = {
    "shop.clicks": ("click_time", "item_id"),
    "shop.add_to_carts": ("occurred_at", "config_id"),
    "shop.orders": ("occurred_at", "config_id"),
}
ARROW_TYPES = {
    "string": pa.string(),
    "bigint": pa.int64(),
    "int": pa.int32(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "array<struct<item_id:int,is_order:boolean>>": pa.list_(
        pa.field("element", pa.struct([("item_id", pa.int32()), ("is_order", pa.bool_())]))
    ),
}
SPARK_HASHES = {
    0: -1670924195,
    1: -1712319331,
    2: -797927272,
    3: 519220707,
    42: 1316951768,
    1000: -803323719,
    65536: 366000550,
    9999999: -1476904082,
    10000000: 2114063724,
    2147483647: -1076662929,
    2147483648: 238268309,
    4294967296: -1307033787,
    9007199254740993: 1386081767,
    9223372036854775807: -1604625029,
    -1: -939490007,
    -2: -981642528,
    -2147483649: -1945244161,
    -9223372036854775808: -853646085,
}
"""``hash(id)`` of BIGINT ids, as Spark 4.2 returned them."""
SPARK_BUCKETS_OF_7 = [4, 5, 5, 5, 6, 5, 6, 4, 3, 1, 6, 4, 0, 0, 6, 1, 0, 2]
"""``pmod(hash(id), 7)`` of the same ids, as Spark 4.2 returned them."""


@dataclass
class Dataset:
    folder: Path
    truth: dict[str, Any]
    connection: duckdb.DuckDBPyConnection

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(sql).fetchall()

    def one(self, sql: str) -> Any:
        return self.rows(sql)[0][0]


def _open(folder: Path, truth: dict[str, Any]) -> Dataset:
    connection = duckdb.connect()
    connection.execute("set threads = 1; set timezone = 'UTC'")
    for name in ROWS_A_DAY:
        files = folder / name.replace(".", "/") / "*.parquet"
        connection.execute(
            f"create view {name.replace('.', '_')} as"
            f" select * from read_parquet('{files}', filename = true)"
        )
    connection.execute(
        f"create view history as select * from read_parquet('{folder}/history/*/*.parquet',"
        " hive_partitioning = true)"
    )
    return Dataset(folder, truth, connection)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("training") / "out"
    return _open(folder, generate_training(folder, PLAN))


def _fingerprint(folder: Path) -> dict[str, str]:
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*.*"))
    }


def _rows_of(folder: Path, name: str) -> pa.Table:
    files = sorted((folder / name.replace(".", "/")).iterdir())
    return pa.concat_tables([pq.ParquetFile(file).read() for file in files])


# ---------- Spark's buckets and Zipf's law


def test_the_hash_is_spark_s() -> None:
    ids = np.array(list(SPARK_HASHES), dtype=np.int64)
    assert spark_hash(ids).tolist() == list(SPARK_HASHES.values())
    assert bucket_of(ids, 7).tolist() == SPARK_BUCKETS_OF_7
    assert bucket_of(ids, 7).dtype == np.int32


def test_the_hashes_of_ten_million_ids_add_up_to_spark_s() -> None:
    """Spark 4.2: ``select sum(hash(id)), bit_xor(hash(id)) from range(1, 10000001)``."""
    blocks = [spark_hash(np.arange(at, at + 50_000)) for at in range(1, 10_000_001, 50_000)]
    assert sum(int(block.sum(dtype=np.int64)) for block in blocks) == 1920467737451
    assert np.bitwise_xor.reduce([np.bitwise_xor.reduce(block) for block in blocks]) == -480603663


def test_buckets_do_not_depend_on_blocks_or_on_the_layout_in_memory() -> None:
    ids = np.arange(200_000, dtype=np.int64)
    one_by_one = [bucket_of(ids[at : at + 1], 64)[0] for at in (0, 65_535, 65_536, 199_999)]
    assert bucket_of(ids, 64)[[0, 65_535, 65_536, 199_999]].tolist() == one_by_one
    assert bucket_of(ids[::2], 64).tolist() == bucket_of(ids, 64)[::2].tolist()
    assert len(bucket_of(ids[:0], 64)) == 0


def test_no_buckets_are_refused() -> None:
    with pytest.raises(UsageError):
        bucket_of(np.array([1]), 0)


@pytest.mark.parametrize("exponent", [0.0, 0.45, 0.9, 1.1])
def test_draws_follow_zipf_s_law(exponent: float) -> None:
    size, draws = 5_000, 2_000_000
    popularity = Popularity(np.arange(size, dtype=np.int32) + 1, exponent)
    drawn = popularity.draw(draws, np.random.default_rng(1))
    assert drawn.dtype == np.int32
    counts = np.bincount(drawn, minlength=size + 1)
    assert counts[0] == 0
    expected = zipf_shares(size, exponent) * draws
    # Ten ranks at a time: single ranks may share a cell of the table with their neighbours.
    found, wanted = (values.reshape(-1, 10).sum(axis=1) for values in (counts[1:], expected))
    assert np.abs((found - wanted) / np.sqrt(wanted)).max() < 5


# ---------- raw rows


@pytest.mark.parametrize("name", ROWS_A_DAY)
def test_files_have_the_contract_s_columns_and_the_scale_s_rows(
    dataset: Dataset, name: str
) -> None:
    contract = get_contract(name)
    files = sorted((dataset.folder / contract.source / contract.entity).iterdir())
    assert [file.name for file in files] == [
        f"{contract.entity}-2025-08-0{day}.parquet" for day in (1, 2)
    ]
    for file in files:
        schema = pq.read_schema(file)
        assert [(field.name, field.type) for field in schema] == [
            (column.name, ARROW_TYPES[column.data_type]) for column in contract.columns
        ]
        assert pq.read_metadata(file).num_rows == round(ROWS_A_DAY[name] * PLAN.scale)


@pytest.mark.parametrize("name", ROWS_A_DAY)
def test_no_row_repeats_or_misses_a_key(dataset: Dataset, name: str) -> None:
    contract = get_contract(name)
    view, key = name.replace(".", "_"), ", ".join(contract.key)
    rows = dataset.truth["entities"][name]["rows"]
    assert dataset.one(f"select count(*) from (select distinct {key} from {view})") == rows
    columns = " or ".join(f"{column.name} is null" for column in contract.columns)
    assert dataset.one(f"select count(*) from {view} where {columns}") == 0
    assert dataset.rows(
        f"select min(customer_id) >= 1, max(customer_id) <= {PLAN.customers} from {view}"
    ) == [(True, True)]


@pytest.mark.parametrize("name", TIMED)
def test_times_are_milliseconds_of_the_file_s_day_in_order(dataset: Dataset, name: str) -> None:
    time, item = TIMED[name]
    view = name.replace(".", "_")
    filed = get_contract(name).columns[0].name
    wrong, hours, items, variants = dataset.rows(
        f"""
        select
            count(*) filter (
                {time}::date <> {filed}
                or strftime({filed}, '%Y-%m-%d') <> filename[-18:-9]
                or epoch_us({time}) % 1000 <> 0
            ),
            count(distinct hour({time})),
            count(*) filter ({item} not between 1 and {PLAN.items}),
            {"0" if name == "shop.clicks" else f"count(*) filter (simple_id // 4 <> {item})"}
        from {view}
        """
    )[0]
    assert (wrong, items, variants) == (0, 0, 0)
    assert hours > 12
    times = _rows_of(dataset.folder, name).column(time).to_numpy()
    assert (np.diff(times) >= np.timedelta64(0)).all()


def test_rankings_show_ten_different_items(dataset: Dataset) -> None:
    wrong = dataset.one(
        f"""
        with shown as (
            select [cell.item_id for cell in impressions] as items from shop_impressions
        )
        select count(*) from shown
        where len(items) <> 10 or len(list_distinct(items)) <> 10
            or list_min(items) < 1 or list_max(items) > {PLAN.items}
        """
    )
    assert wrong == 0
    assert dataset.rows("select min(ranking_id), max(ranking_id) from shop_impressions") == [
        ("r0000000001", "r0000001000")
    ]


def test_an_item_is_marked_exactly_if_the_customer_ordered_it_that_day(dataset: Dataset) -> None:
    marked, wrong, orders = dataset.rows(
        """
        with shown as (
            select dt, customer_id, unnest(impressions, recursive := true) from shop_impressions
        ),
        ordered as (
            select distinct order_date as dt, customer_id, config_id as item_id from shop_orders
        )
        select
            count(*) filter (is_order),
            count(*) filter (is_order <> (ordered.item_id is not null)),
            (select count(*) from ordered)
        from shown left join ordered using (dt, customer_id, item_id)
        """
    )[0]
    assert wrong == 0
    assert 0.6 * orders < marked < orders


def test_the_active_are_shown_more_than_others_but_less_than_they_act(dataset: Dataset) -> None:
    active = Shop(PLAN).customer_by_rank[: PLAN.customers // 100] + 1
    ids = ", ".join(map(str, active))
    shares = [
        dataset.one(f"select avg((customer_id in ({ids}))::int) from {view}")
        for view in ("shop_impressions", "shop_clicks")
    ]
    assert shares[0] == pytest.approx(
        zipf_shares(PLAN.customers, 0.45)[: PLAN.customers // 100].sum(), abs=0.03
    )
    assert shares[1] == pytest.approx(
        zipf_shares(PLAN.customers, 0.9)[: PLAN.customers // 100].sum(), abs=0.02
    )


# ---------- the history


def test_history_files_lie_in_spark_s_buckets_by_ascending_customer(dataset: Dataset) -> None:
    folders = sorted((dataset.folder / "history").iterdir())
    assert {folder.name for folder in folders} == {f"bucket={bucket}" for bucket in range(8)}
    for folder in folders:
        (file,) = folder.iterdir()
        table = pq.ParquetFile(file).read()
        assert table.schema.equals(history.SCHEMA)
        customers = table.column("customer_id").to_numpy()
        assert (np.diff(customers) > 0).all()
        assert set(bucket_of(customers, 8)) == {int(folder.name.removeprefix("bucket="))}


def test_lists_are_capped_equally_long_and_newest_first_before_the_start(
    dataset: Dataset,
) -> None:
    wrong, longest, shortest, newest, oldest = dataset.rows(
        f"""
        select
            count(*) filter (
                len(actions) <> len(action_types) or len(actions) <> len(action_dates)
                or action_dates <> list_reverse_sort(action_dates)
                or list_min(actions) < 1 or list_max(actions) > {PLAN.items}
                or not list_has_all([1, 2, 3], action_types)
            ),
            max(len(actions)), min(len(actions)),
            max(list_max(action_dates)), min(list_min(action_dates))
        from history
        """
    )[0]
    assert wrong == 0
    assert (longest, newest, oldest) == (1000, date(2025, 7, 31), date(2024, 8, 1))
    assert shortest >= 1


def test_actions_have_the_stated_rates_types_and_dates(dataset: Dataset) -> None:
    table = dataset.rows("select customer_id, len(actions) from history order by 1")
    expected = Shop(PLAN).expected_actions()
    found = np.zeros(PLAN.customers)
    found[np.array([row[0] for row in table]) - 1] = [row[1] for row in table]
    rare = expected < 700
    deviation = (found[rare] - expected[rare]) / np.sqrt(expected[rare])
    assert np.abs(deviation).max() < 6
    assert deviation.std() == pytest.approx(1, abs=0.05)
    assert (found[expected > 1200] == 1000).all()

    shares = dataset.rows(
        "select avg((t = 1)::int), avg((t = 2)::int), avg((t = 3)::int)"
        " from (select unnest(action_types) as t from history)"
    )[0]
    rows = np.array([21.4, 2.1, 0.29])
    assert shares == pytest.approx(rows / rows.sum(), abs=0.002)

    # Those with all actions kept have acted all year alike; the busiest on the last days only.
    by_half = dataset.one(
        "select avg((d < date '2025-01-30')::int)"
        " from (select unnest(action_dates) as d from history where len(actions) < 1000)"
    )
    assert by_half == pytest.approx(0.5, abs=0.01)
    busiest = int(expected.argmax()) + 1
    spans = dataset.one(f"select list_min(action_dates) from history where customer_id = {busiest}")
    since = (date(2025, 8, 1) - spans).days
    assert since == pytest.approx(1000 / (expected.max() / 365), abs=1.5)


def test_customers_without_actions_are_left_out(tmp_path: Path) -> None:
    plan = TrainingPlan(days=1, seed=1, scale=0.0005, history_days=1, history_buckets=3)
    truth = generate_training(tmp_path / "out", plan)["history"]
    expected = Shop(plan).expected_actions()
    with_any = -np.expm1(-expected).sum()
    assert truth["rows"] == pytest.approx(with_any, rel=0.05)
    assert truth["rows"] < plan.customers
    found = _open(tmp_path / "out", {})
    assert found.one("select min(len(actions)) from history") == 1


def test_buckets_without_customers_have_no_file(tmp_path: Path) -> None:
    plan = TrainingPlan(days=1, seed=1, scale=5e-6, history_days=30, history_buckets=1000)
    truth = generate_training(tmp_path / "out", plan)
    assert truth["history"]["files"] == len(list((tmp_path / "out/history").iterdir())) <= 50


# ---------- the truth


def test_truth_is_what_the_files_have(dataset: Dataset) -> None:
    truth = dataset.truth
    assert json.loads((dataset.folder / "truth.json").read_text()) == truth
    for name, counts in truth["entities"].items():
        files = list((dataset.folder / name.replace(".", "/")).iterdir())
        assert counts["rows"] == dataset.one(f"select count(*) from {name.replace('.', '_')}")
        assert counts["rows"] == counts["accepted"]
        assert counts["files"] == len(files)
        assert counts["bytes"] == sum(file.stat().st_size for file in files)
    files = list((dataset.folder / "history").rglob("*.parquet"))
    rows, actions = dataset.rows("select count(*), sum(len(actions)) from history")[0]
    assert truth["history"] == {
        "days": 365,
        "buckets": 8,
        "sequence_length": 1000,
        "files": len(files),
        "rows": rows,
        "actions": actions,
        "bytes": sum(file.stat().st_size for file in files),
    }
    assert (truth["customers"], truth["items"], truth["workload"]) == (5_000, 50_000, "training")
    assert truth["simulated"] and truth["not_simulated"]


def test_the_estimate_is_near_the_truth_and_writes_nothing(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "mkdir", lambda *_: pytest.fail("a dry run wrote"))
    estimate = estimate_training(PLAN)
    for name, counts in dataset.truth["entities"].items():
        assert estimate["entities"][name]["rows"] == counts["rows"]
    written = dataset.truth["history"]
    assert estimate["history"]["rows"] == pytest.approx(written["rows"], rel=0.01)
    assert estimate["history"]["actions"] == pytest.approx(written["actions"], rel=0.01)
    assert estimate["history"]["bytes"] == pytest.approx(written["bytes"], rel=0.5)


# ---------- the same arguments, the same bytes


def test_the_same_arguments_give_the_same_bytes(dataset: Dataset, tmp_path: Path) -> None:
    generate_training(tmp_path / "again", PLAN)
    other = TrainingPlan(
        days=1, seed=4, start=START, scale=PLAN.scale, history_days=1, history_buckets=2
    )
    generate_training(tmp_path / "other", other)
    same, again = _fingerprint(dataset.folder), _fingerprint(tmp_path / "again")
    assert same == again
    assert not set(same.values()) & set(_fingerprint(tmp_path / "other").values())


def test_a_day_does_not_depend_on_other_days_or_the_history(
    dataset: Dataset, tmp_path: Path
) -> None:
    shorter = TrainingPlan(days=1, seed=PLAN.seed, start=START, scale=PLAN.scale)
    assert generate_training(tmp_path / "out", shorter)["history"] is None
    whole, day = _fingerprint(dataset.folder), _fingerprint(tmp_path / "out")
    del day["truth.json"]
    assert len(day) == 4
    assert day.items() <= whole.items()
    assert not (tmp_path / "out/history").exists()


def test_rows_do_not_depend_on_how_chunks_are_put_in_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = TrainingPlan(days=1, seed=1, scale=0.0005)
    monkeypatch.setattr(training, "CHUNK_ROWS", 1000)
    files = {}
    for chunks in (1, 3):
        monkeypatch.setattr(training, "CHUNKS_A_FILE", chunks)
        truth = generate_training(tmp_path / str(chunks), plan)
        files[chunks] = truth["entities"]["shop.clicks"]["files"]
    assert files == {1: 11, 3: 4}
    names = [file.name for file in sorted((tmp_path / "3/shop/clicks").iterdir())]
    assert names == [f"clicks-2025-08-01-0{part}.parquet" for part in range(4)]
    for name in ROWS_A_DAY:
        one, three = (_rows_of(tmp_path / folder, name) for folder in ("1", "3"))
        assert one.equals(three)
        assert one.num_rows == round(ROWS_A_DAY[name] * plan.scale)
    for file in (tmp_path / "3").rglob("*.parquet"):
        metadata = pq.read_metadata(file)
        groups = [metadata.row_group(at).num_rows for at in range(metadata.num_row_groups)]
        assert max(groups) <= 1000
    times = _rows_of(tmp_path / "1", "shop.clicks").column("click_time").to_numpy()
    assert (np.diff(times) >= np.timedelta64(0)).all()


def test_history_is_written_in_groups_of_customers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "CUSTOMERS_A_GROUP", 100)
    plan = TrainingPlan(days=1, seed=1, scale=0.0001, history_days=30, history_buckets=4)
    truth = generate_training(tmp_path / "out", plan)["history"]
    found = _open(tmp_path / "out", {})
    assert found.rows("select count(*), count(distinct customer_id) from history") == [
        (truth["rows"], truth["rows"])
    ]
    for file in (tmp_path / "out/history").rglob("*.parquet"):
        metadata = pq.read_metadata(file)
        assert metadata.num_row_groups > 1
        customers = pq.ParquetFile(file).read(["customer_id"]).column(0).to_numpy()
        assert (np.diff(customers) > 0).all()


def test_repeated_rows_are_found_and_drawn_again() -> None:
    rows = {
        "time": np.array([1, 2, 2, 2, 2, 3, 3]),
        "user": np.array([1, 1, 2, 1, 1, 1, 1]),
        "item": np.array([7, 7, 7, 7, 8, 7, 7]),
    }
    assert training._repeated(rows).tolist() == [3, 6]


# ---------- wrong calls


@pytest.mark.parametrize(
    "wrong",
    [
        {"days": 0},
        {"seed": -1},
        {"scale": 0.0},
        {"scale": -1.0},
        {"scale": float("nan")},
        {"scale": 1e-7},
        {"scale": 51.0},
        {"history_days": -1},
        {"history_days": 800_000},
        {"history_buckets": 0},
    ],
)
def test_a_wrong_argument_says_what_to_do(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as raised:
        TrainingPlan(**({"days": 1, "seed": 1} | wrong))
    assert raised.value.fix


def test_a_folder_in_use_is_left_alone_unless_told_to_overwrite(tmp_path: Path) -> None:
    plan = TrainingPlan(days=1, seed=1, scale=0.0001, history_days=10, history_buckets=2)
    generate_training(tmp_path, plan)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="not empty"):
        generate_training(tmp_path, plan)
    generate_training(tmp_path, TrainingPlan(days=1, seed=1, scale=0.0001), overwrite=True)
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert not (tmp_path / "history").exists()


def test_progress_counts_entities_of_days_and_buckets(tmp_path: Path) -> None:
    reported: list[tuple[int, int, str]] = []
    plan = TrainingPlan(days=2, seed=1, scale=0.0001, history_days=5, history_buckets=3)
    generate_training(tmp_path / "out", plan, lambda *step: reported.append(step))
    assert [(done, total) for done, total, _ in reported] == [(at + 1, 11) for at in range(11)]


# ---------- the command line


@pytest.fixture
def footfall(tmp_path: Path) -> Callable[..., Any]:
    def call(*options: str) -> Any:
        return CliRunner().invoke(app, ["generate", "--out", str(tmp_path / "out"), *options])

    return call


def test_the_command_writes_the_workload(footfall: Callable[..., Any], tmp_path: Path) -> None:
    options = ("--workload", "training", "--scale", "0.0001", "--history-days", "9", "--json")
    answer = footfall(*options)
    assert answer.exit_code == 0, answer.output
    assert json.loads(answer.stdout) == json.loads((tmp_path / "out/truth.json").read_text())
    assert json.loads(answer.stdout)["history"]["buckets"] == 64


def test_a_dry_run_says_what_a_production_day_takes(
    footfall: Callable[..., Any], tmp_path: Path
) -> None:
    answer = footfall("--workload", "training", "--days", "2", "--dry-run")
    assert answer.exit_code == 0, answer.output
    assert "42,800,000" in answer.stdout
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--workload", "training", "--users", "5"), "--users"),
        (("--history-days", "5"), "--history-days"),
        (("--history-buckets", "5"), "--history-buckets"),
        (("--dry-run",), "--dry-run"),
        (("--workload", "training", "--history-buckets", "5"), "--history-days"),
    ],
)
def test_options_of_the_other_workload_are_refused(
    footfall: Callable[..., Any], tmp_path: Path, options: tuple[str, ...], named: str
) -> None:
    answer = footfall(*options)
    assert isinstance(answer.exception, UsageError)
    assert named in str(answer.exception)
    assert not (tmp_path / "out").exists()

"""Mappings, paths and schema checks, without Spark."""

from __future__ import annotations

import gzip
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from footfall.errors import FootfallError, UsageError
from footfall.ingest.files import (
    FileRejectedError,
    ReadPlan,
    damage,
    expand_paths,
    format_of,
    inspect,
    plan_read,
)
from footfall.ingest.mapping import CsvOptions, Mapping, load_mapping
from footfall.ingest.queue import Offer, Queue
from footfall.ingest.types import contract_type, fits
from footfall.project.contracts import get_contract
from footfall.settings import PROJECT_DIR

CLICKS = get_contract("shop.clicks")
INTERACTIONS = get_contract("product.interactions")
TRANSACTIONS = get_contract("crm.transactions")
NOON = datetime(2024, 1, 1, 12, tzinfo=timezone.utc)


def write_mapping(folder: Path, text: str) -> Path:
    file = folder / "mapping.yml"
    file.write_text(text)
    return file


def plan_of(file: Path, name: str, mapping: dict[str, Any] | None = None) -> ReadPlan:
    columns = Mapping.model_validate(mapping or {})
    file_format = "parquet" if file.suffix == ".parquet" else file.suffixes[0].strip(".")
    shape = inspect(file, file_format, columns.csv)  # type: ignore[arg-type]
    return plan_read(file, shape, get_contract(name), columns)


def parquet(folder: Path, **columns: pa.Array) -> Path:
    file = folder / "data.parquet"
    pq.write_table(pa.table(columns), file)
    return file


def clicks(folder: Path, **changed: pa.Array | None) -> Path:
    columns = {
        "customer_id": pa.array([1], pa.int64()),
        "item_id": pa.array([2], pa.int32()),
        "click_time": pa.array([NOON], pa.timestamp("us", tz="UTC")),
    } | changed
    return parquet(folder, **{name: value for name, value in columns.items() if value is not None})


@pytest.mark.parametrize(
    ("file", "entity"),
    [
        ("taobao_interactions", "product.interactions"),
        ("taobao_clicks", "shop.clicks"),
        ("taobao_add_to_carts", "shop.add_to_carts"),
        ("taobao_orders", "shop.orders"),
        ("puffy_interactions", "app.interactions"),
        ("rees46_interactions", "product.interactions"),
        ("ebnerd_impressions", "shop.impressions"),
        ("mind_impressions", "shop.impressions"),
    ],
)
def test_shipped_mappings_fit_their_contracts(file: str, entity: str) -> None:
    mapping = load_mapping(PROJECT_DIR / "mappings" / f"{file}.yml", get_contract(entity))
    assert mapping.description
    assert Mapping.model_validate_json(mapping.canonical()) == mapping


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("columns: {event_time: {frm: ts}}", "columns.event_time.frm: Extra inputs"),
        ("column: {}", "column: Extra inputs"),
        ("columns: {event_tme: ts}", "columns.event_tme: product.interactions has no such column"),
        ("columns: {event_tme: ts}", "did you mean 'event_time'?"),
        ("columns: {event_time: {from: ts, unit: min}}", "columns.event_time.unit: Input should"),
        ("columns: {event_time: {zone: Mars/Base}}", "columns.event_time.zone: 'Mars/Base' is not"),
        ("columns: {user_id: {from: u, unit: s}}", "columns.user_id.unit: only for a timestamp"),
        ("columns: {user_id: {from: u, constant: x}}", "columns.user_id: `constant` excludes"),
        ("columns: {event_time: {constant: soon}}", "'soon' is not a valid timestamp"),
        (
            "columns: {interaction_type: {from: b, values: {pv: viewed}}}",
            "columns.interaction_type: 'viewed' is not one of the accepted values view, click",
        ),
        ("columns: {interaction_type: {from: b, values: {no: view}}}", "write it in quotes"),
        ("columns: {user_id: {items: {labelled: x}}}", "columns.user_id.items: only for array"),
        ("columns: {user_id: {items: {shown: x}}}", "`shown` and `clicked` belong together"),
        ("columns: {user_id: {strip_prefix: U}}", "strip_prefix: only for an integer id"),
        ("where: {behavior_type: []}", "where.behavior_type"),
        ("- a list", "is not a map"),
        ("columns: {a: [", "is not valid YAML"),
    ],
)
def test_a_wrong_mapping_is_refused_with_file_and_key(
    tmp_path: Path, text: str, expected: str
) -> None:
    file = write_mapping(tmp_path, text)
    with pytest.raises(UsageError) as error:
        load_mapping(file, INTERACTIONS)
    assert expected in str(error.value)
    assert str(file) in str(error.value)
    assert error.value.fix


def test_an_absent_mapping_file_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        load_mapping(tmp_path / "none.yml", INTERACTIONS)


def test_numbers_and_dates_in_a_mapping_are_text(tmp_path: Path) -> None:
    file = write_mapping(
        tmp_path,
        "where: {kind: 7}\ncolumns:\n  updated_at: {constant: 2024-03-01}\n  country: [c1, c2]\n",
    )
    mapping = load_mapping(file, get_contract("app.users"))
    assert mapping.where == {"kind": ["7"]}
    assert mapping.columns["updated_at"].constant == "2024-03-01"
    assert mapping.sources_of("country") == ["c1", "c2"]
    assert mapping.sources_of("user_id") == ["user_id"]
    assert mapping.sources_of("updated_at") == []


def test_a_folder_gives_its_data_files_without_hidden_ones(tmp_path: Path) -> None:
    names = [
        "a.parquet",
        "b/c.csv.gz",
        "b/d.JSONL",
        "_SUCCESS",
        ".x.csv",
        "_tmp/e.csv",
        "README.md",
    ]
    for name in names:
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text("x")
    found = [str(file.relative_to(tmp_path)) for file in expand_paths([str(tmp_path)])]
    assert found == ["a.parquet", "b/c.csv.gz", "b/d.JSONL"]
    assert expand_paths([str(tmp_path / "b" / "*")]) == [tmp_path / name for name in names[1:3]]
    twice = expand_paths([str(tmp_path / "a.parquet"), str(tmp_path / "*.parquet")])
    assert twice == [tmp_path / "a.parquet"]
    assert expand_paths([str(tmp_path)], "csv") == [tmp_path / "b" / "c.csv.gz"]


def test_a_path_without_files_or_format_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no data file at"):
        expand_paths([str(tmp_path / "*.csv")])
    with pytest.raises(UsageError, match="no data file at"):
        expand_paths([str(tmp_path)])
    (tmp_path / "data.bin").write_text("x")
    with pytest.raises(UsageError, match="does not tell its format"):
        expand_paths([str(tmp_path / "data.bin")])
    assert expand_paths([str(tmp_path / "data.bin")], "csv") == [tmp_path / "data.bin"]


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        (pa.int32(), "bigint", True),
        (pa.uint32(), "bigint", True),
        (pa.uint64(), "bigint", False),
        (pa.int64(), "int", False),
        (pa.uint32(), "int", False),
        (pa.uint16(), "int", True),
        (pa.dictionary(pa.int32(), pa.string()), "string", True),
        (pa.large_string(), "string", True),
        (pa.int64(), "string", True),
        (pa.uint64(), "string", True),
        (pa.decimal128(38, 0), "string", True),
        (pa.decimal128(38, 2), "string", False),
        (pa.float64(), "string", False),
        (pa.bool_(), "string", False),
        (pa.decimal128(18, 0), "bigint", True),
        (pa.decimal128(19, 0), "bigint", False),
        (pa.float32(), "double", True),
        (pa.float64(), "float", False),
        (pa.int32(), "double", True),
        (pa.int64(), "double", False),
        (pa.int32(), "float", False),
        (pa.date32(), "timestamp", True),
        (pa.decimal128(10, 2), "decimal(18,2)", True),
        (pa.string(), "bigint", False),
        (pa.timestamp("ns"), "timestamp", True),
        (pa.timestamp("s", tz="Asia/Tokyo"), "timestamp", True),
        (pa.int64(), "timestamp", False),
        (pa.timestamp("us"), "date", False),
        (pa.date32(), "date", True),
        (pa.float64(), "decimal(18,2)", True),
        (pa.float64(), "int", False),
        (pa.null(), "int", True),
        (
            pa.large_list(pa.struct([("is_order", pa.bool_()), ("item_id", pa.int16())])),
            "array<struct<item_id:int,is_order:boolean>>",
            True,
        ),
        (
            pa.list_(pa.struct([("item_id", pa.int64()), ("is_order", pa.bool_())])),
            "array<struct<item_id:int,is_order:boolean>>",
            False,
        ),
    ],
)
def test_only_exact_and_widening_types_fit(source: Any, target: str, expected: bool) -> None:
    assert fits(source, contract_type(target)) is expected


def test_every_contract_type_is_known() -> None:
    from footfall.project.contracts import load_contracts

    for contract in load_contracts().values():
        for column in contract.columns:
            assert contract_type(column.data_type) is not None


def test_a_wrong_type_is_refused_with_column_types_and_fix(tmp_path: Path) -> None:
    file = clicks(tmp_path, item_id=pa.array([2], pa.int64()))
    with pytest.raises(FileRejectedError) as error:
        plan_of(file, "shop.clicks")
    text = str(error.value)
    assert str(file) in text
    assert "column 'item_id' is int64, expected int for item_id" in text
    assert "`item_id: {from: item_id}`" in text
    assert plan_of(file, "shop.clicks", {"columns": {"item_id": "item_id"}})


def test_a_conversion_that_loses_nothing_is_made_and_named(tmp_path: Path) -> None:
    columns = {
        "event_time": pa.array([NOON.date()]),
        "user_id": pa.array([1], pa.uint64()),
        "product_id": pa.array(["P"]).dictionary_encode(),
        "interaction_type": pa.array(["view"], pa.large_string()),
    }
    assert plan_of(parquet(tmp_path, **columns), "product.interactions").conversions == (
        "event_time: date32[day] read as timestamp",
        "user_id: uint64 read as string",
    )
    mapped = {"columns": {"event_time": "event_time", "user_id": "user_id"}}
    plan = plan_of(parquet(tmp_path, **columns), "product.interactions", mapped)
    assert plan.conversions == ()


def test_a_number_as_time_is_refused_until_its_unit_is_given(tmp_path: Path) -> None:
    file = clicks(tmp_path, click_time=pa.array([1_700_000_000], pa.int64()))
    with pytest.raises(FileRejectedError, match=r"unit: s\|ms\|us"):
        plan_of(file, "shop.clicks")
    with pytest.raises(FileRejectedError, match=r"unit: s\|ms\|us"):
        plan_of(file, "shop.clicks", {"columns": {"click_time": "click_time"}})
    mapped = {"columns": {"click_time": {"from": "click_time", "unit": "s"}}}
    assert plan_of(file, "shop.clicks", mapped)


def test_a_unit_for_a_time_is_refused(tmp_path: Path) -> None:
    mapped = {"columns": {"click_time": {"from": "click_time", "unit": "ms"}}}
    with pytest.raises(FileRejectedError, match="is a time already"):
        plan_of(clicks(tmp_path), "shop.clicks", mapped)


def test_a_floating_point_id_is_never_text(tmp_path: Path) -> None:
    file = parquet(tmp_path, u=pa.array([1.5]))
    mapped = {"columns": {"user_id": "u"}}
    with pytest.raises(FileRejectedError, match="column 'u' is double, expected string"):
        plan_of(file, "product.interactions", mapped)


def test_a_missing_required_column_is_refused_with_a_near_name(tmp_path: Path) -> None:
    file = clicks(tmp_path, customer_id=None, Customer_ID=pa.array([1], pa.int64()))
    with pytest.raises(FileRejectedError) as error:
        plan_of(file, "shop.clicks")
    assert "required column 'customer_id' (bigint) is missing" in str(error.value)
    assert "`customer_id: Customer_ID`" in str(error.value)


def test_a_missing_optional_column_is_null_and_unused_columns_are_named(tmp_path: Path) -> None:
    plan = plan_of(clicks(tmp_path, extra=pa.array(["x"])), "shop.clicks")
    assert plan.ignored == ("extra",)
    assert [column.column.name for column in plan.kinds[0].columns if not column.sources] == ["dt"]


def test_of_several_names_all_that_the_file_has_are_read(tmp_path: Path) -> None:
    file = clicks(tmp_path, b=pa.array([1]), c=pa.array([1]))
    plan = plan_of(file, "shop.clicks", {"columns": {"customer_id": ["a", "b", "c"]}})
    chosen = {column.column.name: column.sources for column in plan.kinds[0].columns}["customer_id"]
    assert [source.name for source in chosen] == ["b", "c"]
    assert set(plan.ignored) == {"customer_id"}


def test_a_selection_by_an_absent_column_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileRejectedError, match="column 'kind', by which `where` selects"):
        plan_of(clicks(tmp_path), "shop.clicks", {"where": {"kind": ["a"]}})


def zstd(content: bytes) -> bytes:
    return cast("bytes", pa.compress(content, codec="zstd", asbytes=True))


def test_a_csv_header_is_read_with_quotes_mark_and_compression(tmp_path: Path) -> None:
    plain = tmp_path / "a.csv"
    plain.write_bytes('\ufeff"user,id",b\r\n1,2\r\n'.encode())
    assert [c.name for c in inspect(plain, "csv", CsvOptions()).columns] == ["user,id", "b"]
    for name, packed in (("a.tsv.gz", gzip.compress), ("a.TSV.zst", zstd)):
        file = tmp_path / name
        file.write_bytes(packed(b"a\tb\n"))
        assert format_of(file) == "csv"
        shape = inspect(file, "csv", CsvOptions())
        assert [column.name for column in shape.columns] == ["a", "b"]
        assert shape.delimiter == "\t"
    named = inspect(plain, "csv", CsvOptions(columns=["x", "y"]))
    assert [column.name for column in named.columns] == ["x", "y"]


def test_json_columns_come_from_lines_or_an_array(tmp_path: Path) -> None:
    lines = tmp_path / "a.jsonl"
    lines.write_text('{"a": 1}\nbroken\n{"b": {"c": 2}}\n')
    assert [c.name for c in inspect(lines, "json", CsvOptions()).columns] == ["a", "b"]
    array = tmp_path / "b.json"
    array.write_text('[\n {"a": [1, 2]},\n {"d": null}\n]')
    shape = inspect(array, "json", CsvOptions())
    assert [column.name for column in shape.columns] == ["a", "d"]
    assert shape.json_array


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.csv", b"", "the file is empty"),
        ("a.csv", b"\n1,2\n", "the first line is empty"),
        ("a.csv", b"a,a\n1,2\n", "the column 'a' occurs twice"),
        ("a.csv.gz", b"no gzip", "not a readable csv file"),
        ("a.csv.zst", b"no Zstandard", "not a readable csv file"),
        ("a.json", b"a,b\n1,2\n", "neither lines of JSON objects"),
        ("a.parquet", b"PAR1 and then nothing", "not a readable parquet file"),
        ("_a.csv", b"a\n1\n", "hidden file"),
    ],
)
def test_a_file_without_a_readable_head_is_refused(
    tmp_path: Path, name: str, content: bytes, expected: str
) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    file_format = name.split(".")[1]
    with pytest.raises(FileRejectedError, match=expected):
        inspect(file, file_format, CsvOptions())  # type: ignore[arg-type]


def test_damage_behind_the_head_is_found(tmp_path: Path) -> None:
    file = parquet(tmp_path, a=pa.array([str(number) for number in range(10_000)]))
    content = bytearray(file.read_bytes())
    assert damage(file, "parquet") is None
    content[100:600] = b"\xff" * 500
    file.write_bytes(content)
    inspect(file, "parquet", CsvOptions())
    assert damage(file, "parquet")
    for name, packed in (("a.csv.gz", gzip.compress), ("a.csv.zst", zstd)):
        file = tmp_path / name
        file.write_bytes(packed(b"a,b\n" + b"1,2\n" * 100_000)[:-20])
        assert damage(file, "csv")


def test_a_file_is_queued_once_and_again_only_after_a_rejection(tmp_path: Path) -> None:
    queue = Queue(tmp_path / "state")
    offer = Offer("/data/a.csv", "a" * 64, 1, 1, "csv", "{}")
    queue.put(offer, again=False)
    queue.put(offer, again=False)
    assert [file.name for file in queue.manifests.iterdir()] == [f"{'a' * 64}.json"]
    queue.put(offer, again=True)
    assert len(list(queue.manifests.iterdir())) == 2
    assert queue.sha_queued() == {"a" * 64}
    assert queue.known_content() == {("/data/a.csv", 1, 1): "a" * 64}
    queue.forget()
    assert queue.sha_queued() == set()


def test_what_was_loaded_leaves_the_queue_and_stays_known(tmp_path: Path) -> None:
    queue = Queue(tmp_path / "state")
    loaded, waiting, rejected = (
        Offer(f"/data/{name}.csv", name * 64, 1, 1, "csv", "{}") for name in "abc"
    )
    for offer in (loaded, waiting, rejected):
        queue.put(offer, again=False)
    queue.checkpoint.mkdir()
    queue.settle({loaded.sha256, rejected.sha256})
    with queue.settled.open("a") as lines:
        lines.write('\n{"name": "cut o')

    def queued() -> list[str]:
        return sorted(file.name for file in queue.manifests.iterdir())

    assert queued() == [f"{waiting.sha256}.json"]
    again = Queue(tmp_path / "state")
    assert again.sha_queued() == {loaded.sha256, waiting.sha256, rejected.sha256}
    assert set(again.known_content().values()) == again.sha_queued()
    again.put(loaded, again=False)
    assert queued() == [f"{waiting.sha256}.json"]
    again.put(rejected, again=True)
    assert queued() == [f"{waiting.sha256}.json", f"{rejected.sha256}-1.json"]
    again.settle({waiting.sha256, rejected.sha256})
    assert queued() == []
    assert len(again.known_content()) == 3
    again.forget()
    assert again.sha_queued() == set()


def test_a_source_takes_one_ingest_at_a_time(tmp_path: Path) -> None:
    with (
        Queue(tmp_path).lock("shop.clicks"),
        pytest.raises(FootfallError, match=r"Another ingest of shop.clicks is running \(process"),
        Queue(tmp_path).lock("shop.clicks"),
    ):
        pass
    with Queue(tmp_path).lock("shop.clicks"):
        pass


def test_constants_are_checked_by_type(tmp_path: Path) -> None:
    for value, accepted in [("3", True), ("3.5", False), ("3000000000", False)]:
        file = write_mapping(tmp_path, f"columns: {{quantity: {{constant: {value}}}}}")
        if accepted:
            assert load_mapping(file, TRANSACTIONS).columns["quantity"].constant == value
        else:
            with pytest.raises(UsageError, match="is not a valid int"):
                load_mapping(file, TRANSACTIONS)

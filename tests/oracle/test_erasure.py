"""An erased person: the tables of the same files without that person, and no trace in any file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

import footfall.erase.job as job
from footfall.erase import ErasureReport, check_erased, erase
from footfall.errors import FootfallError
from footfall.generate import DirtShares, generate
from footfall.ingest import ingest
from footfall.ingest.types import contract_type
from footfall.project.contracts import load_contracts
from footfall.settings import PROJECT_DIR
from support.data_sets import DataSet
from support.law import (
    ARRIVED,
    FAMILIES,
    Run,
    Schedule,
    as_arrow,
    breaches_of_full_refresh,
    breaches_of_oracle,
    play,
)
from support.projects import project_with
from support.reference import Oracle, core_actions
from support.thorough import only_thorough

START = date(2025, 8, 29)
DAYS = 5
NEWEST_DAY = START + timedelta(days=DAYS + 1)
USER, CUSTOMER = "needle'\"/ü 7f3a", 987_654_321_987
NEEDLES = (b"needle", str(CUSTOMER).encode(), CUSTOMER.to_bytes(8, "little"))
"""What no escape, cut or encoding of the ids leaves out."""
SOMEBODY, SOMEBODY_ELSE = 123_456_789_012, 223_456_789_012
"""Customers who come after the person, in this order, under the same key."""
pytestmark = only_thorough

SOURCES = ("product", "app", "shop", "crm")
LAYERS = {"bronze", "silver", "gold", "training", "quality"}
VARS = ("--vars", json.dumps({"sources": SOURCES}))
EMPTIED = "crm.support_interactions"
IDS = {"user": USER, "customer": str(CUSTOMER)}


class KilledError(Exception):
    """Stands for the end of the process."""


@dataclass
class Landing:
    """Files of each entity, in the order of their loads."""

    folder: Path
    loads: list[dict[str, list[Path]]] = field(default_factory=list)

    def write(self, load: int, name: str, file: str, table: pa.Table) -> None:
        path = self.folder / str(load) / name / file
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, path)
        self.add(load, name, path)

    def add(self, load: int, name: str, path: Path) -> None:
        while len(self.loads) <= load:
            self.loads.append({})
        self.loads[load].setdefault(name, []).append(path)

    def ingest(self, data: DataSet) -> None:
        """Load all files; entities of one load side by side."""
        for load in self.loads:
            with ThreadPoolExecutor(4) as pool:
                list(pool.map(lambda item: data.ingest(item[0], *item[1]), load.items()))


def column_of(name: str) -> tuple[str, Any]:
    """Return the identifying column of an entity and the person's id in it."""
    contract = load_contracts()[name]
    if users := contract.identifiers_of("user"):
        return users[0].name, USER
    return contract.identifiers_of("customer")[0].name, CUSTOMER


def with_id(table: pa.Table, name: str, whose: Any) -> pa.Table:
    """Return the rows with the person's id in place of somebody's (``None``: of everybody's)."""
    column, sought = column_of(name)
    index = table.column_names.index(column)
    values = table[column]
    mask = pc.equal(values, whose) if whose is not None else pa.scalar(True)
    new = pc.if_else(pc.fill_null(mask, False), pa.scalar(sought, values.type), values)
    return table.set_column(index, column, new)


def without(table: pa.Table, name: str) -> pa.Table:
    column, sought = column_of(name)
    return table.filter(pc.fill_null(pc.not_equal(table[column], sought), True))


def one_row(name: str, **values: Any) -> pa.Table:
    types = {column.name: column.data_type for column in load_contracts()[name].columns}
    fields = [(column, contract_type(types[column])) for column in values]
    return pa.Table.from_pylist([values], schema=pa.schema(fields))


@pytest.fixture(scope="module")
def landings(tmp_path_factory: pytest.TempPathFactory) -> tuple[Landing, Landing]:
    """The files with the person, and the same files without."""
    folder = tmp_path_factory.mktemp("erase")
    dirt = DirtShares(duplicates=0.05, null_keys=0.02, unknown_types=0.1, non_positive_payments=0.1)
    truth = generate(folder / "generated", DAYS, 60, seed=7, start=START, dirt=dirt)
    person, others = Landing(folder / "person"), Landing(folder / "others")
    people = {"user": most_frequent(folder, "product.interactions"), "customer": None}
    people["customer"] = most_frequent(folder, "crm.transactions")
    for name in truth["entities"]:
        source, entity = name.split(".")
        if source not in SOURCES:
            continue
        space = "user" if load_contracts()[name].identifiers_of("user") else "customer"
        whose = None if name == EMPTIED else people[space]
        for file in sorted((folder / "generated" / source / entity).glob("*.parquet")):
            table = with_id(pq.read_table(file), name, whose)
            person.write(0, name, file.name, table)
            if name != EMPTIED:
                others.write(0, name, file.name, without(table, name))
    _add_newest_day(person)
    _add_two_people_keys(person, others)
    _add_unreadable_ids(person, others)
    return person, others


def most_frequent(folder: Path, name: str) -> Any:
    column, _ = column_of(name)
    values = pq.read_table(folder / "generated" / name.replace(".", "/"))[column].drop_null()
    counts = values.value_counts()
    return max(counts.to_pylist(), key=lambda row: row["counts"])["values"]


def at(day: date, hour: int = 12) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=timezone.utc)


def _add_newest_day(person: Landing) -> None:
    """The person alone has events on the newest day: the edge of the data moves."""
    seen = {"event_time": at(NEWEST_DAY), "user_id": USER, "product_id": "p1"}
    view = one_row("product.interactions", **seen, interaction_type="view")
    person.write(1, "product.interactions", "newest.parquet", view)
    event = {"event_id": "newest", "customer_id": CUSTOMER, "event_type": "search"}
    newest = one_row("crm.events", **event, event_timestamp=at(NEWEST_DAY))
    person.write(1, "crm.events", "newest.parquet", newest)


def _add_two_people_keys(person: Landing, others: Landing) -> None:
    """A transaction was delivered for the person, and later for others on other days.

    The last of them lies on a day that no table can hold. An event, too, came under its id for the
    person first, and for somebody else on the same day. So did what somebody else did on the
    person's device, as a later delivery without the device.
    """

    def paid(customer: int, day: date, price: int) -> pa.Table:
        return one_row(
            "crm.transactions", transaction_id="twice", customer_id=customer, product_id="p1",
            quantity=1, price=Decimal(price), currency="EUR", payment_method="card",
            transaction_time=at(day), transaction_status="completed",
        )  # fmt: skip

    def seen(user: str, hour: int) -> pa.Table:
        return one_row(
            "product.interactions", event_time=at(START, hour), user_id=user, product_id="p1",
            interaction_type="view", event_id="shared",
        )  # fmt: skip

    def clicked(**device: str) -> pa.Table:
        return one_row(
            "product.interactions", event_time=at(START, 14), user_id="somebody", product_id="p1",
            interaction_type="click", **device,
        )  # fmt: skip

    person.write(1, "product.interactions", "device.parquet", clicked(anonymous_id=USER))
    person.write(1, "crm.transactions", "first.parquet", paid(CUSTOMER, START, 10))
    person.write(1, "product.interactions", "first.parquet", seen(USER, 8))
    for landing in (person, others):
        landing.write(2, "product.interactions", "later.parquet", seen("somebody", 9))
        landing.write(2, "product.interactions", "no-device.parquet", clicked())
        later = pa.concat_tables(
            [
                paid(SOMEBODY, START - timedelta(days=40), 20),
                paid(SOMEBODY_ELSE, START, 30),
                paid(SOMEBODY_ELSE, date.max, 40),
            ]
        )
        landing.write(2, "crm.transactions", "later.parquet", later)


def _add_unreadable_ids(person: Landing, others: Landing) -> None:
    """Ids that ingestion cannot read stand in its errors."""
    header = "event_id,customer_id,event_type,event_timestamp\n"
    stamp = at(START).isoformat()
    mine = f"raw1,no {CUSTOMER},search,{stamp}\n"
    theirs = f"raw2,no {SOMEBODY},search,{stamp}\nraw3,?,search,{stamp}\n"
    for landing, text in ((person, mine + theirs), (others, theirs)):
        file = landing.folder / "raw.csv"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(header + text)
        landing.add(2, "crm.events", file)


@contextmanager
def environment(data: DataSet) -> Iterator[pytest.MonkeyPatch]:
    """The environment in which dbt builds this data set's schemas."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FOOTFALL_DB_SCHEMA", data.settings.db_schema)
        patch.setenv("DBT_TARGET_PATH", str(data.target))
        patch.setenv("DBT_LOG_PATH", str(data.target / "logs"))
        data._tables.clear()
        yield patch


def erase_from(data: DataSet, **options: Any) -> ErasureReport:
    with environment(data):
        return erase(data.spark, settings=data.settings, **options)


@pytest.fixture(scope="module")
def data(landings: tuple[Landing, Landing], data_set: Callable[[str], DataSet]) -> DataSet:
    """A build of the files with the person."""
    data = data_set("erased")
    landings[0].ingest(data)
    data.build(*VARS)
    return data


@pytest.fixture(scope="module")
def without_person(
    landings: tuple[Landing, Landing], new_oracle: Callable[[], Oracle]
) -> tuple[Oracle, dict[str, int]]:
    """The oracle of the files without the person, and the rows in them by entity."""
    oracle = new_oracle()
    rows = dict.fromkeys(load_contracts(), 0)
    for load in landings[1].loads:
        for name, files in load.items():
            for file in files:
                if file.suffix == ".csv":
                    # Its customer ids are no numbers.
                    query = (
                        "select * replace (null::bigint as customer_id), ['customer_id'] as errors "
                        f"from read_csv('{file}')"
                    )
                else:
                    query = f"select *, null::varchar[] as errors from read_parquet('{file}')"
                rows[name] += oracle.one(f"select count(*) from ({query})")
                oracle.load(name, query)
    oracle.judge()
    return oracle, rows


@pytest.fixture(scope="module")
def dry(data: DataSet) -> ErasureReport:
    """A dry run, which must leave every table as it is."""
    before = data.versions()
    report = erase_from(data, **IDS, dry_run=True)
    assert data.versions() == before
    logs = [file for file in files_of(data) if file.parent.name == "_delta_log"]
    assert any(map(mentions_person, logs)), "the log's statistics do not exercise --purge"
    return report


@pytest.fixture(scope="module")
def erased(data: DataSet, dry: ErasureReport) -> ErasureReport:
    """An erasure that is killed again and again: after each stage, and inside of two."""

    def kill_at(stage: str) -> Callable[[int, int, str], None]:
        def progress(_done: int, _total: int, label: str) -> None:
            if label.endswith(stage):
                raise KilledError

        return progress

    def die(*_arguments: object) -> None:
        raise KilledError

    with pytest.raises(KilledError):
        stopped = kill_at("crm__support_interactions")
        erase_from(data, **IDS, reason="ticket 1", progress=stopped)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(KilledError):
        patch.setattr(job, "rebuild", die)
        erase_from(data, **IDS, reason="ticket 1")
    with pytest.raises(FootfallError, match="begun with a customer id"):
        erase_from(data, user=USER, reason="ticket 1")
    with pytest.MonkeyPatch.context() as patch, pytest.raises(KilledError):
        patch.setattr(job, "rebuild", lambda *_: None)
        purged = kill_at("purged erased_bronze.crm__transactions")
        erase_from(data, **IDS, reason="ticket 1", purge=True, progress=purged)
    return erase_from(data, **IDS, reason="ticket 1", purge=True)


def test_the_dry_run_tells_what_the_erasure_then_does(
    dry: ErasureReport, erased: ErasureReport
) -> None:
    assert dry.state == "found"
    assert (dry.rows, dry.dates, dry.rebuilt) == (erased.rows, erased.dates, erased.rebuilt)
    assert erased.resumed and erased.purged
    assert {START, NEWEST_DAY, START - timedelta(days=40)} <= set(dry.dates)
    assert dry.rebuilt == ["stg_product__interactions"]
    # All bronze and staging tables, the snapshot, marts, training and the quarantine.
    assert len(dry.rows) >= 30
    assert {table.split(".")[0] for table in dry.rows} == {f"erased_{layer}" for layer in LAYERS}


def test_the_tables_are_those_of_the_same_files_without_the_person(
    data: DataSet, erased: ErasureReport, without_person: tuple[Oracle, dict[str, int]]
) -> None:
    oracle, rows = without_person
    assert breaches_of_oracle(data, oracle) == {}
    for contract in load_contracts().values():
        counted = f"select count(*) from {{bronze}}.{contract.identifier}"
        assert data.rows(counted) == [(rows[contract.name],)], contract.name


def test_a_full_refresh_changes_nothing_after_an_erasure(
    data: DataSet, erased: ErasureReport
) -> None:
    """What the oracle does not know, the models themselves do."""
    assert breaches_of_full_refresh(data, *VARS) == {}


def test_every_row_is_accounted_for_after_an_erasure(data: DataSet, erased: ErasureReport) -> None:
    data.dbt("test", "--select", "assert_every_row_is_accounted_for", *VARS)


def test_no_file_holds_the_ids(data: DataSet, erased: ErasureReport) -> None:
    files = files_of(data)
    assert len(files) > 150
    assert [str(file) for file in files if mentions_person(file)] == []


def files_of(data: DataSet) -> list[Path]:
    """Return the files of a data set: tables, logs, and the state of ingestion."""
    schemas = data.settings.local_warehouse.glob(f"{data.settings.db_schema}_*.db")
    folders = [*schemas, data.settings.ingest_dir]
    return [file for folder in folders for file in folder.rglob("*") if file.is_file()]


def mentions_person(file: Path) -> bool:
    """Read a file as bytes and, if it is Parquet, by its values and its statistics."""
    content = file.read_bytes()
    if file.suffix == ".parquet":
        parquet = pq.ParquetFile(file)
        content += f"{parquet.read().to_pylist()} {parquet.metadata.to_dict()}".encode()
    return any(needle in content for needle in NEEDLES)


def test_the_ids_would_be_found_in_the_files(landings: tuple[Landing, Landing]) -> None:
    """The search above finds them where they are."""
    for name in ("product.interactions", "crm.transactions"):
        person, others = (landing.loads[0][name] for landing in landings)
        assert any(map(mentions_person, person))
        assert not any(map(mentions_person, others))


def test_the_erasure_is_on_record_without_the_ids(data: DataSet, erased: ErasureReport) -> None:
    [entry] = check_erased(data.spark, user=USER, settings=data.settings)
    assert (entry.state, entry.reason, entry.rows) == ("done", "ticket 1", erased.total_rows)
    assert entry.finished_at and entry.purged_at and entry.started_at <= entry.finished_at
    assert check_erased(data.spark, customer=str(CUSTOMER), settings=data.settings) == [entry]
    # A user id is no customer id.
    assert check_erased(data.spark, user=str(CUSTOMER), settings=data.settings) == []
    key = data.settings.home / "erasure.key"
    assert key.stat().st_mode & 0o777 == 0o600


def test_a_second_erasure_finds_nothing(data: DataSet, erased: ErasureReport) -> None:
    before = data.versions()
    for options in ({}, {"purge": True}, {"dry_run": True}):
        with pytest.raises(FootfallError, match="Nothing was found"):
            erase_from(data, **IDS, reason="again", **options)
    assert data.versions() == before


def test_files_that_held_the_person_alone_are_not_loaded_again(
    data: DataSet, erased: ErasureReport, landings: tuple[Landing, Landing]
) -> None:
    files = landings[0].loads[0][EMPTIED]
    report = ingest(EMPTIED, [str(file) for file in files], settings=data.settings)
    assert (len(report.skipped), report.rows) == (len(files), 0)
    more = landings[0].folder / "more.parquet"
    somebodys = {
        "interaction_id": "of somebody", "customer_id": SOMEBODY, "interaction_date": START,
        "interaction_type": "chat",
    }  # fmt: skip
    pq.write_table(one_row(EMPTIED, **somebodys), more)
    assert data.ingest(EMPTIED, more).load_ids == [2]


def test_a_customer_is_erased_without_a_purge_and_purged_later(
    data: DataSet, erased: ErasureReport
) -> None:
    table = data.name("bronze", "crm__transactions")
    customer = str(SOMEBODY)
    report = erase_from(data, customer=customer, reason="ticket 2")
    assert report.rows[table] == 1 and not report.purged and not report.resumed
    follows = (
        "select customer_id from {silver}.stg_crm__transactions where transaction_id = 'twice'"
    )
    assert data.rows(follows) == [(SOMEBODY_ELSE,)]
    # The log tells what was done, and not to whom.
    assert customer not in str(data.rows("describe history {bronze}.crm__transactions"))
    files = [file for file in table_folder(data, table).rglob("*.parquet") if holds(file, SOMEBODY)]
    assert files
    later = erase_from(data, customer=customer, reason="ticket 2", purge=True)
    assert later.purged and not later.rows and later.erasure_id == report.erasure_id
    assert not any(file.exists() for file in files)
    [entry] = check_erased(data.spark, customer=customer, settings=data.settings)
    assert entry.purged_at and entry.rows == report.total_rows


def table_folder(data: DataSet, table: str) -> Path:
    schema, name = table.split(".")
    return data.settings.local_warehouse / f"{schema}.db" / name


def holds(file: Path, customer: int) -> bool:
    parquet = pq.ParquetFile(file)
    if "customer_id" not in parquet.schema_arrow.names:
        return False
    return customer in parquet.read(["customer_id"])["customer_id"].to_pylist()


def test_devices_that_only_a_call_told_of_are_whose_they_were_without_the_person(
    data_set: Callable[[str], DataSet],
) -> None:
    """One device is nobody's again, the other that of the next user who was identified on it."""
    day = date(2025, 3, 1)
    viewed = {"product_id": "P", "interaction_type": "view"}
    views = [
        {"event_time": at(day - timedelta(days=9 * n)), "user_id": device, "anonymous_id": device}
        | viewed
        for n, device in enumerate(("D", "D", "E"))
    ]
    of_person = [
        {"event_time": at(day, hour), "user_id": USER, "anonymous_id": device}
        for hour, device in ((14, "D"), (15, "E"))
    ]
    of_next = {"event_time": at(day, 16), "user_id": "next", "anonymous_id": "E"}
    rows = {"product.interactions": views, "app.identify_calls": [*of_person, of_next]}
    family = FAMILIES["engagement"]
    definitions = replace(family.definitions, identify_by="first_known")
    marts = ("+fct_active_users_daily", "+fct_user_product_daily", "+dq_load_reconciliation")
    schedule = Schedule(family, (rows,), (Run(0, ("--select", *marts)),), definitions)
    oracle = Oracle(core_actions(PROJECT_DIR / "seeds" / "action_types.csv"), definitions, ARRIVED)
    for name, remaining in (rows | {"app.identify_calls": [of_next]}).items():
        oracle.connection.register("remaining", as_arrow(name, remaining))
        oracle.load(name, "select *, null::varchar[] as errors from remaining")
    oracle.judge()
    text = (PROJECT_DIR / "dbt_project.yml").read_text()
    set_by_project = text.replace("identify_by: user_id", "identify_by: first_known")
    assert set_by_project != text
    data = data_set("erased_devices")
    users = (
        "select user_id, sum(view_count) from {gold}.fct_user_product_daily group by 1 order by 1"
    )
    with project_with({"dbt_project.yml": set_by_project}):
        play(data, schedule)
        assert data.rows(users) == [(USER, 3)]
        report = erase_from(data, user=USER, reason="ticket 3")
        assert report.rows[data.name("silver", "stg_app__identify_calls")] == 2
        assert breaches_of_oracle(data, oracle) == {}
        assert data.rows(users) == [("D", 2), ("next", 1)]

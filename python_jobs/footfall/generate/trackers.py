"""The simulated shop's interactions as a tracker would export them: ``generate --as segment``.

Each tracker's events lie in ``<out>/events/dt=<day of arrival>``, as lines of JSON (Snowplow: of
tab-separated values). A few lines are cut off, as a broken upload would leave them. Trackers that
have calls which only tell whose a device is send one for each device, some of them days later.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, get_args

import pyarrow.parquet as pq

from footfall.generate.run import Progress, generate, prepare_folder, write_truth
from footfall.ingest import mapped_entities, read_mapping, shipped_mapping

Tracker = Literal["segment", "snowplow", "ga4", "posthog", "amplitude", "mixpanel"]
TRACKERS: tuple[Tracker, ...] = get_args(Tracker)
EVENTS_FOLDER = "events"
CUT_OFF_EVERY = 400
"""Of so many lines one is cut off."""

IDENTIFY_CALLS = "app.identify_calls"
IDENTIFY = "identify"
"""The kind of an event that is a call which only identifies."""

ROWS_AT_A_TIME = 50_000
PRODUCT_EVENTS = {
    "view": "Product Viewed",
    "click": "Product Clicked",
    "purchase": "Order Completed",
}
"""Segment's Ecommerce Spec v2, whose names the product analytics tools recommend, too."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Event:
    """What happened, before it takes a tracker's form.

    Attributes:
        kind: view, click, purchase, page, identify, or a name that no mapping knows.
        time: when it happened, UTC; None where the row lost it.
        user: who acted; None where the row lost it.
        products: the products of a view, a click or a purchase.
        owner: whose device it is, where it is not the user's own.
    """

    kind: str
    time: datetime | None
    user: str | None
    products: tuple[str | None, ...] = ()
    page: str | None = None
    version: str | None = None
    referrer: str | None = None
    owner: str | None = None

    @property
    def id(self) -> str:
        """The same for an event that is delivered twice."""
        text = repr((self.kind, self.time, self.user, self.products, self.page, self.referrer))
        return _digest(text)

    @property
    def device(self) -> str | None:
        """The id that the device has before the user signs in."""
        owner = self.owner or self.user
        return f"device-{owner}" if owner else None

    @property
    def known_user(self) -> str | None:
        """The user, where signed in: in about three of four events, and never of some users."""
        if not self.user or _one_in_four(self.id) or _one_in_four(_digest(self.user)):
            return None
        return self.user

    @property
    def iso(self) -> str | None:
        """The time as trackers write it, to the microsecond."""
        return self.time.strftime("%Y-%m-%dT%H:%M:%S.%fZ") if self.time else None


def _digest(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _one_in_four(digest: str, place: int = 0) -> bool:
    return int(digest[place], 16) < 4


@dataclass
class _IdentifyCalls:
    """The calls that tell whose a device is, from the day of its first event.

    Attributes:
        last_day: no call arrives later.
        known: users whose devices are told of.
        due: the calls that have not arrived yet, by day of arrival.
        late: how many arrive on a later day than the event.
    """

    last_day: date
    known: set[str] = field(default_factory=set)
    due: dict[date, list[Event]] = field(default_factory=lambda: defaultdict(list))
    late: int = 0

    def beside(self, events: Iterable[Event], day: date) -> Iterator[Event]:
        """Yield the events that arrive on a day, then the calls that do."""
        for event in events:
            if event.user and event.time and event.user not in self.known:
                self.known.add(event.user)
                self._plan(event.user, event.time, day)
            yield event
        yield from self.due.pop(day, ())

    def _plan(self, user: str, first_seen: datetime, day: date) -> None:
        """One call in four comes days after its event; on one device in four a guest was first."""
        digest = _digest(user)
        signed_in = Event(IDENTIFY, first_seen + timedelta(minutes=5), user)
        self._send(signed_in, day, days_later=2 if _one_in_four(digest, 1) else 0)
        if _one_in_four(digest, 2):
            guest = Event(IDENTIFY, first_seen - timedelta(hours=1), f"guest-{user}", owner=user)
            self._send(guest, day, days_later=1)

    def _send(self, call: Event, day: date, days_later: int) -> None:
        arrival = min(day + timedelta(days=days_later), self.last_day)
        self.due[arrival].append(call)
        self.late += arrival > day


def _events(file: Path) -> Iterator[Event]:
    """Yield the events of a landing file of product or app interactions.

    Two purchases of a user that follow each other within an hour are one order.
    """
    waiting: Event | None = None
    for batch in pq.ParquetFile(file).iter_batches(ROWS_AT_A_TIME):
        for row in batch.to_pylist():
            if "action_type" in row:
                kind = "page" if row["action_type"] == "page_view" else str(row["action_type"])
                yield Event(
                    kind,
                    row["event_time"],
                    row["user_id"],
                    page=row["page_id"],
                    version=row["app_version"],
                    referrer=row["referrer"],
                )
                continue
            event = Event(
                str(row["interaction_type"]),
                row["event_time"],
                row["user_id"],
                (row["product_id"],),
            )
            if waiting is not None and _same_order(waiting, event):
                yield Event(
                    "purchase", waiting.time, waiting.user, waiting.products + event.products
                )
                waiting = None
                continue
            if waiting is not None:
                yield waiting
            waiting = event if event.kind == "purchase" else None
            if waiting is None:
                yield event
    if waiting is not None:
        yield waiting


def _same_order(first: Event, second: Event) -> bool:
    if second.kind != "purchase" or not first.user or first.user != second.user:
        return False
    if first.time is None or second.time is None or first.time.date() != second.time.date():
        return False
    return first.products != second.products and second.time - first.time < timedelta(hours=1)


def _segment(event: Event) -> Row:
    row: Row = {
        "messageId": event.id,
        "anonymousId": event.device,
        "userId": event.known_user,
        "timestamp": event.iso,
        "context": {"library": {"name": "analytics.js"}, "app": {"version": event.version}},
    }
    if event.kind == IDENTIFY:
        told = {"type": "identify", "userId": event.user}
        if _one_in_four(event.id):
            told |= {"type": "alias", "previousId": event.device}
        return row | told
    if event.kind == "page":
        properties = {"path": event.page, "referrer": event.referrer}
        return row | {"type": "page", "name": "Page", "properties": properties}
    return row | {"type": "track"} | _ecommerce("event", "properties", event)


def _ecommerce(name: str, properties: str, event: Event) -> Row:
    """Return an event's name and properties by Segment's Ecommerce Spec."""
    if event.kind == "purchase":
        products = [{"product_id": product, "quantity": 1} for product in event.products]
        return {name: PRODUCT_EVENTS["purchase"], properties: {"products": products}}
    product = {"product_id": event.products[0]} if event.products else {"page": event.page}
    return {name: PRODUCT_EVENTS.get(event.kind, event.kind), properties: product}


def _ga4(event: Event) -> Row:
    names = {"view": "view_item", "click": "select_item", "page": "page_view"}
    micros = None
    if event.time is not None:
        micros = round(
            (event.time - datetime(1970, 1, 1, tzinfo=timezone.utc)) / timedelta(microseconds=1)
        )
    params = [
        {"key": "ga_session_id", "value": {"int_value": 1}},
        {"key": "page_location", "value": {"string_value": event.page}},
        {"key": "page_referrer", "value": {"string_value": event.referrer}},
    ]
    return {
        "event_timestamp": micros,
        "event_name": names.get(event.kind, event.kind),
        "event_params": params if event.kind == "page" else params[:1],
        "user_id": event.known_user,
        "user_pseudo_id": event.device,
        "app_info": {"version": event.version},
        "items": [{"item_id": product, "quantity": 1} for product in event.products],
    }


def _posthog(event: Event) -> Row:
    who = {"distinct_id": event.known_user or event.device}
    row: Row = {"uuid": event.id, "timestamp": event.iso} | who
    common = {"$device_id": event.device}
    if event.kind == IDENTIFY:
        name, former = "$identify", "$anon_distinct_id"
        if _one_in_four(event.id):
            name, former = "$create_alias", "alias"
        told = {"distinct_id": event.user, "properties": common | {former: event.device}}
        return row | {"event": name} | told
    if event.kind == "page":
        properties = {
            "$pathname": event.page,
            "$referrer": event.referrer,
            "$app_version": event.version,
        }
        return row | {"event": "$pageview", "properties": common | properties}
    named = _ecommerce("event", "properties", event)
    return row | named | {"properties": common | named["properties"]}


def _amplitude(event: Event) -> Row:
    time = event.time and event.time.strftime("%Y-%m-%d %H:%M:%S.%f")
    row: Row = {
        "$insert_id": event.id,
        "user_id": event.known_user,
        "device_id": event.device,
        "event_time": time,
        "version_name": event.version,
    }
    if event.kind == IDENTIFY:
        return row | {"event_type": "$identify", "user_id": event.user, "event_properties": {}}
    if event.kind == "page":
        properties = {"[Amplitude] Page Path": event.page, "referrer": event.referrer}
        return row | {"event_type": "[Amplitude] Page Viewed", "event_properties": properties}
    return row | _ecommerce("event_type", "event_properties", event)


def _mixpanel(event: Event) -> Row:
    seconds = event.time and int(event.time.timestamp())
    common = {"time": seconds, "$insert_id": event.id, "$device_id": event.device}
    if event.kind == IDENTIFY:
        told = {"distinct_id": event.user, "$identified_id": event.user, "$anon_id": event.device}
        return {"event": "$identify", "properties": common | told}
    device = event.device and f"$device:{event.device}"
    common |= {"$user_id": event.known_user, "distinct_id": event.known_user or device}
    if event.kind == "page":
        properties = {
            "current_url_path": event.page,
            "$referrer": event.referrer,
            "$app_version_string": event.version,
        }
        return {"event": "$mp_web_page_view", "properties": common | properties}
    named = _ecommerce("event", "properties", event)
    return named | {"properties": common | named["properties"]}


_IGLU = "iglu:com.snowplowanalytics.snowplow"


def _snowplow(event: Event) -> Row:
    time = event.time and event.time.strftime("%Y-%m-%d %H:%M:%S.%f")
    row: Row = {
        "app_id": "shop",
        "platform": "web",
        "collector_tstamp": time,
        "derived_tstamp": time,
        "event_id": event.id,
        "user_id": event.known_user,
        "domain_userid": event.device,
    }
    if event.kind == "page":
        names = {"page_urlpath": event.page, "page_referrer": event.referrer}
        return row | {"event": "page_view", "event_name": "page_view"} | names
    kinds = {"view": "product_view", "click": "list_click", "purchase": "transaction"}
    action = {
        "schema": f"{_IGLU}.ecommerce/snowplow_ecommerce_action/jsonschema/1-0-2",
        "data": {"type": kinds.get(event.kind, event.kind)},
    }
    page = {"schema": f"{_IGLU}/web_page/jsonschema/1-0-0", "data": {"id": event.id}}
    schema = f"{_IGLU}.ecommerce/product/jsonschema/1-0-0"
    products = [{"schema": schema, "data": {"id": product}} for product in event.products]
    return row | {
        "event": "unstruct",
        "event_name": "snowplow_ecommerce_action",
        "unstruct_event": json.dumps(
            {"schema": f"{_IGLU}/unstruct_event/jsonschema/1-0-0", "data": action}
        ),
        "contexts": json.dumps(
            {"schema": f"{_IGLU}/contexts/jsonschema/1-0-1", "data": [page, *products]}
        ),
    }


FORMS: dict[Tracker, Callable[[Event], Row]] = {
    "segment": _segment,
    "snowplow": _snowplow,
    "ga4": _ga4,
    "posthog": _posthog,
    "amplitude": _amplitude,
    "mixpanel": _mixpanel,
}


@dataclass
class _Truth:
    """What is true of the events that were written."""

    events: int = 0
    cut_off: int = 0
    files: int = 0
    kinds: dict[str, int] = field(default_factory=lambda: defaultdict(int))


def generate_as(
    tracker: Tracker,
    out: Path,
    days: int,
    users: int,
    seed: int,
    start: date = date(2025, 8, 1),
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Write the simulated interactions of product and app as a tracker's export.

    Duplicates, late rows and rows that lack a value are those of :func:`generate`; besides, a line
    in :data:`CUT_OFF_EVERY` is cut off.

    Args:
        tracker: whose form the events take.
        out: a new or empty folder.
        days: how many days to simulate, at least 1.
        users: how many users there are by the end, at least 1.
        seed: of all random numbers.
        start: the first day, UTC.
        progress: called with days done, days in all, and what was done.

    Returns:
        The truth: ``events``, ``cut_off`` lines, ``files``, ``kinds``, the events of each kind, and
        ``late_identify_calls``, which arrived days after they were made.

    Raises:
        UsageError: an argument is out of range, or ``out`` is not empty.
    """
    prepare_folder(out, overwrite=False)
    mapping = shipped_mapping(tracker)
    # Of Snowplow's lines; the others are JSON.
    columns = read_mapping(mapping).csv.columns
    identifies = IDENTIFY_CALLS in mapped_entities(mapping)
    calls = _IdentifyCalls(start + timedelta(days=days - 1))
    truth = _Truth()
    with TemporaryDirectory(prefix="footfall-") as temporary:
        plain = Path(temporary) / "landing"
        generate(plain, days, users, seed, start, progress=progress)
        for day in range(days):
            arrival = start + timedelta(days=day)
            folder = out / EVENTS_FOLDER / f"dt={arrival}"
            events = _events_of(plain, arrival)
            arriving = calls.beside(events, arrival) if identifies else events
            _write_day(FORMS[tracker], columns, arriving, folder, truth)
    told = {
        "tracker": tracker,
        "seed": seed,
        "start": start.isoformat(),
        "days": days,
        "users": users,
        "files": truth.files,
        "events": truth.events,
        "cut_off": truth.cut_off,
        "late_identify_calls": calls.late,
        "kinds": dict(sorted(truth.kinds.items())),
    }
    write_truth(out, told)
    return told


def _events_of(plain: Path, day: date) -> Iterator[Event]:
    """Yield the events that arrived on a day."""
    for source in ("product", "app"):
        file = plain / source / "interactions" / f"interactions-{day}.parquet"
        if file.exists():
            yield from _events(file)


def _write_day(
    form: Callable[[Event], Row],
    columns: list[str] | None,
    events: Iterable[Event],
    folder: Path,
    truth: _Truth,
) -> None:
    name = "events.tsv.gz" if columns else "events.jsonl.gz"
    folder.mkdir(parents=True)
    fresh = folder / f".{name}"
    with gzip.open(fresh, "wt", encoding="utf-8", compresslevel=1) as lines:
        for event in events:
            line = _line(form(event), columns)
            truth.events += 1
            truth.kinds[event.kind] += 1
            if truth.events % CUT_OFF_EVERY == 0:
                line = line[: len(line) // 2]
                truth.cut_off += 1
            lines.write(line + "\n")
    fresh.replace(folder / name)
    truth.files += 1


def _line(row: Row, columns: list[str] | None) -> str:
    if columns is None:
        return json.dumps(row, separators=(",", ":"))
    # Nothing is quoted: a tab in a value would begin the next one.
    return "\t".join((row.get(name) or "").replace("\t", " ") for name in columns)

"""What a tracker's raw files say, told by DuckDB: the oracle of the shipped mappings.

The queries know nothing of the mappings: each takes the lines as text and picks the values by JSON
paths of its own, or by the numbers of Snowplow's columns.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from footfall.generate.trackers import Tracker

_LINES = """
    create view lines as
    select column0 as line
    from read_csv(
        '{files}', columns = {{'column0': 'varchar'}}, delim = '\x01', quote = '', escape = '',
        header = false, auto_detect = false, max_line_size = 10000000
    )
"""
_EVENTS = "create view events as select cast(line as json) as e from lines where json_valid(line)"
_TABS = """
    create view events as
    select f, f[127] as name, cast(nullif(f[59], '') as json) as action,
        cast(nullif(f[53], '') as json) as contexts
    from (select string_split(line, chr(9)) as f from lines)
    where len(f) = 131
"""

_NAMES = "'Product Viewed', 'Product Clicked', 'Product Added', 'Order Completed'"
_KIND = """
    case name when 'Product Viewed' then 'view' when 'Order Completed' then 'purchase'
        else 'click' end
"""


def _first(*values: str) -> str:
    """Return the first of some texts that is more than blanks."""
    return f"coalesce({', '.join(_not_blank(value) for value in values)})"


def _not_blank(value: str) -> str:
    return rf"case when regexp_matches({value}, '\S') then {value} end"


def _by_spec(name: str, properties: str, at: str, who: str, device: str, event_id: str) -> str:
    """Return product interactions of a tracker that keeps to Segment's names of events."""
    return f"""
        with named as (
            select e, e ->> '$.{name}' as name, {at} as moment, {who} as who, {device} as device,
                e ->> '$.{event_id}' as id
            from events
        )
        select moment, who, device, id, {_KIND} as kind,
            unnest(
                if(
                    name = 'Order Completed',
                    cast(e -> '$.{properties}.products[*].product_id' as json[]),
                    [e -> '$.{properties}.product_id']
                )
            ) ->> '$' as product
        from named where name in ({_NAMES})
    """


_INSERTED = '"$insert_id"'
_ISO = "cast(e ->> '$.timestamp' as timestamptz)"
_SEGMENT_WHO = _first("e ->> '$.userId'", "e ->> '$.anonymousId'")
_AMPLITUDE_AT = "cast((e ->> '$.event_time') || '+00' as timestamptz)"
_AMPLITUDE_WHO = _first("e ->> '$.user_id'", "e ->> '$.device_id'")
_MIXPANEL_AT = "to_timestamp(cast(e ->> '$.properties.time' as bigint))"
_MIXPANEL_ID = "e ->> '$.properties.distinct_id'"
_MIXPANEL_WHO = _first(
    "e ->> '$.properties.\"$user_id\"'", "e ->> '$.properties.\"$device_id\"'", _MIXPANEL_ID
)
_MIXPANEL_DEVICE = _first("e ->> '$.properties.\"$device_id\"'", _MIXPANEL_ID)
_GA4_AT = "make_timestamptz(cast(e ->> '$.event_timestamp' as bigint))"
_GA4_WHO = _first("e ->> '$.user_id'", "e ->> '$.user_pseudo_id'")
_TABS_AT = "cast(nullif(f[125], '') || '+00' as timestamptz)"
_TABS_WHO = _first("f[13]", "f[16]")
_SEGMENT_DEVICE, _AMPLITUDE_DEVICE = "e ->> '$.anonymousId'", "e ->> '$.device_id'"
_GA4_DEVICE, _TABS_DEVICE = "e ->> '$.user_pseudo_id'", "nullif(f[16], '')"
_POSTHOG_WHO = "e ->> '$.distinct_id'"
_POSTHOG_DEVICE = _first("e ->> '$.properties.\"$device_id\"'", _POSTHOG_WHO)

PRODUCTS: dict[Tracker, str] = {
    "segment": _by_spec("event", "properties", _ISO, _SEGMENT_WHO, _SEGMENT_DEVICE, "messageId"),
    "posthog": _by_spec("event", "properties", _ISO, _POSTHOG_WHO, _POSTHOG_DEVICE, "uuid"),
    "amplitude": _by_spec(
        "event_type",
        "event_properties",
        _AMPLITUDE_AT,
        _AMPLITUDE_WHO,
        _AMPLITUDE_DEVICE,
        _INSERTED,
    ),
    "mixpanel": _by_spec(
        "event",
        "properties",
        _MIXPANEL_AT,
        _MIXPANEL_WHO,
        _MIXPANEL_DEVICE,
        f"properties.{_INSERTED}",
    ),
    "ga4": f"""
        select {_GA4_AT} as moment, {_GA4_WHO} as who, {_GA4_DEVICE} as device, null::varchar as id,
            case e ->> '$.event_name' when 'view_item' then 'view' when 'purchase' then 'purchase'
                else 'click' end as kind,
            unnest(cast(e -> '$.items[*].item_id' as json[])) ->> '$' as product
        from events
        where e ->> '$.event_name' in ('view_item', 'select_item', 'add_to_cart', 'purchase')
    """,
    "snowplow": f"""
        with named as (
            select *, action ->> '$.data.data.type' as type,
                unnest(cast(contexts -> '$.data[*]' as json[])) as entity
            from events where name = 'snowplow_ecommerce_action'
        )
        select {_TABS_AT} as moment, {_TABS_WHO} as who, {_TABS_DEVICE} as device, f[7] as id,
            case type when 'product_view' then 'view' when 'transaction' then 'purchase'
                else 'click' end as kind,
            entity ->> '$.data.id' as product
        from named
        where type in ('product_view', 'list_click', 'add_to_cart', 'transaction')
            and (entity ->> '$.schema') like '%/product/%'
    """,
}
"""When, who, on which device, which event, what kind and product, by tracker.

Rows that lack a value are among them.
"""

PAGES: dict[Tracker, str] = {
    "segment": f"""
        select {_ISO} as moment, {_SEGMENT_WHO} as who, {_SEGMENT_DEVICE} as device,
            e ->> '$.messageId' as id,
            e ->> '$.properties.path' as page
        from events where e ->> '$.type' in ('page', 'screen')
    """,
    "posthog": f"""
        select {_ISO} as moment, {_POSTHOG_WHO} as who, {_POSTHOG_DEVICE} as device,
            e ->> '$.uuid' as id,
            e ->> '$.properties."$pathname"' as page
        from events where e ->> '$.event' in ('$pageview', '$screen')
    """,
    "amplitude": f"""
        select {_AMPLITUDE_AT} as moment, {_AMPLITUDE_WHO} as who, {_AMPLITUDE_DEVICE} as device,
            e ->> '$.{_INSERTED}' as id,
            e ->> '$.event_properties."[Amplitude] Page Path"' as page
        from events where e ->> '$.event_type' = '[Amplitude] Page Viewed'
    """,
    "mixpanel": f"""
        select {_MIXPANEL_AT} as moment, {_MIXPANEL_WHO} as who, {_MIXPANEL_DEVICE} as device,
            e ->> '$.properties.{_INSERTED}' as id,
            e ->> '$.properties.current_url_path' as page
        from events where e ->> '$.event' = '$mp_web_page_view'
    """,
    "ga4": f"""
        select {_GA4_AT} as moment, {_GA4_WHO} as who, {_GA4_DEVICE} as device, null::varchar as id,
            list_filter(cast(e -> '$.event_params[*]' as json[]),
                lambda p: p ->> '$.key' = 'page_location')[1] ->> '$.value.string_value' as page
        from events where e ->> '$.event_name' = 'page_view'
    """,
    "snowplow": f"""
        select {_TABS_AT} as moment, {_TABS_WHO} as who, {_TABS_DEVICE} as device,
            f[7] as id, nullif(f[36], '') as page
        from events where name in ('page_view', 'screen_view')
    """,
}
"""When, who, on which device, which event and which page, by tracker."""

CALLS: dict[Tracker, str] = {
    "segment": f"""
        select {_ISO} as moment, {_SEGMENT_WHO} as who, {_SEGMENT_DEVICE} as device,
            e ->> '$.messageId' as id
        from events where e ->> '$.type' = 'identify'
        union all
        select {_ISO}, e ->> '$.userId', e ->> '$.previousId', e ->> '$.messageId'
        from events where e ->> '$.type' = 'alias'
    """,
    "posthog": f"""
        select {_ISO} as moment, {_POSTHOG_WHO} as who,
            coalesce(
                e ->> '$.properties."$anon_distinct_id"', e ->> '$.properties.alias'
            ) as device,
            e ->> '$.uuid' as id
        from events where e ->> '$.event' in ('$identify', '$create_alias')
    """,
    "amplitude": f"""
        select {_AMPLITUDE_AT} as moment, e ->> '$.user_id' as who, {_AMPLITUDE_DEVICE} as device,
            e ->> '$.{_INSERTED}' as id
        from events where e ->> '$.event_type' = '$identify'
    """,
    "mixpanel": f"""
        select {_MIXPANEL_AT} as moment, e ->> '$.properties."$identified_id"' as who,
            {_MIXPANEL_DEVICE} as device, e ->> '$.properties.{_INSERTED}' as id
        from events where e ->> '$.event' = '$identify'
    """,
}
"""When, who, on which device and which call that only identifies, by tracker that has any."""


def raw_events(tracker: Tracker, files: Path) -> duckdb.DuckDBPyConnection:
    """Return a database with views of raw files: ``lines``, ``products``, ``pages``, ``calls``.

    Args:
        files: the folder that they lie in.
    """
    found = duckdb.connect()
    found.execute("set timezone = 'UTC'")
    found.execute(_LINES.format(files=f"{files}/**/*.gz"))
    found.execute(_TABS if tracker == "snowplow" else _EVENTS)
    found.execute(f"create view products as {PRODUCTS[tracker]}")
    found.execute(f"create view pages as {PAGES[tracker]}")
    none = "select moment, who, device, id from pages where false"
    found.execute(f"create view calls as {CALLS.get(tracker, none)}")
    return found


def valid(view: str) -> str:
    """Return a query for the rows of a view that break no rule, each once."""
    ids = ("who", "product") if view == "products" else ("who",)
    known = " and ".join(rf"regexp_matches({name}, '\S')" for name in ids)
    return f"select distinct * from {view} where moment is not null and {known}"

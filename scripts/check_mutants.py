"""Put one mistake at a time into the models and macros, and see whether the oracle notices.

Each mutant is a copy of the dbt project in which one text was replaced. Rows drawn at random are
loaded in three loads and built after the first and the last; a mutant is caught if dbt fails or a
table differs from the oracle's, if one does in a fixed case of the law, or if one of dbt's unit
tests fails. It writes the table of docs/testing.md.

    .venv/bin/python scripts/check_mutants.py                        # all; writes docs/testing.md
    .venv/bin/python scripts/check_mutants.py --only 'session|gap'   # some, by what they change
    .venv/bin/python scripts/check_mutants.py --list

To add a mutant, add it to MUTANTS.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT / "tests"))

if TYPE_CHECKING:
    from support.data_sets import DataSet

PAGE = PROJECT / "docs" / "testing.md"
MARK = "<!-- mutants: written by scripts/check_mutants.py -->"
ELSEWHERE, MIDNIGHT, SHOP, CRM = "engagement_elsewhere", "engagement", "training", "customers"
"""Families of tests/support/law.py; the first does not split sessions at midnight."""
LOADS, ROWS = 3, 60
SEEDS = {"a": "any", "b": "by time"}
"""Seeds, and the order in which rows come to loads (see tests/support/law.py); a mutant that the first
does not show is tried with the second."""


@dataclass(frozen=True)
class Mutant:
    """A mistake.

    Attributes:
        what: it is, in a few words.
        file: that has it.
        old: text of the file, there once.
        new: what takes its place.
        family: the models that are built.
        tables: what is built and compared; separated by spaces.
        left_out: models that the first build leaves out.
    """

    what: str
    file: str
    old: str
    new: str
    family: str
    tables: str
    left_out: str = ""


def mutants(file: str, family: str, tables: str, *changes: tuple[str, str, str]) -> list[Mutant]:
    return [Mutant(what, file, old, new, family, tables) for what, old, new in changes]


ACTIVITY = "macros/activity"
ENGAGEMENT = "models/marts/engagement"
GROWTH = "fct_growth_accounting fct_retention_cohorts"
TOTALS, LIFETIMES = "fct_customer_features", "fct_user_product"
PLANNERS = (
    "macros/incremental/",
    f"{ENGAGEMENT}/dim_users.yml",
    f"{ENGAGEMENT}/fct_sessions.yml",
    f"{ENGAGEMENT}/fct_user_activity_monthly.yml",
    "models/training/training_sequences.sql",
    *(
        f"macros/{name}.sql"
        for name in (
            "activity/active_user_dates", "activity/affected_months", "activity/core_window_dates",
            "activity/changed_attribute_dates", "activity/new_attribute_dates",
            "sessions/session_dates", "training/checkpoint_plan", "training/sequence_plan",
        )
    ),
)  # fmt: skip
"""Files that decide which dates a run recomputes."""
COUNTS = "fct_active_users_daily"
MUTANTS = [
    *mutants(
        "macros/sessions/starts_session.sql", ELSEWHERE, "fct_sessions",
        ("a gap of exactly the limit continues the session", "}} >= {{", "}} > {{"),
        ("the gap is a minute longer", "| int }} minutes", "| int + 1 }} minutes"),
    ),
    *mutants(
        "macros/sessions/session_window.sql", MIDNIGHT, "fct_sessions",
        ("midnight does not split", "{%- if footfall.setting('session_split_at_midnight') %}, event_date{% endif %}",
         ""),
        ("events of one time in the other order", "order by event_time, event_key",
         "order by event_time, event_key desc"),
    ),
    *mutants(
        f"{ENGAGEMENT}/fct_sessions.sql", ELSEWHERE, "fct_sessions",
        ("a session of exactly the maximum is an outlier", "duration_micros > {{", "duration_micros >= {{"),
        ("the last session ends at its start", "}}), last_event_time)", "}}), event_time)"),
        ("engaged time counts the next session's first event", "lead(earlier_duration_ms)", "lead(duration_ms)"),
    ),
    *mutants(
        "macros/sessions/session_dates.sql", ELSEWHERE, "fct_sessions",
        ("sessions across midnight are not affected", "(rows.dates + touched)", "rows.dates"),
    ),
    *mutants(
        f"{ENGAGEMENT}/fct_sessions.yml", ELSEWHERE,
        "fct_session_duration_daily fct_user_activity_monthly",
        ("sessions spread no change", "        widens: session_dates\n", ""),
    ),
    *mutants(
        "macros/sessions/session_cap_micros.sql", ELSEWHERE, "fct_session_metrics_daily",
        ("the percentile of all days", "(partition by {{ day }})", "()"),
        ("the maximum is a second longer", "session_max_seconds() -%}", "session_max_seconds() + 1 -%}"),
    ),
    *mutants(
        "macros/sessions/session_duration_buckets.sql", ELSEWHERE, "fct_session_duration_daily",
        ("a bucket lacks its upper edge", "' and duration_seconds <= '", "' and duration_seconds < '"),
    ),
    *mutants(
        "macros/sessions/session_counts.sql", ELSEWHERE, "fct_session_metrics_daily",
        ("outliers are counted", "'filter', 'not is_outlier'", "'filter', 'true'"),
        ("sessions of two actions bounce", "action_count = 1)", "action_count <= 2)"),
        ("users are counted once a session", " and counts_user", ""),
    ),
    *mutants(
        f"{ENGAGEMENT}/fct_session_metrics_daily.sql", ELSEWHERE, "fct_session_metrics_daily",
        ("outliers are not capped", "if(is_outlier, least(duration_micros, cap_micros)",
         "if(is_outlier, duration_micros"),
        ("an outlier may be what counts a user", "order by is_outlier)", "order by is_outlier desc)"),
    ),
    *mutants(
        f"{ACTIVITY}/holds_at_end_of.sql", ELSEWHERE, "fct_user_activity_daily",
        ("attributes hold from the next day's first instant", "}}.valid_from < {{",
         "}}.valid_from <= {{"),
        ("attributes that end at midnight are gone", "}}.valid_to >= {{", "}}.valid_to > {{"),
    ),
    *mutants(
        f"{ACTIVITY}/changed_attribute_dates.sql", ELSEWHERE, "fct_user_activity_daily",
        ("attributes that arrive later change no earlier day", "(affected.dates + changed)",
         "affected.dates"),
    ),
    *mutants(
        f"{ACTIVITY}/new_attribute_dates.sql", ELSEWHERE,
        "fct_user_sketches_daily fct_session_metrics_daily " + COUNTS,
        ("attributes that arrive later change no earlier count", "(rows.dates + changed)",
         "rows.dates"),
        ("the first attributes do not hold since the user joined",
         "'updated_at = min(updated_at) over (partition by user_id)'", "'false'"),
        ("no day more for time zones", "date_sub(versions.valid_from, 1)",
         "date_add(versions.valid_from, 1)"),
    ),
    *mutants(
        f"{ENGAGEMENT}/dim_users.yml", ELSEWHERE, "fct_session_metrics_daily",
        ("attributes spread to nobody knows where", ", widens: new_attribute_dates", ""),
    ),
    *mutants(
        f"{ENGAGEMENT}/dim_users.sql", ELSEWHERE, "dim_users",
        ("a null is no change", ") <=> previous_attributes", ") = previous_attributes"),
    ),
    *mutants(
        f"{ACTIVITY}/version_start.sql", ELSEWHERE, "dim_users fct_user_activity_daily",
        ("the first attributes hold since they were updated",
         "then least(updated_at, cast({{ join_date }} as timestamp))", "then updated_at"),
    ),
    *mutants(
        f"{ACTIVITY}/version_end.sql", ELSEWHERE, "dim_users fct_user_activity_daily",
        ("a version holds until its own time", "lead(updated_at)", "lag(updated_at)"),
    ),
    *mutants(
        f"{ACTIVITY}/is_engaged.sql", ELSEWHERE, f"fct_user_activity_monthly {COUNTS}",
        ("engaged from exactly the limit", "longest_session_seconds > {{",
         "longest_session_seconds >= {{"),
    ),
    *mutants(
        f"{ENGAGEMENT}/fct_user_activity_daily.sql", ELSEWHERE, "fct_user_activity_daily",
        ("all actions are core", "count_if(action_types.is_core)",
         "count_if(action_types.is_core is not null)"),
        ("the shortest session is the longest", "max(duration_seconds) as", "min(duration_seconds) as"),
    ),
    *mutants(
        f"{ENGAGEMENT}/fct_user_activity_monthly.sql", ELSEWHERE, "fct_user_activity_monthly",
        ("three core actions make a core day", "core_action_count >= 2", "core_action_count >= 3"),
        ("the month before the last", "add_months(month_start, -1)", "add_months(month_start, -2)"),
        ("days that changed keep their old bits", "{{ plane }} & ~(", "{{ plane }} | (0 * "),
    ),
    *mutants(
        f"{ENGAGEMENT}/fct_user_activity_monthly.yml", ELSEWHERE, "fct_user_activity_monthly " + COUNTS,
        ("months spread no change", "        widens: core_window_dates\n", ""),
    ),
    *mutants(
        f"{ACTIVITY}/core_window_dates.sql", ELSEWHERE, "fct_user_activity_monthly " + COUNTS,
        ("the last day of the core window is not affected", "core_window_days() - 1",
         "core_window_days() - 2"),
    ),
    *mutants(
        f"{ACTIVITY}/followed_days.sql", ELSEWHERE, "fct_user_activity_monthly",
        ("the core window is a day short", "range(1, days + 1)", "range(1, days)"),
    ),
    *mutants(
        f"{ACTIVITY}/core_window_days.sql", ELSEWHERE, "fct_user_activity_monthly " + COUNTS,
        ("the core window has six days", "return(7)", "return(6)"),
    ),
    *mutants(
        f"{ACTIVITY}/active_user_windows.sql", ELSEWHERE, COUNTS,
        ("a week has eight days", "'wau': 7", "'wau': 8"),
        ("28 days are 29", "'mau_28': 28", "'mau_28': 29"),
        ("30 days are 29", "'mau_30': 30", "'mau_30': 29"),
    ),
    *mutants(
        f"{ACTIVITY}/active_users_by_deltas.sql", ELSEWHERE, COUNTS,
        ("one core action in the window is enough", ") >= 2 as is_core", ") >= 1 as is_core"),
        ("a day without a core action is core", "core_action_count >= 1 and sum", "sum"),
        ("the core window is a day long", "core_window_days() - 1 }} preceding",
         "core_window_days() }} preceding"),
        ("a month to date ends a day early", "date_add(last_day(starts_on), 1)",
         "last_day(starts_on)"),
        ("nobody counts longer than 30 days", "else date_add(event_date, 31)",
         "else date_add(event_date, 30)"),
    ),
    *mutants(
        f"{ACTIVITY}/active_user_dates.sql", ELSEWHERE, COUNTS,
        ("what a core day depends on is forgotten", "footfall.longest_month_days() + footfall.core_window_days() - 1",
         "footfall.longest_month_days()"),
        ("the longest month has 30 days", "return(31)", "return(30)"),
        ("a day less counts", "after=reach - 1", "after=reach - 2"),
        ("a day less is read", "before=reach - 1", "before=reach - 2"),
        ("days behind the last one stay", "or day > edges[1] | string", ""),
        ("days before the first one stay", "or day < edges[0] | string", ""),
        ("days that have no row yet stay without", "day in wanted or day not in existing",
         "day in wanted"),
    ),
    *mutants(
        f"{ACTIVITY}/active_users_by_bitmaps.sql", ELSEWHERE, COUNTS,
        ("windows are a day long", "active_date > date_sub(metric_date, {{ days }})",
         "active_date >= date_sub(metric_date, {{ days }})"),
        ("nobody counts for 31 days", "date_sub(newest_days.metric_date, 30)",
         "date_sub(newest_days.metric_date, 29)"),
        ("the month before is not read", "trunc(date_sub(metric_dates.metric_date, 30), 'MM')",
         "trunc(metric_dates.metric_date, 'MM')"),
    ),
    *mutants(
        f"{ACTIVITY}/newest_active_day.sql", ELSEWHERE, COUNTS,
        ("the day itself is left out", "), 30) + 1) - 1)", "), 30)) - 1)"),
    ),
    *mutants(
        f"{ENGAGEMENT}/fct_active_days_histogram.sql", ELSEWHERE, "fct_active_days_histogram",
        ("the window is a day short", "set days_before = window_days - 1",
         "set days_before = window_days - 2"),
        ("the months before are not read",
         "array(user_months.month_start, add_months(user_months.month_start, 1))",
         "array(user_months.month_start)"),
    ),
    *mutants(
        f"{ENGAGEMENT}/fct_growth_accounting.sql", ELSEWHERE, "fct_growth_accounting",
        ("whoever was active before churns", "previous_users - retained_users as churned",
         "previous_users as churned"),
        ("all but the new are retained", "sum(retained_users) as retained_users",
         "sum(if(cohort < period, active_users, 0)) as retained_users"),
    ),
    *mutants(
        f"{ENGAGEMENT}/int_cohort_activity.sql", ELSEWHERE, GROWTH,
        ("who comes back after one period was retained", "previous_period = period - 1",
         "previous_period >= period - 2"),
        ("the week before is not read whole", "before=13", "before=6"),
        ("the month before is not read", "month_of(first_day or first_read, -1)",
         "month_of(first_day or first_read)"),
        ("a month counts by its changed days alone", " ~ ' | (' ~ days ~ ' & -' ~ days ~ ')'", ""),
        ("periods that end on the first affected day stay", "period_end >= date'", "period_end > date'"),
        ("only periods that begin with it change", "{% set first_day = affected.dates | min",
         "{% set first_day = affected.dates | max"),
    ),
    *mutants(
        f"{ENGAGEMENT}/int_user_active_spans.sql", ELSEWHERE, GROWTH,
        ("a lost last day is not searched", "coalesce(with_read.last_date, searched.last_date)",
         "coalesce(with_read.last_date, with_read.first_date)"),
        ("a last day that is gone is kept", "if(last_date < date'{{ first_month }}', last_date, null)",
         "last_date"),
        ("only the last affected month is read", "month_of(affected.dates | min)",
         "month_of(affected.dates | max)"),
        ("a first day that is gone is kept", "where first_date < date'{{ first_month }}'", ""),
    ),
    *mutants(
        f"{ACTIVITY}/bits_from.sql", ELSEWHERE, GROWTH,
        ("the day itself is left out", "| int - 1) - 1 }}", "| int) - 1 }}"),
    ),
    *mutants(
        f"{ACTIVITY}/first_active_day.sql", ELSEWHERE, GROWTH,
        ("the last day is the first", "{{ bits }} & -{{ bits }}", "{{ bits }}"),
    ),
    *mutants(
        f"{ENGAGEMENT}/int_activity_periods.sql", ELSEWHERE, "fct_growth_accounting",
        ("a period that ends with the data is incomplete", "periods.period_end <= periods.last_day",
         "periods.period_end < periods.last_day"),
    ),
    *mutants(
        f"{ACTIVITY}/period_number.sql", ELSEWHERE, "fct_growth_accounting fct_retention_cohorts",
        ("weeks are off by days", "+ 3) div 7", "+ 2) div 7"),
    ),
    *mutants(
        f"{ACTIVITY}/period_start.sql", ELSEWHERE, "fct_growth_accounting",
        ("weeks begin on Sunday", "* 7 - 3)", "* 7 - 4)"),
    ),
    *mutants(
        f"{ENGAGEMENT}/fct_retention_cohorts.sql", ELSEWHERE, "fct_retention_cohorts",
        ("a period too few", "cohorts.period + limits.last_number",
         "cohorts.period + limits.last_number - 1"),
        ("who is gone counts as of the period", "unbounded preceding and 1 preceding",
         "unbounded preceding and current row"),
    ),
    *mutants(
        "macros/staging/event_date.sql", ELSEWHERE, "stg_product__interactions",
        ("days shift the wrong way", "from_utc_timestamp", "to_utc_timestamp"),
    ),
    *mutants(
        "macros/staging/time_checks.sql", MIDNIGHT, "stg_product__interactions",
        ("the earliest day is too early", "\" < date'\"", "\" <= date'\""),
        ("the latest day is too late", "day ~ ' > date_add('", "day ~ ' >= date_add('"),
        ("the day after the latest is not too late", "~ days ~ ')'", "~ days ~ ' + 1)'"),
    ),
    *mutants(
        "macros/staging/time_checks.sql", ELSEWHERE, "stg_product__interactions",
        ("loads arrive on days of UTC", "footfall.event_date('_ingested_at') | trim",
         "'cast(_ingested_at as date)'"),
    ),
    *mutants(
        "macros/staging/event_key.sql", MIDNIGHT, "stg_product__interactions",
        ("a separator in an id is not escaped", "'\\u001f', '\\u001b\\u001f')", "'\\u001f', '\\u001f')"),
        ("times are keys by the second", "unix_micros(", "unix_seconds("),
    ),
    *mutants(
        "macros/staging/is_blank.sql", MIDNIGHT, "stg_product__interactions",
        ("an em space is a name", "\\u2003", ""),
    ),
    *mutants(
        "macros/staging/accepted_rows.sql", CRM, "stg_crm__transactions",
        ("the last of several deliveries wins", "order by _load_id\n", "order by _load_id desc\n"),
        ("repeats are accepted", "where arrival = 1", "where arrival >= 1"),
    ),
    *mutants(
        "macros/staging/reject_checks.sql", MIDNIGHT, "stg_app__interactions stg_product__interactions",
        ("the minimum is refused", "' < ' ~ rule.minimum", "' <= ' ~ rule.minimum"),
        ("the maximum is refused", "' > ' ~ rule.maximum", "' >= ' ~ rule.maximum"),
        ("a blank id is an id", "' is null or ' ~ footfall.is_blank(column.name)", "' is null'"),
        ("the longest id is too long", "') > ' ~ var('id_max_characters')",
         "') >= ' ~ var('id_max_characters')"),
    ),
    *mutants(
        "macros/staging/reject_checks.sql", CRM, "stg_crm__transactions stg_crm__customers",
        ("what has to be above zero may be zero", "' <= ' ~ rule.above", "' < ' ~ rule.above"),
        ("what is required may be missing", "(column.name ~ ' is null', column.name ~ '_missing')",
         "('false', column.name ~ '_missing')"),
    ),
    *mutants(
        "macros/staging/staged_value.sql", CRM, "stg_crm__transactions",
        ("an amount is not computed", "coalesce({{ column.name }}, try_cast(",
         "coalesce({{ column.name }}, try_cast(null + "),
    ),
    *mutants(
        "macros/incremental/changes/affected_dates.sql", ELSEWHERE, "fct_sessions fct_user_activity_monthly",
        ("a model's own spread is lost", "inputs if of else footfall.spread(node, inputs, change)", "inputs"),
    ),
    *mutants(
        "macros/incremental/watermarks/available_loads.sql", ELSEWHERE, "fct_user_activity_daily",
        ("views hide the tables that they read", "materialized == 'view'", "materialized == 'none'"),
    ),
    *mutants(
        "macros/incremental/changes/changed_rows.sql", ELSEWHERE, "fct_user_activity_daily " + COUNTS,
        ("the first new load is passed over", "'_load_id > ' ~ bounds[0]",
         "'_load_id > 1 + ' ~ bounds[0]"),
        ("what spreads nobody knows where spreads nothing", "{'whole': true, 'dates': []} if is_whole",
         "{'whole': false, 'dates': []} if is_whole"),
        ("what inputs spread is lost", "else footfall.spread(node, footfall.changed_inputs(inputs, change), change)",
         "else footfall.changed_inputs(inputs, change)"),
    ),
    *mutants(
        "macros/incremental/changes/dates_between.sql", ELSEWHERE, COUNTS,
        ("the last day is left out", "(last - day).days + 1", "(last - day).days"),
    ),
    *mutants(
        f"{ACTIVITY}/affected_months.sql", ELSEWHERE, "fct_user_activity_monthly",
        ("the month before is not read", "for touched in (first, last)", "for touched in (first,)"),
    ),
    *mutants(
        "macros/incremental/changes/dates_around.sql", ELSEWHERE, COUNTS,
        ("the last day is left out", "range(-before, after + 1)", "range(-before, after)"),
        ("the first day is left out", "range(-before,", "range(1 - before,"),
    ),
    *mutants(
        "macros/incremental/predicates/in_loads.sql", MIDNIGHT, "dq_quarantine dq_load_reconciliation",
        ("the last load is read again", "{{ column }} > {{ loads", "{{ column }} >= {{ loads"),
    ),
    Mutant(
        "what one input lacks is taken as read", "macros/incremental/watermarks/available_loads.sql",
        "reflected | min", "reflected | max", MIDNIGHT, "fct_user_activity_daily",
        left_out="fct_sessions",
    ),
    *mutants(
        "macros/incremental/changes/first_affected_as_of.sql", CRM, TOTALS,
        ("the former newest day stays", "'select max(as_of_date) as newest from ' ~ this",
         "'select cast(null as date) as newest'"),
        ("only what follows the last affected day changes", "affected.dates | min", "affected.dates | max"),
    ),
    *mutants(
        "models/marts/customers/int_customer_totals.sql", CRM, TOTALS,
        ("30 days are 31", "date_add(event_date, {{ recent_days }})", "date_add(event_date, {{ recent_days }} + 1)"),
        ("no transaction leaves the 30 days", " - count_if(kind = 'no longer recent')", ""),
        ("every status but failed is a purchase", "if(transaction_status = 'completed'",
         "if(transaction_status <> 'failed'"),
        ("the day itself is not seen", "totals.as_of_date <= as_of", "totals.as_of_date < as_of"),
        ("the first purchase is the last", "max(last_purchase_date)", "min(last_purchase_date)"),
        ("sessions without a length count", "count(seconds) as", "count_if(kind = 'session') as"),
        ("kept transactions are added again", "kept_date ~ \"', 1)\"", "kept_date ~ \"', -29)\""),
        ("30 days end with the kept month", "date_sub(date'{{ kept_date }}', {{ recent_days }})",
         "date'{{ kept_date }}'"),
        ("the kept totals are those of the first affected date",
         "as_of_date_before(first_as_of) if", "first_as_of if"),
        ("purchases without a rate are in the total's count", "kind = 'purchase' and amount is null",
         "false"),
        ("kept totals are forgotten", "{%- if first_as_of %}\n    union all", "{%- if false %}\n    union all"),
    ),
    *mutants(
        "macros/customers/is_as_of_date.sql", CRM, TOTALS,
        ("the newest day is left out", ", {{ newest_day }}", ""),
        ("weeks end on Saturday", "= 6", "= 5"),
        ("kept totals are a day too new", "date - one * date.isoweekday()", "date"),
    ),
    *mutants(
        "macros/customers/quintile.sql", CRM, "fct_customer_rfm",
        ("scores are quarters", "5 *", "4 *"),
    ),
    *mutants(
        "models/marts/customers/fct_customer_lifetime_value.sql", CRM, "fct_customer_lifetime_value",
        ("a month's age counts from one", "month(as_of_date) - month(cohort_month)",
         "month(as_of_date) - month(cohort_month) + 1"),
    ),
    *mutants(
        "models/marts/customers/dim_exchange_rates.sql", CRM, TOTALS,
        ("a rate holds for a day more", "{{ setting('exchange_rate_days') }} - 1",
         "{{ setting('exchange_rate_days') }}"),
        ("a rate ends with the next one's first day", "date_sub(next_rate_date, 1)", "next_rate_date"),
    ),
    *mutants(
        "macros/incremental/changes/closed_months.sql", ELSEWHERE, LIFETIMES,
        ("a changed closed month stays", "for month in footfall.affected_months(affected).dates",
         "for month in []"),
        ("months that close are forgotten", "if day.endswith('-01') and day < open_month", "if false"),
    ),
    *mutants(
        "models/marts/products/int_user_product_monthly.sql", ELSEWHERE, LIFETIMES,
        ("the first interaction is the last", "max(last_interaction_time)", "min(last_interaction_time)"),
        ("the open month counts as closed", "select trunc(max(event_date), 'MM')",
         "select date_add(max(event_date), 1)"),
    ),
    *mutants(
        "models/marts/products/fct_user_product.sql", ELSEWHERE, LIFETIMES,
        ("the last closed month is added twice", "add_months(max(months.month_start), 1)",
         "max(months.month_start)"),
        ("the first interaction is the last", "max(last_interaction_time)", "min(last_interaction_time)"),
    ),
    *mutants(
        "models/marts/products/int_hot_products.sql", ELSEWHERE, "int_hot_products",
        ("shares of all days", "over (partition by event_date)", "over ()"),
    ),
    *mutants(
        "macros/skew/salt_buckets.sql", ELSEWHERE, "int_hot_products",
        ("half the buckets", "then {{ 2 ** doublings }}", "then {{ 2 ** (doublings - 1) }}"),
    ),
    *mutants(
        "macros/skew/product_gaps.sql", ELSEWHERE, "fct_product_daily",
        ("gaps between different products", "partition by event_date, product_id{{", "partition by event_date{{"),
        ("no gap between slices", "max(event_time) as last_time", "min(event_time) as last_time"),
    ),
    *mutants(
        "models/marts/products/fct_product_daily.sql", ELSEWHERE, "fct_product_daily",
        ("a buyer counts once a purchase", "count_if(purchase_count > 0)", "sum(purchase_count)"),
    ),
    *mutants(
        "models/training/int_customer_action_segments.sql", SHOP, "int_customer_action_segments",
        ("the oldest actions come first", "collect_list(action_key), false)",
         "collect_list(action_key), true)"),
    ),
    *mutants(
        "macros/training/action_code.sql", SHOP, "training_sequences",
        ("an order is a cart", "'cart': 2, 'order': 3", "'cart': 3, 'order': 2"),
    ),
    *mutants(
        "macros/training/segments_since_checkpoints.sql", SHOP, "training_sequences",
        ("the day itself is in the sequence", "segments.event_date < customer_days.dt",
         "segments.event_date <= customer_days.dt"),
        ("the checkpoint's own day is left out", "\"and segments.event_date >= date'\"",
         "\"and segments.event_date > date'\""),
    ),
    *mutants(
        "macros/training/within_history.sql", SHOP, "training_sequences",
        ("history is a day short", "day.event_date >= {{", "day.event_date > {{"),
        ("history is a day long", "var('sequence_history_days') | int }}",
         "var('sequence_history_days') | int + 1 }}"),
    ),
    *mutants(
        "macros/training/checkpoint_runs.sql", SHOP, "int_customer_action_checkpoints",
        ("a checkpoint holds its own day", "event_date < date'{{ span.day }}'",
         "event_date <= date'{{ span.day }}'"),
        ("the day of the base is left out", "\"and event_date >= date'\"", "\"and event_date > date'\""),
    ),
    *mutants(
        "macros/training/checkpoint_plan.sql", SHOP, "training_sequences int_customer_action_checkpoints",
        ("late actions repair no checkpoint", "if not late_dates -%}", "if true -%}"),
        ("checkpoints do not wait", "- var('checkpoint_settle_days') | int", "- 0"),
        ("a repair builds on what lacks the late actions", "before=day, until=late.since", "before=day"),
        ("one checkpoint too few is kept", "range(var('checkpoints_kept') | int)",
         "range(var('checkpoints_kept') | int - 1)"),
        ("a checkpoint on the day of late actions is repaired", "day > late.since", "day >= late.since"),
    ),
    *mutants(
        "macros/training/sequence_plan.sql", SHOP, "training_sequences",
        ("the day after a late action is not repaired", "and built.dt > late.since'",
         "and built.dt > date_add(late.since, 1)'"),
        ("a day with new impressions is only repaired", " | reject('in', written.dates) | list", " | list"),
        ("the day of a checkpoint has no base", "days | select('ge', base)", "days | select('gt', base)"),
        ("the day of the next checkpoint is built twice", "days | select('lt', until)",
         "days | select('le', until)"),
    ),
    *mutants(
        "models/training/training_sequences.sql", SHOP, "training_sequences",
        ("late actions are none", "affected_dates(of=['int_customer_action_segments'])",
         "affected_dates(of=['stg_shop__impressions'])"),
    ),
    *mutants(
        "models/training/training_samples.sql", SHOP, "training_samples",
        ("positions count from one", "    position,\n    impression.item_id", "    position + 1 as position,\n    impression.item_id"),
    ),
]  # fmt: skip


# ---------- running


@dataclass(frozen=True)
class Outcome:
    what: str
    file: str
    caught_by: str
    seconds: float
    by_planning: bool | None = None
    """Whether the tests of planning, without Spark, catch it; None where it is no planner's."""

    @property
    def is_caught(self) -> bool:
        return bool(self.caught_by or self.by_planning)


def planning_catches(mutant: Mutant, project: Path) -> bool | None:
    """Run the tests of planning on a project with the mistake in it."""
    if not mutant.file.startswith(PLANNERS):
        return None
    tests = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "tests/macros"]
    done = subprocess.run(
        tests,
        cwd=PROJECT,
        env=os.environ | {"FOOTFALL_PROJECT_DIR": str(project)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in (0, 1):
        raise RuntimeError(f"{mutant.what}: {' '.join(tests)}\n{done.stdout}{done.stderr}")
    return done.returncode == 1


def differences(mutant: Mutant, seed: str, data: DataSet) -> str:
    """Build the tables and return which of them differ from the oracle's."""
    from support import law

    rng = random.Random(f"{seed} {mutant.family}")
    drawn = law.drawn_schedule(law.FAMILIES[mutant.family], rng, LOADS, ROWS, ROWS, SEEDS[seed])
    tables = mutant.tables.split()
    selected = ("--select", *(f"+{table}" for table in tables))
    runs = [law.Run(0, selected)]
    if mutant.left_out:
        # Once there is something to leave as it is.
        runs.append(law.Run(1, (*selected, "--exclude", mutant.left_out)))
    runs.append(law.Run(LOADS - 1, selected))
    schedule = replace(drawn, runs=tuple(runs))
    oracle = law.play(data, schedule)
    different = [*law.unlike_tables(data, oracle)]
    if {"dq_quarantine", "dq_load_reconciliation"} & {*tables}:
        different += law.breaches_by_load(data, oracle)
    return ", ".join(different)


def differences_in_cases(mutant: Mutant, data: DataSet) -> str:
    """Play the law's fixed cases of the family; return the first that differs, and its tables."""
    from support import law
    from support.law_cases import CASES

    for name, schedule in CASES.items():
        selected = {table for run in schedule.runs for table in run.options}
        if schedule.family is not law.FAMILIES[mutant.family] or not (
            selected & {f"+{table}" for table in mutant.tables.split()}
        ):
            continue
        if found := law.unlike_tables(data, law.play(data, schedule)):
            return f"{', '.join(found)} (where {name})"
    return ""


def judge(mutant: Mutant, data: DataSet) -> Outcome:
    """Try a mutant."""
    from support.projects import project_with

    started = time.monotonic()
    text = (PROJECT / mutant.file).read_text().replace(mutant.old, mutant.new)
    with project_with({mutant.file: text}) as project:
        caught_by = what_catches(mutant, data)
        by_planning = planning_catches(mutant, project)
    seconds = time.monotonic() - started
    return Outcome(mutant.what, mutant.file, caught_by, seconds, by_planning)


def what_catches(mutant: Mutant, data: DataSet) -> str:
    """Return which tables tell a mutant; nothing where it survives."""
    from footfall.errors import FootfallError

    drawn = [partial(differences, mutant, seed, data) for seed in SEEDS]
    for attempt in (*drawn, partial(differences_in_cases, mutant, data)):
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                found = attempt()
        except FootfallError as error:
            print(f"  {error.message[-600:]}")
            return "the build fails"
        if found:
            return found
    return "dbt's unit tests" if unit_tests_catch(mutant, data) else ""


def unit_tests_catch(mutant: Mutant, data: DataSet) -> bool:
    """Run the unit tests of the mutant's tables and of what they are made of."""
    from footfall.errors import FootfallError
    from support import law

    select = [f"+{table},test_type:unit" for table in mutant.tables.split()]
    # Under the definitions that they were written for.
    delivered = {"sources": law.FAMILIES[mutant.family].sources, "user_sketches": True}
    variables = ("--vars", json.dumps(delivered))
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            data.dbt("test", "--select", *select, *variables)
    except FootfallError:
        return True
    return False


def outcomes_of(chosen: list[Mutant], known: Path | None) -> Iterator[Outcome]:
    """Try mutants in one Spark session; what a folder knows from an earlier call is not tried."""
    from footfall.settings import Settings, get_settings
    from footfall.spark.session import get_session
    from support.data_sets import DataSet

    file = known / "mutants.json" if known else None
    before = json.loads(file.read_text()) if file and file.is_file() else {}
    with tempfile.TemporaryDirectory(prefix="mutants-", ignore_cleanup_errors=True) as folder:
        os.environ |= {
            "FOOTFALL_HOME": f"{folder}/home",
            "FOOTFALL_CACHE": str(get_settings().cache),
            "FOOTFALL_JIT_LEVEL": "1",
            "FOOTFALL_DRIVER_MEMORY_GIB": "2",
            "FOOTFALL_DATA_SKIPPING": "false",
            "FOOTFALL_TINY_TABLES": "true",
        }
        get_settings.cache_clear()
        data = DataSet(get_session(), Settings(db_schema="mutant"), Path(folder) / "target")
        for mutant in chosen:
            key = f"{mutant.file} {mutant.what}"
            if key not in before:
                before[key] = asdict(judge(mutant, data))
                if file:
                    file.parent.mkdir(parents=True, exist_ok=True)
                    file.write_text(json.dumps(before, indent=1))
            yield Outcome(**before[key])


def table_of(outcomes: list[Outcome]) -> str:
    caught = sum(bool(outcome.caught_by) for outcome in outcomes)
    planned = [outcome for outcome in outcomes if outcome.by_planning is not None]
    rows = [
        f"{caught} of {len(outcomes)} are caught by the oracle or dbt's unit tests. Of the {len(planned)} in planners, "
        f"{sum(bool(outcome.by_planning) for outcome in planned)} are caught by `tests/macros` "
        "too, in seconds.",
        "",
        "| mistake | file | tables that differ | `tests/macros` |",
        "| --- | --- | --- | --- |",
    ]
    by_planning = {None: "", True: "yes", False: "no"}
    for outcome in outcomes:
        caught_by = outcome.caught_by or "**none**"
        seen = by_planning[outcome.by_planning]
        rows.append(f"| {outcome.what} | `{outcome.file}` | {caught_by} | {seen} |")
    return "\n".join(rows)


def unfit() -> list[str]:
    """Return the mutants whose text does not stand in its file exactly once."""
    return [
        f"{mutant.file}: {mutant.old!r}"
        for mutant in MUTANTS
        if (PROJECT / mutant.file).read_text().count(mutant.old) != 1
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--only", metavar="PATTERN", help="mutants whose text has this (a regex)")
    parser.add_argument("--list", action="store_true", help="name the mutants")
    parser.add_argument(
        "--work", type=Path, help="a folder to keep; the next call there skips what was tried"
    )
    options = parser.parse_args()
    if wrong := unfit():
        sys.exit("Not once in the file:\n" + "\n".join(wrong))
    chosen = [
        mutant
        for mutant in MUTANTS
        if re.search(options.only or "", f"{mutant.file} {mutant.what} {mutant.tables}")
    ]
    if options.list:
        print("\n".join(f"{mutant.file}: {mutant.what}" for mutant in chosen))
        return
    outcomes = []
    for outcome in outcomes_of(chosen, options.work):
        outcomes.append(outcome)
        verdict = (
            f"caught by {outcome.caught_by or 'tests/macros'}" if outcome.is_caught else "SURVIVED"
        )
        print(f"{outcome.seconds:6.1f} s  {outcome.file}: {outcome.what}: {verdict}", flush=True)
    survived = [outcome for outcome in outcomes if not outcome.is_caught]
    print(f"{len(outcomes)} mutants, {len(survived)} survived")
    if not options.only:
        head = PAGE.read_text().split(MARK)[0]
        PAGE.write_text(f"{head}{MARK}\n\n{table_of(outcomes)}\n")
    sys.exit(bool(survived))


if __name__ == "__main__":
    main()

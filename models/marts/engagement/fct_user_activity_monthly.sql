{{ config(partition_by=['month_start']) }}

{% set days_before = core_window_days() - 1 %}
{% set planes = ['basic_days', 'core_once_days', 'core_twice_days', 'engaged_days'] %}
{#- Months hold no attributes. -#}
{% set affected_days = affected_dates(without=['dim_users']) %}
{% set changed_days = dict(affected_days, dates=affected_days.input_dates) %}
{% set affected = affected_months(affected_days) %}
{{ note_replaced_dates('month_start', affected) }}

with user_days as (
    select
        user_id,
        {{ day_bit('event_date') }} as basic_days,
        if(core_action_count >= 1, basic_days, 0) as core_once_days,
        if(core_action_count >= 2, basic_days, 0) as core_twice_days,
        if({{ is_engaged() }}, basic_days, 0) as engaged_days,
        trunc(event_date, 'MM') as month_start
    from {{ ref('fct_user_activity_daily') }}
    where {{ in_dates('event_date', changed_days) }}
    {%- if not affected.whole %}
    union all
    select
        user_id,
        {%- for plane in planes %}
        {{ plane }} & ~({{ bits_of_dates('month_start', changed_days) }}) as {{ plane }},
        {%- endfor %}
        month_start
    from {{ this }}
    where {{ in_dates('month_start', affected_months(affected, -days_before)) }}
    {%- endif %}
),

user_months as (
    select
        user_id,
        {%- for plane in planes %}
        bit_or({{ plane }}) as {{ plane }},
        {%- endfor %}
        month_start
    from user_days
    group by user_id, month_start
    having bit_or(basic_days) > 0
),

with_month_before as (
    select
        *,
        lag(struct(month_start, core_once_days)) over (
            partition by user_id order by month_start
        ) as previous
    from user_months
),

-- Below the bit of the month's first day lie those of the last {{ days_before }} days before it.
with_core_history as (
    select
        *,
        shiftleft(cast(core_once_days as bigint), {{ days_before }})
        | if(
            previous.month_start = add_months(month_start, -1),
            shiftright(
                previous.core_once_days, day(last_day(previous.month_start)) - {{ days_before }}
            ),
            0
        ) as core_once_history
    from with_month_before
)

select
    ---------- grain
    month_start,
    user_id,

    ---------- active days, by definition
    basic_days,
    cast(
        core_once_days
        & (
            core_twice_days
            | shiftright(
                {{ followed_days('core_once_history', days_before) }}, {{ days_before }}
            )
        ) as int
    ) as core_days,
    engaged_days,

    ---------- planes of core
    core_once_days,
    core_twice_days
from with_core_history
where {{ in_dates('month_start', affected) }}

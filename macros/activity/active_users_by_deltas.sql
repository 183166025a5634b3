{% macro active_users_by_deltas(affected) %}
    {#- A user counts in an n-day window from the active day until n days later or the next active
        day, whichever comes first: two deltas and a running sum instead of a distinct count. -#}
    {%- set attributes = footfall.user_attributes() | join(', ') -%}
    {%- set windows = footfall.active_user_windows() -%}
    with user_days as (
        select
            user_id,
            event_date,
            {{ attributes }},
            true as is_basic,
            core_action_count >= 1 and sum(core_action_count) over (
                partition by user_id order by unix_date(event_date)
                range between {{ footfall.core_window_days() - 1 }} preceding and current row
            ) >= 2 as is_core,
            {{ footfall.is_engaged() }} as is_engaged
        from {{ ref('fct_user_activity_daily') }}
        where {{ footfall.in_dates('event_date', footfall.active_user_inputs(affected, footfall.active_user_reach())) }}
    ),

    with_next_active_days as (
        select
            *
            {%- for definition in footfall.activity_definitions() %},
            first_value(if(is_{{ definition }}, event_date, null), true) over (
                partition by user_id order by event_date
                rows between 1 following and unbounded following
            ) as next_{{ definition }}_date
            {%- endfor %}
        from user_days
    ),

    active_intervals as (
        select
            intervals.definition,
            {{ attributes }},
            event_date as starts_on,
            datediff(intervals.next_date, event_date) as days,
            count(*) as user_count
        from with_next_active_days
        lateral view inline(array(
            {%- for definition in footfall.activity_definitions() %}
            struct(
                '{{ definition }}' as definition,
                is_{{ definition }} as is_active,
                case
                    when next_{{ definition }}_date <= date_add(event_date, 31)
                        then next_{{ definition }}_date
                    else date_add(event_date, 31)
                end as next_date
            ){{ ',' if not loop.last }}
            {%- endfor %}
        )) intervals as definition, is_active, next_date
        where intervals.is_active
        group by intervals.definition, {{ attributes }}, event_date, intervals.next_date
    ),

    deltas as (
        select
            intervals.definition,
            {{ attributes }},
            changes.metric_date,
            {%- for metric in windows %}
            sum(if(changes.metric = '{{ metric }}', changes.delta, 0)) as {{ metric }},
            {%- endfor %}
            sum(if(changes.metric = 'mau_calendar', changes.delta, 0)) as mau_calendar
        from active_intervals as intervals
        lateral view inline(array(
            {%- for metric, days in windows.items() %}
            struct('{{ metric }}' as metric, starts_on as metric_date, user_count as delta),
            struct(
                '{{ metric }}' as metric,
                date_add(starts_on, least(days, {{ days }})) as metric_date,
                -user_count as delta
            ),
            {%- endfor %}
            struct('mau_calendar' as metric, starts_on as metric_date, user_count as delta),
            struct(
                'mau_calendar' as metric,
                least(date_add(starts_on, days), date_add(last_day(starts_on), 1)) as metric_date,
                -user_count as delta
            )
        )) changes as metric, metric_date, delta
        group by intervals.definition, {{ attributes }}, changes.metric_date
    ),

    {#- Rows without a change carry the running sum to every day. -#}
    every_day as (
        select *
        from deltas
        union all
        select
            segments.*,
            metric_dates.metric_date
            {%- for _ in footfall.active_user_metrics() %},
            0
            {%- endfor %}
        from (select distinct definition, {{ attributes }} from deltas) as segments
        cross join metric_dates
    ),

    running as (
        select distinct
            metric_date,
            definition,
            {{ attributes }}
            {%- for metric in footfall.active_user_metrics() %},
            sum({{ metric }}) over (
                partition by definition, {{ attributes }} order by metric_date
            ) as {{ metric }}
            {%- endfor %}
        from every_day
    )

    select running.*
    from running
    left semi join metric_dates
        on running.metric_date = metric_dates.metric_date
{% endmacro %}

{% macro active_users_by_bitmaps(affected) %}
    {#- How long ago a user was last active says which windows hold the user. -#}
    {%- set attributes = footfall.user_attributes() -%}
    {%- set windows = footfall.active_user_windows() -%}
    with user_months as (
        select * from {{ ref('fct_user_activity_monthly') }}
        where {{ footfall.in_dates('month_start', footfall.affected_months(footfall.active_user_inputs(affected, footfall.active_user_reach()))) }}
    ),

    newest_days as (
        select
            metric_dates.metric_date,
            user_months.user_id
            {%- for definition in footfall.activity_definitions() %},
            max({{ footfall.newest_active_day(
                'user_months.' ~ definition ~ '_days',
                'user_months.month_start',
                'metric_dates.metric_date'
            ) }}) as newest_{{ definition }}_date
            {%- endfor %}
        from metric_dates
        inner join user_months
            on user_months.month_start between
                trunc(date_sub(metric_dates.metric_date, 30), 'MM') and metric_dates.metric_date
        group by metric_dates.metric_date, user_months.user_id
    ),

    last_active_days as (
        select
            newest_days.metric_date,
            newest_days.user_id,
            definitions.definition,
            definitions.active_date
        from newest_days
        lateral view {{ footfall.by_definition('newest_*_date') }} definitions as definition, active_date
        where definitions.active_date >= date_sub(newest_days.metric_date, 30)
    ),

    with_attributes as (
        select
            last_active_days.*
            {%- for attribute in attributes %},
            {% if 'app' in var('sources') -%}
            coalesce(dim_users.{{ attribute }}, 'unknown') as {{ attribute }}
            {%- else -%}
            'unknown' as {{ attribute }}
            {%- endif %}
            {%- endfor %}
        from last_active_days
        {% if 'app' in var('sources') %}
        left join {{ ref('dim_users') }} as dim_users
            on
                last_active_days.user_id = dim_users.user_id
                and {{ footfall.holds_at_end_of('last_active_days.active_date', 'dim_users') }}
        {% endif %}
    )

    select
        metric_date,
        definition,
        {{ attributes | join(', ') }}
        {%- for metric, days in windows.items() %},
        count_if(active_date > date_sub(metric_date, {{ days }})) as {{ metric }}
        {%- endfor %},
        count_if(active_date >= trunc(metric_date, 'MM')) as mau_calendar
    from with_attributes
    group by metric_date, definition, {{ attributes | join(', ') }}
{% endmacro %}

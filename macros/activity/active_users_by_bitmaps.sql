{% macro active_users_by_bitmaps(affected) %}
    {#- How long ago a user was last active says which windows hold the user. -#}
    {%- set attributes = user_attributes() -%}
    {%- set windows = active_user_windows() -%}
    with user_months as (
        select * from {{ ref('fct_user_activity_monthly') }}
        where {{ in_dates('month_start', affected_months(active_user_inputs(affected, active_user_reach()))) }}
    ),

    last_active_days as (
        select
            metric_dates.metric_date,
            planes.definition,
            user_months.user_id,
            max({{ newest_active_day(
                'planes.active_days', 'user_months.month_start', 'metric_dates.metric_date'
            ) }}) as active_date
        from metric_dates
        inner join user_months
            on user_months.month_start between
                trunc(date_sub(metric_dates.metric_date, 30), 'MM') and metric_dates.metric_date
        lateral view {{ active_planes() }} planes as definition, active_days
        group by metric_dates.metric_date, planes.definition, user_months.user_id
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
                and {{ holds_at_end_of('last_active_days.active_date', 'dim_users') }}
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
    where active_date >= date_sub(metric_date, 30)
    group by metric_date, definition, {{ attributes | join(', ') }}
{% endmacro %}

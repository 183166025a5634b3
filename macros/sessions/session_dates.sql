{% macro session_dates(rows, change) %}
    {#- Where midnight does not split, a session belongs to its first day and may reach into others:
        an event touches all days of the sessions that touch its day. -#}
    {%- if footfall.setting('session_split_at_midnight') or not rows.dates -%}
        {{ return(rows) }}
    {%- endif -%}
    {%- set sessions -%}
        select
            min(event_date) as first_date,
            max(event_date) as last_date
        from (
            select
                user_id,
                event_date,
                sum(cast(starts_session as int)) over ({{ footfall.session_window() }}) as session_number
            from {{ footfall.model_node('int_session_events').relation_name }}
        )
        group by user_id, session_number
        having first_date < last_date
    {%- endset -%}
    {%- set touched = footfall.query_dates(
        'select distinct explode(sequence(first_date, last_date)) as event_date from ('
        ~ sessions ~ ') where exists(sequence(first_date, last_date), day -> '
        ~ footfall.in_dates('day', rows) ~ ')'
    ) -%}
    {{ return(dict(rows, dates=(rows.dates + touched) | unique | sort)) }}
{% endmacro %}

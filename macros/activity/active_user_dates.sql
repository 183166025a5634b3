{% macro active_user_dates(affected, reach) %}
    {%- if affected.whole or not affected.dates -%}
        {{ return(affected) }}
    {%- endif -%}
    {%- set edges = run_query(
        'select min(event_date), max(event_date) from '
        ~ footfall.model_node('fct_user_activity_daily').relation_name
    ).rows[0] -%}
    {%- set wanted = set(footfall.dates_around(affected.dates, after=reach - 1)) -%}
    {%- set existing = set(
        run_query('select distinct metric_date from ' ~ this).columns[0].values() | map('string')
    ) -%}
    {%- set dates = {} -%}
    {%- for day in (footfall.dates_between(edges[0], edges[1]) if edges[0] else []) -%}
        {%- if day in wanted or day not in existing -%}
            {%- do dates.update({day: true}) -%}
        {%- endif -%}
    {%- endfor -%}
    {#- Days that no activity reaches any more. -#}
    {%- for day in existing
        if not edges[0] or day < edges[0] | string or day > edges[1] | string -%}
        {%- do dates.update({day: true}) -%}
    {%- endfor -%}
    {{ return(dict(affected, dates=dates | sort)) }}
{% endmacro %}


{% macro active_user_inputs(affected, reach) %}
    {{ return({
        'whole': affected.whole, 'dates': footfall.dates_around(affected.dates, before=reach - 1)
    }) }}
{% endmacro %}


{% macro active_user_reach() %}
    {#- The longest month to date, and before it what a core day of its first day depends on. -#}
    {{ return(footfall.longest_month_days() + footfall.core_window_days() - 1) }}
{% endmacro %}


{% macro longest_month_days() %}
    {{ return(31) }}
{% endmacro %}

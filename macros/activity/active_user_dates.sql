{% macro active_user_dates(affected, reach) %}
    {%- if affected.first or not affected.dates -%}
        {{ return(affected) }}
    {%- endif -%}
    {%- set edges = run_query(
        'select min(event_date), max(event_date) from '
        ~ model_node('fct_user_activity_daily').relation_name
    ).rows[0] -%}
    {%- set wanted = {} -%}
    {%- for day in affected.dates -%}
        {%- set first = modules.datetime.date.fromisoformat(day) -%}
        {%- for offset in range(reach) -%}
            {%- do wanted.update({first + modules.datetime.timedelta(days=offset): true}) -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- set existing = run_query('select distinct metric_date from ' ~ this).columns[0].values() -%}
    {%- set dates = {} -%}
    {%- for day in (dates_between(edges[0], edges[1]) if edges[0] else []) -%}
        {%- set day_date = modules.datetime.date.fromisoformat(day) -%}
        {%- if day_date in wanted or day_date not in existing -%}
            {%- do dates.update({day: true}) -%}
        {%- endif -%}
    {%- endfor -%}
    {#- Days that no activity reaches any more. -#}
    {%- for day in existing if not edges[0] or day < edges[0] or day > edges[1] -%}
        {%- do dates.update({day.isoformat(): true}) -%}
    {%- endfor -%}
    {{ return(dict(affected, dates=dates | sort)) }}
{% endmacro %}


{% macro active_user_inputs(affected, reach) %}
    {%- set inputs = {} -%}
    {%- for day in affected.dates -%}
        {%- set last = modules.datetime.date.fromisoformat(day) -%}
        {%- for offset in range(reach) -%}
            {%- do inputs.update({(last - modules.datetime.timedelta(days=offset)).isoformat(): true}) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return({'first': affected.first, 'dates': inputs | sort}) }}
{% endmacro %}


{% macro active_user_reach() %}
    {#- The longest month to date, and before it what a core day of its first day depends on. -#}
    {{ return(31 + core_window_days() - 1) }}
{% endmacro %}

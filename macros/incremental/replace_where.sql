{% macro replace_where(column, affected) %}
    {{- incremental_run(
        affected.loads,
        affected.changed,
        dates=none if affected.whole else affected.dates,
        replace_where=in_dates(column, affected) | trim,
    ) -}}
{% endmacro %}


{% macro replace_whole(affected) %}
    {{- incremental_run(
        affected.loads, affected.changed, replace_where='true' if affected.changed else 'false'
    ) -}}
{% endmacro %}

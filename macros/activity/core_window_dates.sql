{% macro core_window_dates(rows, change) %}
    {#- Whether a day is core depends on the days before it. -#}
    {{ return(dict(rows, dates=footfall.dates_around(rows.dates, after=footfall.core_window_days() - 1))) }}
{% endmacro %}

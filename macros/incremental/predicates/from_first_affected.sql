{% macro from_first_affected(column, affected) %}
    {#- For tables whose later partitions all depend on an earlier day: everything from the first
        affected day on, and the newest partition, which is replaced when the data's edge moves. -#}
    {%- if affected.whole -%}
        {{ return('true') }}
    {%- elif not affected.dates -%}
        {{ return('false') }}
    {%- endif -%}
    {%- set newest = run_query('select max(' ~ column ~ ') from ' ~ this).rows[0][0] -%}
    {%- set first_day = affected.dates | min -%}
    {%- if newest is not none -%}
        {%- set first_day = [first_day, newest | string] | min -%}
    {%- endif -%}
    {{ return(column ~ " >= date'" ~ first_day ~ "'") }}
{% endmacro %}

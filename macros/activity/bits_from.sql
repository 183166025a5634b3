{% macro bits_from(bits, month_start, day) -%}
    {%- set first_month = day[:7] ~ '-01' -%}
    case
        when {{ month_start }} > date'{{ first_month }}' then {{ bits }}
        when {{ month_start }} = date'{{ first_month }}' then {{ bits }} & ~{{ 2 ** (day[8:] | int - 1) - 1 }}
        else 0
    end
{%- endmacro %}

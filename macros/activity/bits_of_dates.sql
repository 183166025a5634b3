{% macro bits_of_dates(month_start, affected) -%}
    {%- set bitmaps = {} -%}
    {%- for day in affected.dates -%}
        {%- set month = day[:7] ~ '-01' -%}
        {%- do bitmaps.update({month: bitmaps.get(month, 0) + 2 ** (day[8:] | int - 1)}) -%}
    {%- endfor -%}
    {%- if bitmaps -%}
        case {{ month_start }}
            {%- for month, bits in bitmaps.items() %}
            when date'{{ month }}' then {{ bits }}
            {%- endfor %}
            else 0
        end
    {%- else -%}
        0
    {%- endif -%}
{%- endmacro %}

{% macro followed_days(bits, days) -%}
    (
        {%- for offset in range(1, days + 1) -%}
            shiftleft({{ bits }}, {{ offset }}){{ ' | ' if not loop.last }}
        {%- endfor -%}
    )
{%- endmacro %}

{% macro period_of(period_type, day) -%}
    case {{ period_type }}
        {%- for name in footfall.period_types() %}
        when '{{ name }}' then {{ footfall.period_number(name, day) }}
        {%- endfor %}
    end
{%- endmacro %}

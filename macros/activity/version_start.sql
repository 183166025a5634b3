{% macro version_start(is_first, join_date='join_date') -%}
    case
        when {{ is_first }} then least(updated_at, cast({{ join_date }} as timestamp))
        else updated_at
    end
{%- endmacro %}

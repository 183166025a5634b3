{% macro user_segments() -%}
    array(
        struct('all' as segment_type, 'all' as segment_value)
        {%- for attribute in footfall.user_attributes() %},
        struct('{{ attribute }}' as segment_type, {{ attribute }} as segment_value)
        {%- endfor %}
    )
{%- endmacro %}

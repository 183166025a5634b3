{% macro try_statements(statements, problem) %}
    {%- if adapter.try_statements is defined -%}
        {{ return(adapter.try_statements(statements, problem)) }}
    {%- endif -%}
    {%- for statement in statements -%}
        {%- do run_query(statement) -%}
    {%- endfor -%}
    {{ return(true) }}
{% endmacro %}

{% macro replace_where_sql(source, target, predicate) %}
    {%- if not predicate -%}
        {{ exceptions.raise_compiler_error(
            'Model ' ~ model.name ~ ": the strategy 'replace_where' needs a predicate. "
            ~ 'Call footfall.note_replaced_dates(column, footfall.affected_dates()) in the model, or set '
            ~ 'incremental_predicates.'
        ) }}
    {%- endif -%}
    {%- set columns = adapter.get_columns_in_relation(target) | map(attribute='quoted') -%}
    {%- set condition = predicate if predicate is string else predicate | join(' and ') %}
    insert into {{ target }}
    replace where {{ condition }}
    select {{ columns | join(', ') }} from {{ source }}
{% endmacro %}

{% macro create_record_table_sqls(table) %}
    {#- As python_jobs/footfall/project/records.py creates it. -#}
    {%- set columns = [] -%}
    {%- for column in table.columns.values() -%}
        {%- do columns.append(
            column.name ~ ' ' ~ column.data_type ~ ' comment ' ~ footfall.text_literal(column.description)
        ) -%}
    {%- endfor -%}
    {%- set schema = api.Relation.create(database=table.database, schema=table.schema).without_identifier() -%}
    {{ return([
        'create schema if not exists ' ~ schema,
        'create table if not exists ' ~ table.relation_name ~ ' (' ~ columns | join(', ')
        ~ ') using delta comment ' ~ footfall.text_literal(table.description),
    ]) }}
{% endmacro %}


{% macro insert_records_sql(table, rows) %}
    {#- One literal: a statement of hundreds of literals takes Spark longer to read than to run. -#}
    {%- set types = [] -%}
    {%- for column in table.columns.values() -%}
        {%- do types.append(column.name ~ ': ' ~ column.data_type) -%}
    {%- endfor %}
    insert into {{ table.relation_name }} ({{ table.columns | join(', ') }})
    select inline(from_json(
        {{ footfall.text_literal(tojson(rows)) }}, 'array<struct<{{ types | join(', ') }}>>'
    ))
{% endmacro %}


{% macro text_literal(value) -%}
    '{{ value | replace('\\', '\\\\') | replace("'", "\\'") }}'
{%- endmacro %}

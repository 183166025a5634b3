{% macro create_missing_sources() %}
    {%- if execute and flags.WHICH in ['build', 'run', 'seed', 'snapshot', 'test'] -%}
        {%- set existing = {} -%}
        {%- for node in graph.sources.values() if footfall.is_delivered(node) -%}
            {%- set schema = api.Relation.create(
                database=node.database, schema=node.schema
            ).without_identifier() -%}
            {%- if schema | string not in existing -%}
                {%- do adapter.create_schema(schema) -%}
                {%- set tables = run_query('show tables in ' ~ schema) -%}
                {%- do existing.update({schema | string: tables.columns['tableName'].values()}) -%}
            {%- endif -%}
            {%- if node.identifier not in existing[schema | string] -%}
                {%- do run_query(footfall.empty_source_sql(node)) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
{% endmacro %}


{% macro empty_source_sql(node) %}
    create table if not exists {{ node.relation_name }} (
        {%- for column in node.columns.values() %}
        {{ column.name }} {{ column.data_type }},
        {%- endfor %}
        _load_id bigint,
        _ingested_at timestamp,
        _source_file string,
        _ingest_errors array<string>
    ) using delta
{% endmacro %}

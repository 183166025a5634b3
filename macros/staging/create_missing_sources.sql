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
            {%- elif not footfall.adoption_of(node) -%}
                {%- do footfall.add_missing_columns(node) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
{% endmacro %}


{% macro add_missing_columns(node) %}
    {#- Of a table that was loaded before its contract had them. -#}
    {%- set log = footfall.delta_log_of(node) -%}
    {%- if log -%}
        {%- set present = log.columns | map('first') | list -%}
    {%- else -%}
        {%- set table = api.Relation.create(
            database=node.database, schema=node.schema, identifier=node.identifier
        ) -%}
        {%- set present = adapter.get_columns_in_relation(table) | map(attribute='name') | list -%}
    {%- endif -%}
    {%- set missing = [] -%}
    {%- for column in node.columns.values() if column.name not in present -%}
        {%- do missing.append(column.name ~ ' ' ~ column.data_type) -%}
    {%- endfor -%}
    {%- if missing -%}
        {%- do run_query(
            'alter table ' ~ node.relation_name ~ ' add columns (' ~ missing | join(', ') ~ ')'
        ) -%}
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

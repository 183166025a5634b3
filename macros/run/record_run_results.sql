{% macro record_run_results(results) %}
    {#- Of a run that read only a part nothing is kept: it says nothing about the tables. -#}
    {%- set kept_days = footfall.setting('run_results_kept_days') | int if execute else 0 -%}
    {%- set rows = footfall.run_result_rows(results) if kept_days and not footfall.reads_a_part() else [] -%}
    {%- if rows -%}
        {%- set table = graph.sources['source.footfall.quality.dq_run_results'] -%}
        {%- set statements = [] if footfall.is_built(table) else footfall.create_record_table_sqls(table) -%}
        {%- do statements.append(footfall.insert_records_sql(table, rows)) -%}
        {%- if footfall.try_statements(statements, 'The results of the run were not recorded')
            and footfall.small_files_since_optimize(table) >= footfall.setting('optimize_small_files') | int -%}
            {%- do footfall.try_statements([
                'delete from ' ~ table.relation_name
                ~ ' where run_started_at < current_timestamp() - interval ' ~ kept_days ~ ' days',
                footfall.optimize_sql(table.relation_name),
            ], 'The results of earlier runs were not removed') -%}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}


{% macro run_result_rows(results) %}
    {%- set failures = ['error', 'fail', 'warn', 'runtime error', 'partial success'] -%}
    {%- set rows = [] -%}
    {%- for result in results
        if result.node.resource_type in ['model', 'snapshot', 'seed', 'test', 'unit_test', 'source'] -%}
        {%- set status = result.status | string -%}
        {%- set begun = result.timing | map(attribute='started_at') | reject('none') | list -%}
        {%- set is_source = result.node.resource_type == 'source' -%}
        {%- set said = result.message or ('newest load at ' ~ result.max_loaded_at if is_source else '') -%}
        {%- do rows.append({
            'invocation_id': invocation_id,
            'run_started_at': run_started_at.isoformat(),
            'node_id': result.node.unique_id,
            'node': (result.node.source_name ~ '.' if is_source else '') ~ result.node.name,
            'kind': result.node.resource_type | string,
            'status': status,
            'started_at': begun | map('string') | min ~ '+00:00' if begun else none,
            'seconds': result.execution_time,
            'row_count': result.failures if result.failures is not none
                else (result.adapter_response or {}).get('rows_affected'),
            'message': (said | string).split() | join(' ')
                | truncate(1000, true, '…', 0) if status in failures else none,
        }) -%}
    {%- endfor -%}
    {{ return(rows) }}
{% endmacro %}

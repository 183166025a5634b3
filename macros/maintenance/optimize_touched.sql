{% macro optimize_touched() %}
    {%- set run = footfall.noted_run() if execute else none -%}
    {%- if run and run.changed and run.replace_where != 'false'
        and footfall.small_files_since_optimize(graph.nodes[model.unique_id], this)
        >= footfall.setting('optimize_small_files') | int -%}
        {{ footfall.optimize_sql(
            this,
            run.optimize_where if config.get('partition_by') else none,
            config.get('meta', {}).get('zorder_by'),
        ) }}
    {%- endif -%}
{% endmacro %}

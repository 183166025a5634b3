{% macro small_files_since_optimize(node, made=none) %}
    {%- set counter = namespace(files=0, optimized=false) -%}
    {%- set limit = footfall.setting('optimize_small_files') | int -%}
    {%- set log = footfall.delta_log_of(node, made) -%}
    {%- set commits = log.commits_since('OPTIMIZE', limit) if log
        else run_query('describe history ' ~ node.relation_name ~ ' limit ' ~ limit) -%}
    {%- for commit in commits -%}
        {%- if commit['operation'] == 'OPTIMIZE' -%}
            {%- set counter.optimized = true -%}
        {%- endif -%}
        {%- if not counter.optimized -%}
            {%- set found = modules.re.search(
                "num(?:Files|TargetFilesAdded)[^0-9]+([0-9]+)", commit['operationMetrics'] | string
            ) -%}
            {%- set counter.files = counter.files + (found.group(1) | int if found else 0) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(counter.files) }}
{% endmacro %}

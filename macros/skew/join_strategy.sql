{% macro join_strategy(rows, small, key) %}
    {%- if not footfall.plans_run() -%}
        {{ return(none) }}
    {%- endif -%}
    {%- set mebibyte = 1024 * 1024 -%}
    {%- set small_bytes = footfall.table_bytes(small) -%}
    {#- A million users take 30 MiB, and some 200 in the memory of each executor. -#}
    {%- if small_bytes <= 64 * mebibyte -%}
        {{ return('broadcast') }}
    {%- endif -%}
    {#- Adaptive execution splits a part with a hot key, of either join. -#}
    {%- if footfall.spark_setting('spark.sql.adaptive.enabled') != 'true' and footfall.one_task_holds_up(
        'select coalesce(max(row_count) / sum(row_count), 0) from ('
        ~ 'select count(*) as row_count from ' ~ rows ~ ' group by ' ~ key ~ ') as counts'
    ) -%}
        {{ return('salted') }}
    {%- endif -%}
    {%- set parts = footfall.spark_setting('spark.sql.shuffle.partitions') | int(200) -%}
    {%- set fits_a_task = small_bytes / parts <= 16 * mebibyte -%}
    {%- set saves_a_sort = footfall.table_bytes(rows) >= 3 * small_bytes -%}
    {{ return('shuffle_hash' if fits_a_task and saves_a_sort else 'merge') }}
{% endmacro %}


{% macro table_bytes(relation) %}
    {{ return(run_query('describe detail ' ~ relation).rows[0]['sizeInBytes']) }}
{% endmacro %}

{% macro salts(combines, affected) %}
    {%- set salting = footfall.setting('salting') -%}
    {%- if salting != 'auto' -%}
        {{ return(salting == 'always') }}
    {%- endif -%}
    {%- set hot_products = load_relation(ref('int_hot_products'))
        if not combines and footfall.plans_run() and affected.changed else none -%}
    {{ return(hot_products is not none and footfall.one_task_holds_up(
        'select coalesce(max(day_share), 0) from ' ~ hot_products
        ~ ' where ' ~ footfall.in_dates('event_date', affected)
    )) }}
{% endmacro %}


{% macro one_task_holds_up(largest_share_query) %}
    {#- How many times its fair share of the rows a task may hold: two phases were faster from 1.2 times on
        with 1.5 million rows of the key, from 1.5 times on with 300,000 (ADR 32). -#}
    {%- set pays_from = 2 -%}
    {%- set tasks = footfall.tasks_at_a_time() -%}
    {{ return(tasks >= pays_from and tasks * run_query(largest_share_query).rows[0][0] >= pays_from) }}
{% endmacro %}


{% macro tasks_at_a_time() %}
    {#- Elsewhere than in a session of its own, Spark is asked how it shuffles: two tasks a core. -#}
    {%- if adapter.tasks_at_a_time is defined -%}
        {%- set tasks = adapter.tasks_at_a_time(config.get('meta', {}).get('by_day', false)) -%}
    {%- endif -%}
    {%- if tasks is not defined or tasks is none -%}
        {%- set tasks = footfall.spark_setting('spark.sql.shuffle.partitions') | int(0) // 2 -%}
    {%- endif -%}
    {{ return(tasks) }}
{% endmacro %}


{% macro spark_setting(name) %}
    {#- agate takes `true` for a boolean. -#}
    {{ return(run_query('set ' ~ name).rows[0][1] | string | lower) }}
{% endmacro %}

{% macro plans_run() %}
    {#- What only shows SQL asks nothing of the warehouse: it works where nothing is built yet. -#}
    {{ return(
        execute
        and not footfall.is_unit_test()
        and (flags.WHICH in ['build', 'run', 'snapshot'] or var('plan_next_run', false))
    ) }}
{% endmacro %}

{% macro session_counts() -%}
    {#- By policy: which sessions it counts, and as how long. -#}
    {%- set policies = [
        ('filter', 'not is_outlier', 'duration_micros'),
        ('cap', 'true', 'capped_micros'),
        ('flag', 'true', 'duration_micros'),
    ] -%}
    array(
        {%- for policy, is_counted, micros in policies %}
        struct(
            '{{ policy }}' as outlier_policy,
            count_if({{ is_counted }}) as session_count,
            count_if({{ is_counted }} and counts_user) as user_count,
            coalesce(sum(action_count) filter (where {{ is_counted }}), 0) as action_count,
            sum({{ micros }}) filter (where {{ is_counted }}) as micros,
            percentile({{ micros }}, array(0.5, 0.95)) filter (where {{ is_counted }})
                as micros_percentiles,
            count_if({{ is_counted }} and action_count = 1) as bounce_count
        ){{ ',' if not loop.last }}
        {%- endfor %}
    )
{%- endmacro %}

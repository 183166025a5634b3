{% macro within_history(actions) -%}
    {%- if var('sequence_history_days') -%}
        slice(
            {{ actions }},
            1,
            aggregate(
                transform(
                    filter(checkpoints.action_days, day -> day.event_date >= {{ footfall.history_start() }}),
                    day -> day.action_count
                ),
                0,
                (total, action_count) -> total + action_count
            )
        )
    {%- else -%}
        {{ actions }}
    {%- endif -%}
{%- endmacro %}


{% macro history_start() -%}
    date_sub(customer_days.dt, {{ var('sequence_history_days') | int }})
{%- endmacro %}

{% macro newest_runs(lists) -%}
    {#- A run is a list of actions, newest first. A customer's runs do not overlap in time: sorted by
        date and put together they are sorted actions. -#}
    sort_array(collect_list(struct(event_date, {{ lists }})), false)
{%- endmacro %}


{% macro newest_actions(lists) -%}
    slice(flatten({{ lists }}), 1, {{ var('sequence_length') | int }})
{%- endmacro %}


{% macro newest_of_both(newest_runs, checkpoint, list) -%}
    {%- set lists -%}
        array(
            coalesce(flatten(transform({{ newest_runs }}, run -> run.{{ list }})), array()),
            coalesce({{ checkpoint }}.{{ list }}, array())
        )
    {%- endset -%}
    {{ footfall.newest_actions(lists) }}
{%- endmacro %}

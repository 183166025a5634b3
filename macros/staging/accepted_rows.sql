{% macro accepted_rows(source_name, entity) %}
    {%- set loads = footfall.new_loads([(source_name, entity)]) -%}
    {%- set dates = footfall.batch_dates(source_name, entity, loads) -%}
    {%- set bounds = loads.ranges.get(source_name ~ '.' ~ entity) -%}
    {%- set lost = footfall.lost_dates(source_name ~ '.' ~ entity, bounds) if bounds and dates is not none else [] -%}
    {%- if lost -%}
        {%- set dates = (dates + lost) | unique | sort -%}
    {%- endif -%}
    {{ footfall.note_run(
        loads.loads,
        loads.changed,
        dates=lost or none,
        merge_dates=dates,
        optimize_where=footfall.in_dates('event_date', {'dates': dates}) | trim if dates else none,
    ) }}
    {{ footfall.first_arrivals(source_name, entity, loads, lost) }}
{%- endmacro %}


{% macro first_arrivals(source_name, entity, loads, whole_dates=[]) %}
    {%- set contract = footfall.source_contract(source_name, entity) %}
    select * except (arrival, is_valid, reject_reasons)
    from (
        select
            *,
            row_number() over (
                partition by event_key
                order by _load_id
                    {%- if contract %}, {{ contract.columns | list | join(', ') }}{% endif %}
            ) as arrival
        from ({{ footfall.classified_rows(source_name, entity, loads, whole_dates) }})
        where is_valid
    )
    where arrival = 1
{%- endmacro %}

{% macro classified_rows(source_name, entity, loads, whole_dates=[]) %}
    {%- set bronze = source(source_name, entity) -%}
    {%- set contract = footfall.source_contract(source_name, entity) -%}
    {%- if contract %}
    {%- set event_time = contract.config.meta.event_time %}
    select
        {%- for column in contract.columns %}
        {{ column }},
        {%- endfor %}
        {{ footfall.event_date(event_time, contract.columns[event_time].data_type) }} as event_date,
        {{ footfall.event_key(contract) }} as event_key,
        {{ footfall.is_valid(contract) }} as is_valid,
        {{ footfall.reject_reasons(contract) }} as reject_reasons,
        _load_id,
        _ingested_at,
        _source_file
    from {{ bronze }}
    {%- set name = source_name ~ '.' ~ entity %}
    where {{ footfall.in_loads('_load_id', loads, name) }}
        {%- if whole_dates %}
        or (
            _load_id <= {{ loads.ranges[name][1] }}
            and {{ footfall.in_dates(
                footfall.event_date(event_time, contract.columns[event_time].data_type) | trim,
                {'whole': false, 'dates': whole_dates}
            ) }}
        )
        {%- endif %}
    {%- endif %}
{%- endmacro %}

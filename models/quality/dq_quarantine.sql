{{ config(partition_by=['source']) }}

{% set loads = loads_to_account(source_entities()) %}
{{ note_replaced_loads(loads) }}

{% for source_name, entity in loads.entities %}
{% set contract = footfall.source_contract(source_name, entity) %}
{% set columns = contract.columns | list if contract else ['event_date'] %}
select
    '{{ source_name }}.{{ entity }}' as source,
    _load_id as load_id,
    event_date,
    reject_reasons,
    to_json(struct({{ columns | join(', ') }})) as payload,
    _source_file as source_file,
    _ingested_at as ingested_at
from ({{ classified_rows(source_name, entity, loads) }})
where not is_valid
{{ 'union all' if not loop.last }}
{% endfor %}

{% set sources = [] %}
{% if 'product' in var('sources') %}
{% do sources.append((
    'product', ref('stg_product__interactions'), 'interaction_type', 'cast(null as bigint)'
)) %}
{% endif %}
{% if 'app' in var('sources') %}
{% do sources.append(('app', ref('stg_app__interactions'), 'action_type', 'duration_ms')) %}
{% endif %}

{% for name, relation, action_type, duration_ms in sources %}
select
    event_key,
    '{{ name }}' as source_name,
    user_id,
    event_time,
    event_date,
    {{ action_type }} as action_type,
    {{ duration_ms }} as duration_ms
from {{ identified_rows(relation) }}
{{ 'union all' if not loop.last }}
{% endfor %}

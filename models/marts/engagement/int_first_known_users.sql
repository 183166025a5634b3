{{ config(partition_by=none) }}

{% set affected = affected_loads() %}
{{ note_replaced_table(affected) }}
{% set goes_on = not (affected.whole or affected.is_forced or takes_rows_back(affected)) %}

with identifying_rows as (
    {%- for source_name, entity in identifying_entities() %}
    select
        staged.anonymous_id,
        staged.user_id,
        staged.event_time as known_since,
        '{{ source_name }}.{{ entity }}' as source,
        staged._load_id
    from {{ ref('stg_' ~ source_name ~ '__' ~ entity) }} as staged
    where
        {{ has_anonymous_id('staged') }}
        and staged.user_id <> staged.anonymous_id
        and {{ 'true' if not goes_on else in_loads(
            'staged._load_id', affected, source_name ~ '.' ~ entity
        ) }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
    {%- if goes_on %}
    union all
    select
        anonymous_id,
        user_id,
        known_since,
        source,
        _load_id
    from {{ this }}
    {%- endif %}
),

in_order as (
    select
        *,
        row_number() over (
            partition by anonymous_id order by known_since, user_id, source, _load_id
        ) as place
    from identifying_rows
)

select * except (place)
from in_order
where place = 1

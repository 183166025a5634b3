{{ config(partition_by=['source'], meta={'at_once': true}) }}

{% set loads = loads_to_account(source_entities()) %}
{{ note_replaced_loads(loads) }}

-- Each share is counted on its own: a row that reached neither staging nor quarantine, and repeats
-- no earlier one, leaves a gap between rows_in and the sum.
with classified as (
    {% for source_name, entity in loads.entities %}
    {% set values = [] %}
    {% for column in value_columns(source_name, entity) %}
    {% do values.append(staged_value(column)) %}
    {% endfor %}
    select
        '{{ source_name }}.{{ entity }}' as source,
        _load_id as load_id,
        event_key,
        is_valid,
        {{ content_hash(values) }} as content
    from ({{ classified_rows(source_name, entity, loads) }})
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

arrivals as (
    select
        source,
        load_id,
        is_valid,
        if(is_valid, event_key, null) as event_key,
        if(is_valid, content, null) as content,
        count(*) as row_count
    from classified
    group by source, load_id, is_valid, if(is_valid, event_key, null), if(is_valid, content, null)
),

staged as (
    {% for source_name, entity in loads.entities %}
    {% set values = value_columns(source_name, entity) | map(attribute='name') | list %}
    select
        '{{ source_name }}.{{ entity }}' as source,
        event_key,
        {{ content_hash(values) }} as content,
        _load_id as load_id
    from {{ ref('stg_' ~ source_name ~ '__' ~ entity) }}
    where {{ in_batch_dates(source_name, entity, loads) }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

arrivals_by_load as (
    select
        arrivals.source,
        arrivals.load_id,
        sum(arrivals.row_count) as rows_in,
        sum(
            case
                when not arrivals.is_valid then 0
                when staged.load_id < arrivals.load_id then arrivals.row_count
                when staged.content <> arrivals.content then arrivals.row_count
                else arrivals.row_count - 1
            end
        ) as duplicates,
        sum(if(staged.content <> arrivals.content, arrivals.row_count, 0)) as conflicting_duplicates
    from arrivals
    left join staged
        on arrivals.source = staged.source and arrivals.event_key = staged.event_key
    group by arrivals.source, arrivals.load_id
),

accepted_by_load as (
    select
        source,
        load_id,
        count(*) as accepted
    from staged
    group by source, load_id
),

quarantined_by_load as (
    select
        source,
        load_id,
        count(*) as quarantined
    from {{ ref('dq_quarantine') }}
    group by source, load_id
)

select
    ---------- grain
    arrivals_by_load.source,
    arrivals_by_load.load_id,

    ---------- rows
    arrivals_by_load.rows_in,
    coalesce(accepted_by_load.accepted, 0) as accepted,
    arrivals_by_load.duplicates,
    arrivals_by_load.conflicting_duplicates,
    coalesce(quarantined_by_load.quarantined, 0) as quarantined
from arrivals_by_load
left join accepted_by_load
    on
        arrivals_by_load.source = accepted_by_load.source
        and arrivals_by_load.load_id = accepted_by_load.load_id
left join quarantined_by_load
    on
        arrivals_by_load.source = quarantined_by_load.source
        and arrivals_by_load.load_id = quarantined_by_load.load_id

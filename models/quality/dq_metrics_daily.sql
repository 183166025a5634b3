{% set affected = affected_dates() %}
{{ note_replaced_dates('event_date', affected) }}

with profiled as (
    {% for source_name, entity in profiled_entities() %}
    select
        '{{ source_name }}.{{ entity }}' as source,
        event_date,
        {{ column_metrics(source_name, entity) }} as metrics
    from {{ ref('stg_' ~ source_name ~ '__' ~ entity) }}
    where {{ in_dates('event_date', affected) }}
    group by event_date
    {{ 'union all' if not loop.last }}
    {% endfor %}
)

select
    ---------- grain
    profiled.source,
    profiled.event_date,
    described.column_name,

    ---------- values
    described.row_count,
    described.null_count,
    described.distinct_count,
    described.minimum,
    described.maximum,
    described.mean
from profiled
    lateral view inline(metrics) described

{#- What attributes change is found in what the table holds. -#}
{% set affected = changed_attribute_dates(affected_dates(without=['dim_users'])) %}
{{ note_replaced_dates('event_date', affected) }}

with interactions as (
    select * from {{ ref('int_interactions') }}
    where {{ in_dates('event_date', affected) }}
),

sessions as (
    select * from {{ ref('fct_sessions') }}
    where {{ in_dates('event_date', affected) }}
),

action_types as (
    select * from {{ ref('action_types') }}
),

user_actions as (
    select
        interactions.user_id,
        interactions.event_date,
        count(*) as action_count,
        count_if(action_types.is_core) as core_action_count,
        {%- for action_type in action_types() %}
        count_if(interactions.action_type = '{{ action_type }}') as {{ action_type }}_count,
        {%- endfor %}
        cast(coalesce(sum(interactions.duration_ms), 0) as bigint) as duration_ms
    from interactions
    left join action_types on interactions.action_type = action_types.action_type
    group by interactions.user_id, interactions.event_date
),

user_sessions as (
    select
        user_id,
        event_date,
        count(*) as session_count,
        max(duration_seconds) as longest_session_seconds
    from sessions
    group by user_id, event_date
)

select
    ---------- ids
    user_actions.user_id,
    user_actions.event_date,

    ---------- attributes as they were at the end of the day
    {%- for attribute in footfall.user_attributes() %}
    {% if 'app' in var('sources') -%}
    coalesce(dim_users.{{ attribute }}, 'unknown') as {{ attribute }},
    {%- else -%}
    'unknown' as {{ attribute }},
    {%- endif %}
    {%- endfor %}

    ---------- actions
    user_actions.action_count,
    user_actions.core_action_count,
    {%- for action_type in action_types() %}
    user_actions.{{ action_type }}_count,
    {%- endfor %}
    user_actions.duration_ms,

    ---------- sessions
    coalesce(user_sessions.session_count, 0) as session_count,
    user_sessions.longest_session_seconds
from user_actions
left join user_sessions
    on
        user_actions.user_id = user_sessions.user_id
        and user_actions.event_date = user_sessions.event_date
{% if 'app' in var('sources') %}
left join {{ ref('dim_users') }} as dim_users
    on
        user_actions.user_id = dim_users.user_id
        and {{ holds_at_end_of('user_actions.event_date', 'dim_users') }}
{% endif %}

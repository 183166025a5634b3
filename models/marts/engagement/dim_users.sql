{{ config(partition_by=none) }}

{{ note_replaced_table(affected_loads()) }}

with versions as (
    select
        user_id,
        join_date,
        country,
        device_type,
        subscription_type,
        updated_at,
        event_key
    from {{ ref('snap_app_users') }}
),

with_previous as (
    select
        *,
        lag(struct(join_date, country, device_type, subscription_type)) over (
            partition by user_id order by updated_at, event_key
        ) as previous_attributes
    from versions
),

changes as (
    select *
    from with_previous
    where not (
        struct(join_date, country, device_type, subscription_type) <=> previous_attributes
    )
),

-- What is known first holds since the user joined.
intervals as (
    select
        *,
        {{ version_start('previous_attributes is null') }} as valid_from,
        {{ version_end() }} as valid_to
    from changes
)

select
    ---------- ids
    md5(concat_ws('\u001f', user_id, cast(unix_micros(valid_from) as string))) as user_version_id,
    user_id,

    ---------- attributes
    join_date,
    country,
    device_type,
    subscription_type,

    ---------- validity
    valid_from,
    valid_to,
    valid_to is null as is_current
from intervals

{{ config(partition_by=none) }}

{{ note_replaced_table(affected_loads()) }}

{%- set attributes = 'struct(name, email, phone, registration_date, location, customer_segment)' %}

with delivered as (
    select
        customer_id,
        {{ personal('name') }} as name,
        {{ personal('email') }} as email,
        {{ personal('phone', is_number=true) }} as phone,
        registration_date,
        location,
        customer_segment,
        updated_at,
        event_key,
        row_number() over (
            partition by customer_id, updated_at order by _load_id desc, event_key desc
        ) as age
    from {{ ref('stg_crm__customers') }}
),

versions as (
    select * from delivered
    where age = 1
),

with_previous as (
    select
        *,
        lag({{ attributes }}) over (
            partition by customer_id order by updated_at nulls first
        ) as previous_attributes,
        min(updated_at) over (partition by customer_id) as first_update
    from versions
),

changes as (
    select
        *,
        case
            when previous_attributes is null
                then least({{ start_of_day('registration_date') }}, first_update)
            else updated_at
        end as valid_from
    from with_previous
    where not ({{ attributes }} <=> previous_attributes)
),

intervals as (
    select
        *,
        lead(valid_from) over (
            partition by customer_id order by updated_at nulls first
        ) as valid_to
    from changes
)

select
    ---------- ids
    md5(
        concat_ws('\u001f', cast(customer_id as string), cast(unix_micros(valid_from) as string))
    ) as customer_version_id,
    customer_id,

    ---------- person
    name,
    email,
    phone,

    ---------- attributes
    registration_date,
    location,
    customer_segment,

    ---------- validity
    valid_from,
    valid_to,
    valid_to is null as is_current
from intervals
where valid_to is null or valid_from < valid_to

{% snapshot snap_app_users %}
{% set loads = unsnapped_loads('app', 'users') %}
{{ note_run(loads.loads, loads.changed) }}

select
    event_key,
    user_id,
    join_date,
    country,
    device_type,
    subscription_type,
    updated_at,
    event_date,
    _load_id
from {{ ref('stg_app__users') }}
where {{ in_loads('_load_id', loads, 'app.users') }}
{% endsnapshot %}

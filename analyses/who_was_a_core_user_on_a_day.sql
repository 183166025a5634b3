-- Who was a core user on a day?
-- dbt show --select who_was_a_core_user_on_a_day --vars 'day: 2025-08-20'
{% set day = modules.datetime.date.fromisoformat(var('day', '2025-08-20') | string) %}
select user_id
from {{ ref('fct_user_activity_monthly') }}
where {{ is_active_on("date'" ~ day ~ "'", 'core') }}
order by user_id

{{ config(partition_by=none) }}

{#- Months hold no attributes. -#}
{% set affected = affected_dates(without=['dim_users']) %}
{#- A user's first and last days change only from the first affected date on: what lies in the
    months before it is kept. -#}
{% set first_month = month_of(affected.dates | min) if affected.dates %}
{% set replaces = affected.whole or first_month %}
{{ note_run(affected.loads, affected.changed, replace_where='true' if replaces else 'false') }}

with user_months as (
    {{ active_planes_of(ref('fct_user_activity_monthly')) }}
),

read_spans as (
    select
        user_id,
        definition,
        min({{ first_active_day('active_days', 'month_start') }}) as first_date,
        max({{ last_active_day('active_days', 'month_start') }}) as last_date
    from user_months
    {%- if not affected.whole %}
    where {{ "month_start >= date'" ~ first_month ~ "'" if first_month else 'false' }}
    {%- endif %}
    group by user_id, definition
)

{%- if affected.whole or not first_month %}

select * from read_spans

{%- else %},

kept_spans as (
    select
        user_id,
        definition,
        first_date,
        if(last_date < date'{{ first_month }}', last_date, null) as last_date
    from {{ this }}
    where first_date < date'{{ first_month }}'
),

with_read as (
    select
        coalesce(kept_spans.user_id, read_spans.user_id) as user_id,
        coalesce(kept_spans.definition, read_spans.definition) as definition,
        coalesce(kept_spans.first_date, read_spans.first_date) as first_date,
        coalesce(read_spans.last_date, kept_spans.last_date) as last_date
    from kept_spans
    full outer join read_spans
        on
            kept_spans.user_id = read_spans.user_id
            and kept_spans.definition = read_spans.definition
),

-- Where rows were removed and their days recomputed, a user's last day before them is searched.
lost as (
    select
        user_id,
        definition
    from with_read
    where last_date is null
),

searched as (
    select /*+ broadcast(lost) */
        user_months.user_id,
        user_months.definition,
        max({{ last_active_day('user_months.active_days', 'user_months.month_start') }})
            as last_date
    from user_months
    inner join lost
        on
            user_months.user_id = lost.user_id
            and user_months.definition = lost.definition
    where user_months.month_start < date'{{ first_month }}'
    group by user_months.user_id, user_months.definition
)

select
    with_read.user_id,
    with_read.definition,
    with_read.first_date,
    coalesce(with_read.last_date, searched.last_date) as last_date
from with_read
left join searched
    on
        with_read.user_id = searched.user_id
        and with_read.definition = searched.definition
{%- endif %}

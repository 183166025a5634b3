with totals as (
    select
        metric_date,
        definition,
        segment_type,
        sum(dau) as dau,
        sum(wau) as wau,
        sum(mau_28) as mau_28,
        sum(mau_30) as mau_30,
        sum(mau_calendar) as mau_calendar
    from {{ ref('fct_active_users_daily') }}
    group by metric_date, definition, segment_type
)

select split.*
from totals as split
inner join totals as everyone
    on
        split.metric_date = everyone.metric_date
        and split.definition = everyone.definition
        and everyone.segment_type = 'all'
where
    split.dau <> everyone.dau
    or split.wau <> everyone.wau
    or split.mau_28 <> everyone.mau_28
    or split.mau_30 <> everyone.mau_30
    or split.mau_calendar <> everyone.mau_calendar

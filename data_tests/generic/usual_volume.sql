{% test usual_volume(
    model, date_column='event_date', weeks=4, least_share=0.5, least_rows=1000, judged_days=7, settle_days=1
) %}
with edges as (
    select
        min({{ date_column }}) as first_day,
        date_sub(
            least(
                max({{ date_column }}),
                cast(from_utc_timestamp(current_timestamp(), '{{ footfall.setting('reporting_timezone') }}') as date)
            ),
            {{ settle_days }}
        ) as last_day
    from {{ model }}
),

days as (
    select explode(sequence(
        greatest(first_day, date_sub(last_day, {{ judged_days + 7 * weeks - 1 }})), last_day
    )) as event_day
    from edges
    where first_day <= last_day
),

counted as (
    select
        days.event_day,
        count(observed.{{ date_column }}) as row_count
    from days
    left join {{ model }} as observed
        on days.event_day = observed.{{ date_column }}
    group by days.event_day
),

compared as (
    select
        judged.event_day,
        judged.row_count,
        median(earlier.row_count) as usual_row_count,
        count(*) as weeks
    from counted as judged
    inner join counted as earlier
        on
            earlier.event_day between date_sub(judged.event_day, {{ 7 * weeks }}) and date_sub(judged.event_day, 7)
            and datediff(judged.event_day, earlier.event_day) % 7 = 0
    group by judged.event_day, judged.row_count
)

select
    event_day,
    row_count,
    usual_row_count
from compared
where
    weeks = {{ weeks }}
    and event_day > (select date_sub(max(event_day), {{ judged_days }}) from counted)
    and usual_row_count >= {{ least_rows }}
    and row_count < {{ least_share }} * usual_row_count
{% endtest %}

{% macro product_gaps(interactions, slice=none) %}
    select
        product_id,
        event_date,
        unix_micros(event_time) - unix_micros(
            lag(event_time) over (
                partition by event_date, product_id{{ ', ' ~ slice if slice }} order by event_time
            )
        ) as gap_micros
    from {{ interactions }}
    {%- if slice %}
    -- The first row of a slice follows the last row of the slice before it.
    union all
    select
        product_id,
        event_date,
        unix_micros(first_time) - unix_micros(
            lag(last_time) over (partition by event_date, product_id order by {{ slice }})
        ) as gap_micros
    from (
        select
            product_id,
            event_date,
            {{ slice }},
            min(event_time) as first_time,
            max(event_time) as last_time
        from {{ interactions }}
        where {{ slice }} is not null
        group by product_id, event_date, {{ slice }}
    ) as slices
    {%- endif %}
{%- endmacro %}

{% macro point_in_time(spine, features, keys) -%}
    {#- One pass: rows of both sides are put in the order of time, and each row of the spine takes the
        newest of the features before it. No row of the spine can be lost or doubled by a join. -#}
    {%- set known_at = features.get('known_at', features.at) -%}
    (
        select
            {{ (keys + [spine.at] + spine.columns) | join(', ') }}
            {%- for column in features.columns %},
            _found._values.{{ column }} as {{ column }}
            {%- endfor %}
        from (
            select
                *,
                max(_features) over (
                    partition by {{ keys | join(', ') }}
                    order by _visible_at, _is_asked
                    rows between unbounded preceding and current row
                ) as _found
            from (
                select
                    {{ (keys + [spine.at] + spine.columns) | join(', ') }},
                    cast({{ spine.at }} as timestamp) as _visible_at,
                    true as _is_asked,
                    null as _features
                from {{ spine.relation }}
                union all
                select
                    {{ keys | join(', ') }}
                    {%- for column in [spine.at] + spine.columns %},
                    null as {{ column }}
                    {%- endfor %},
                    greatest(cast({{ features.at }} as timestamp), cast({{ known_at }} as timestamp)),
                    false as _is_asked,
                    struct(
                        cast({{ features.at }} as timestamp) as _at,
                        cast({{ known_at }} as timestamp) as _known_at,
                        struct({{ features.columns | join(', ') }}) as _values
                    ) as _features
                from {{ features.relation }}
                where
                    {{ features.at }} is not null and {{ known_at }} is not null
                    {%- for key in keys %}
                    and {{ key }} is not null
                    {%- endfor %}
            ) as both_sides
        ) as asked_and_found
        where _is_asked
    )
{%- endmacro %}


{% macro load_arrivals(source_name, entity) -%}
    (
        select
            _load_id,
            min(_ingested_at) as arrived_at
        from {{ source(source_name, entity) }}
        group by _load_id
    )
{%- endmacro %}

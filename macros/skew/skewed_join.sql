{% macro skewed_join(rows, small, key, columns, condition, strategy) %}
    {%- set salted = strategy == 'salted' %}
    select{{ ' /*+ ' ~ strategy ~ '(' ~ small ~ ') */' if strategy and not salted }}
        {{ rows }}.*,
        {{ small }}.{{ columns | join(', ' ~ small ~ '.') }}
    from {{ footfall.salted_by_key(rows, key) ~ ' as ' ~ rows if salted else rows }}
    left join {{ footfall.replicated_by_key(small, rows, key) ~ ' as ' ~ small if salted else small }}
        on
            {{ rows }}.{{ key }} = {{ small }}.{{ key }}
            {{ 'and ' ~ rows ~ '.salt = ' ~ small ~ '.salt' if salted }}
            and {{ condition }}
{%- endmacro %}


{% macro salted_by_key(rows, key) -%}
    (
        select /*+ broadcast(hot_keys) */
            {{ rows }}.*,
            {{ footfall.salt(rows ~ '.event_key', 'hot_keys.salt_buckets') }} as salt
        from {{ rows }}
        left join ({{ footfall.hot_keys(rows, key) }}) as hot_keys
            on {{ rows }}.{{ key }} = hot_keys.{{ key }}
    )
{%- endmacro %}


{% macro replicated_by_key(small, rows, key) -%}
    (
        select /*+ broadcast(hot_keys) */
            {{ small }}.*,
            explode(sequence(0, coalesce(hot_keys.salt_buckets, 1) - 1)) as salt
        from {{ small }}
        left join ({{ footfall.hot_keys(rows, key) }}) as hot_keys
            on {{ small }}.{{ key }} = hot_keys.{{ key }}
    )
{%- endmacro %}


{% macro hot_keys(rows, key) %}
    select
        {{ key }},
        {{ footfall.salt_buckets('key_share') }} as salt_buckets
    from (
        select
            {{ key }},
            count(*) / sum(count(*)) over () as key_share
        from {{ rows }}
        group by {{ key }}
    ) as shares
    where key_share > {{ footfall.setting('hot_product_share') }}
{% endmacro %}

{% macro user_product_counts(interactions, grain) %}
    select
        {{ grain | join(',\n        ') }},
        count_if(interaction_type = 'view') as view_count,
        count_if(interaction_type = 'click') as click_count,
        count_if(interaction_type = 'purchase') as purchase_count,
        max(event_time) as last_interaction_time
    from {{ interactions }}
    group by {{ grain | join(', ') }}
{%- endmacro %}

{% macro delivered_entities() %}
    {{ return({
        'product': ['interactions'],
        'app': ['interactions', 'identify_calls', 'users'],
        'shop': ['impressions', 'clicks', 'add_to_carts', 'orders'],
        'crm': ['customers', 'transactions', 'support_interactions', 'events', 'sessions'],
    }) }}
{% endmacro %}

{% macro action_types() %}
    {{ return([
        'view', 'click', 'purchase', 'page_view', 'edit', 'create', 'delete', 'share',
    ]) }}
{% endmacro %}

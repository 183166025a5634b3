{% macro active_user_windows() %}
    {{ return({'dau': 1, 'wau': 7, 'mau_28': 28, 'mau_30': 30}) }}
{% endmacro %}


{% macro active_user_metrics() %}
    {{ return((footfall.active_user_windows() | list) + ['mau_calendar']) }}
{% endmacro %}

{% macro training_dates(impressions, actions) %}
    {#- Impression days that got new impressions, and all that lie after the first day with new
        actions. -#}
    {%- set changed = impressions.changed or actions.changed -%}
    {%- set loads = dict(impressions.loads, **actions.loads) -%}
    {%- if impressions.first -%}
        {{ return({'first': true, 'dates': [], 'loads': loads, 'changed': changed}) }}
    {%- endif -%}
    {%- set dates = impressions.dates | list -%}
    {%- if actions.dates -%}
        {%- set after = run_query(
            'select distinct event_date from ' ~ ref('stg_shop__impressions')
            ~ " where event_date > date'" ~ actions.dates | min ~ "'"
        ).columns[0].values() | map('string') | list -%}
        {%- set dates = (dates + after) | unique | sort -%}
    {%- endif -%}
    {{ return({'first': false, 'dates': dates, 'loads': loads, 'changed': changed}) }}
{% endmacro %}

{% macro py_script_postfix(model) %}
{{ dbt.py_script_postfix(model) }}
{%- set inputs = model.config.get('meta', {}).get('affected_by') %}
{%- if inputs %}
{%- set affected = affected_dates(inputs) %}
{%- set column = model.config.partition_by[0] %}
{%- set predicate = in_dates(column, affected) | trim %}
{%- if predicate != 'false' and model.config.meta.get('rebuild_whole', false) %}
{%- set predicate = 'true' %}
{%- endif %}
# footfall:run {{ tojson({
    'loads': affected.loads, 'changed': affected.changed, 'replace_where': predicate,
    'merge_dates': none, 'optimize_where': predicate,
}, sort_keys=true) }}
dbtObj.replace_where = {{ tojson(predicate) }}
{%- endif %}
{% endmacro %}

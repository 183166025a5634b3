{% macro py_script_postfix(model) %}
{{ dbt.py_script_postfix(model) }}
{%- if model.config.materialized == 'incremental' %}
{%- set affected = affected_dates() %}
{%- set run = note_replaced_dates(model.config.partition_by[0], affected) %}
# {{ run | trim | replace('/* ', '') | replace(' */', '') }}
dbtObj.replace_where = {{ tojson(in_dates(model.config.partition_by[0], affected) | trim) }}
{%- endif %}
{% endmacro %}

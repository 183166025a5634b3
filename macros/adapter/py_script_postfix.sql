{% macro py_script_postfix(model) %}
{{ dbt.py_script_postfix(model) }}
{%- if model.config.materialized == 'incremental' %}
{%- set affected = footfall.affected_dates() %}
{%- set run = footfall.note_replaced_dates(model.config.partition_by[0], affected) %}
# {{ run | trim | replace('/* ', '') | replace(' */', '') }}
dbtObj.replace_where = {{ tojson(footfall.in_dates(model.config.partition_by[0], affected) | trim) }}
{%- endif %}
{% endmacro %}

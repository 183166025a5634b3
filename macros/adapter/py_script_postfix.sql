{% macro py_script_postfix(model) %}
{{ dbt.py_script_postfix(model) }}
{%- set meta = model.config.get('meta', {}) %}
{%- if meta.get('affected_by') %}
{%- set affected = session_dates(affected_dates(meta.affected_by)) %}
{%- set run = replace_where(model.config.partition_by[0], affected) %}
# {{ run | trim | replace('/* ', '') | replace(' */', '') }}
dbtObj.replace_where = {{ tojson(in_dates(model.config.partition_by[0], affected) | trim) }}
{%- endif %}
{% endmacro %}

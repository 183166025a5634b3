{% macro version_dates(rows, change) %}
    {#- A new version takes the place of those before it, whose days may be others. -#}
    {%- set touched = [] -%}
    {%- for name in change.ranges if change.forced is none -%}
        {%- set source_name, entity = name.split('.') -%}
        {%- set contract = footfall.source_contract(source_name, entity) -%}
        {%- if contract.config.meta.version -%}
            {%- set staged = footfall.model_node('stg_' ~ source_name ~ '__' ~ entity).relation_name -%}
            {%- set key = '(' ~ contract.config.meta.key | join(', ') ~ ')' -%}
            {%- do touched.extend(footfall.query_dates(
                'select distinct event_date from ' ~ staged ~ ' where ' ~ key ~ ' in (select ' ~ key
                ~ ' from ' ~ staged ~ ' where ' ~ footfall.in_loads('_load_id', change, name) | trim ~ ')'
            )) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(dict(rows, dates=(rows.dates + touched) | unique | sort)) }}
{% endmacro %}

{% macro version_dates(rows, change) %}
    {#- A new version takes the place of those before it, whose days may be others. -#}
    {%- set found = {} -%}
    {%- for day in rows.dates -%}
        {%- do found.update({day: true}) -%}
    {%- endfor -%}
    {%- for name, bounds in change.ranges.items() if change.forced is none -%}
        {%- set source_name, entity = name.split('.') -%}
        {%- set contract = footfall.source_contract(source_name, entity) -%}
        {%- if contract.config.meta.version -%}
            {%- set staged = footfall.model_node('stg_' ~ source_name ~ '__' ~ entity).relation_name -%}
            {%- set key = '(' ~ contract.config.meta.key | join(', ') ~ ')' -%}
            {%- for day in footfall.query_dates(
                'select distinct event_date from ' ~ staged ~ ' where ' ~ key ~ ' in (select ' ~ key
                ~ ' from ' ~ staged ~ ' where _load_id > ' ~ bounds[0] ~ ' and _load_id <= ' ~ bounds[1] ~ ')'
            ) -%}
                {%- do found.update({day: true}) -%}
            {%- endfor -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(dict(rows, dates=found | sort)) }}
{% endmacro %}

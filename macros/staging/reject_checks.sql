{% macro reject_checks(contract) %}
    {%- set checks = [] -%}
    {%- set ids = footfall.id_columns(contract) -%}
    {%- for column in contract.columns.values() -%}
        {%- set rule = column.config.meta -%}
        {%- if column.name in ids -%}
            {%- do checks.append((
                column.name ~ ' is null or ' ~ footfall.is_blank(column.name), column.name ~ '_missing'
            )) -%}
            {%- do checks.append((
                'length(' ~ column.name ~ ') > ' ~ var('id_max_characters'),
                column.name ~ '_too_long'
            )) -%}
        {%- elif rule.required -%}
            {%- do checks.append((column.name ~ ' is null', column.name ~ '_missing')) -%}
        {%- endif -%}
        {%- if rule.accepted_values is defined -%}
            {%- do checks.append((
                column.name ~ " not in ('" ~ rule.accepted_values | join("', '") ~ "')",
                column.name ~ '_unknown'
            )) -%}
        {%- endif -%}
        {%- if rule.pattern is defined -%}
            {%- do checks.append((
                column.name ~ ' not rlike ' ~ footfall.text_literal(rule.pattern),
                column.name ~ '_unlike_pattern'
            )) -%}
        {%- endif -%}
        {%- if rule.minimum is defined -%}
            {%- do checks.append((
                column.name ~ ' < ' ~ rule.minimum, column.name ~ '_below_minimum'
            )) -%}
        {%- endif -%}
        {%- if rule.maximum is defined -%}
            {%- do checks.append((
                column.name ~ ' > ' ~ rule.maximum, column.name ~ '_above_maximum'
            )) -%}
        {%- endif -%}
        {%- if rule.otherwise is defined -%}
            {%- do checks.append((
                column.name ~ ' is null and ' ~ rule.otherwise ~ ' is not null and '
                ~ footfall.staged_value(column) ~ ' is null',
                column.name ~ '_overflow'
            )) -%}
        {%- endif -%}
        {%- if rule.above is defined -%}
            {%- do checks.append((
                column.name ~ ' <= ' ~ rule.above, column.name ~ '_not_above_' ~ rule.above
            )) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(checks + footfall.time_checks(contract)) }}
{% endmacro %}

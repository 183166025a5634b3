{% macro reject_checks(contract) %}
    {%- set checks = [] -%}
    {%- for column in contract.columns.values() -%}
        {%- set rule = column.config.meta -%}
        {%- if rule.required -%}
            {%- do checks.append((column.name ~ ' is null', column.name ~ '_missing')) -%}
        {%- endif -%}
        {%- if rule.accepted_values is defined -%}
            {%- do checks.append((
                column.name ~ " not in ('" ~ rule.accepted_values | join("', '") ~ "')",
                column.name ~ '_unknown'
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
        {%- if rule.above is defined -%}
            {%- do checks.append((
                column.name ~ ' <= ' ~ rule.above, column.name ~ '_not_above_' ~ rule.above
            )) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(checks) }}
{% endmacro %}

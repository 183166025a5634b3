{% macro exchange_rate(currency, rate) -%}
    {%- set reporting_currency = footfall.setting('reporting_currency') -%}
    {%- if reporting_currency is none -%}
        cast(1 as decimal(18, 8))
    {%- else -%}
        if(upper({{ currency }}) = '{{ reporting_currency }}', cast(1 as decimal(18, 8)), {{ rate }})
    {%- endif -%}
{%- endmacro %}


{% macro converted_currency(currency) -%}
    {%- set reporting_currency = footfall.setting('reporting_currency') -%}
    {%- if reporting_currency is none -%}
        upper({{ currency }})
    {%- else -%}
        '{{ reporting_currency }}'
    {%- endif -%}
{%- endmacro %}


{% macro require_one_currency() %}
    {#- Where nothing is converted, amounts in several currencies have no sum. -#}
    {%- if footfall.plans_run() and footfall.setting('reporting_currency') is none -%}
        {%- set found = run_query(
            "select distinct coalesce(upper(currency), 'none') as currency from "
            ~ footfall.model_node('fct_transactions').relation_name
            ~ " where transaction_status = 'completed' order by currency"
        ).columns[0].values() -%}
        {%- if found | length > 1 -%}
            {{ exceptions.raise_compiler_error(
                'Purchases in ' ~ found | join(', ') ~ ' have no sum.'
                ~ '\n  → Set the var reporting_currency, and put rates into seeds/exchange_rates.csv.'
            ) }}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}

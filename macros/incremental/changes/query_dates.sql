{% macro query_dates(query) %}
    {%- set known = footfall.run_state().dates -%}
    {%- if query not in known -%}
        {%- set days = run_query(query).columns[0].values() -%}
        {%- do known.update({query: days | map('string') | sort}) -%}
    {%- endif -%}
    {{ return(known[query]) }}
{% endmacro %}

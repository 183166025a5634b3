{% macro setting(name) %}
    {#- Where footfall is a package, a model of the project around it sees none of footfall's vars: the
        start of the run has noted them. -#}
    {%- set noted = footfall.run_state().get('vars', {})
        if execute and not footfall.is_unit_test() else {} -%}
    {{ return(noted[name] if name in noted else var(name)) }}
{% endmacro %}

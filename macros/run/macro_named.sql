{% macro macro_named(name) %}
    {#- Of the project that is built, or of footfall where that is a package of it. -#}
    {{ return(context.get(name) or context['footfall'].get(name)) }}
{% endmacro %}

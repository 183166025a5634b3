{% macro is_blank(column) -%}
    {#- Unicode's white space; Spark's plain trim() knows the space alone. -#}
    trim(leading
        '\u0009\u000a\u000b\u000c\u000d\u0020\u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000'
        from {{ column }}) = ''
{%- endmacro %}

{% macro session_duration_buckets() %}
    {%- set maximum = footfall.session_max_seconds() -%}
    {%- set edges = [10, 30, 60, 180, 600, 1800, 3600, 7200, 14400] -%}
    {%- if maximum is not none -%}
        {%- set edges = edges | select('lt', maximum) | list + [maximum] -%}
    {%- endif -%}
    {%- set buckets = [
        {'name': '0', 'above': 'null', 'up_to': 0, 'condition': 'duration_seconds = 0'}
    ] -%}
    {%- for up_to in edges -%}
        {%- set above = buckets[-1].up_to -%}
        {%- do buckets.append({
            'name': '(' ~ above ~ ', ' ~ up_to ~ ']',
            'above': above,
            'up_to': up_to,
            'condition': 'duration_seconds > ' ~ above ~ ' and duration_seconds <= ' ~ up_to,
        }) -%}
    {%- endfor -%}
    {%- set longest = edges[-1] -%}
    {%- do buckets.append({
        'name': '(' ~ longest ~ ', inf)' if maximum is none else 'outlier',
        'above': longest,
        'up_to': 'null',
        'condition': 'duration_seconds > ' ~ longest if maximum is none else 'is_outlier',
    }) -%}
    {{ return(buckets) }}
{% endmacro %}

{% macro forced_dates() %}
    {%- set start, end, days = var('start_date', none), var('end_date', none), var('dates', none) -%}
    {%- if days is not none and (start or end) or (start is none) != (end is none) -%}
        {{ exceptions.raise_compiler_error(
            "A backfill takes the vars 'start_date' and 'end_date' together, or a list of 'dates'."
        ) }}
    {%- endif -%}
    {%- if days is not none -%}
        {%- set found = [] -%}
        {%- for day in ([days] if days is string else days) -%}
            {%- do found.append(modules.datetime.date.fromisoformat(day | string).isoformat()) -%}
        {%- endfor -%}
        {{ return(found | unique | sort) }}
    {%- elif start -%}
        {%- set found = footfall.dates_between(start, end) -%}
        {%- if not found -%}
            {{ exceptions.raise_compiler_error(
                "A backfill's end_date " ~ end ~ ' lies before its start_date ' ~ start ~ '.'
            ) }}
        {%- endif -%}
        {{ return(found) }}
    {%- endif -%}
    {{ return(none) }}
{% endmacro %}

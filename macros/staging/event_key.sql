{% macro event_key(contract) %}
    {%- set parts = [] -%}
    {%- for name in footfall.key_columns(contract) -%}
        {%- set data_type = contract.columns[name].data_type -%}
        {%- if data_type == 'timestamp' -%}
            {%- set text = 'cast(unix_micros(' ~ name ~ ') as string)' -%}
        {%- elif data_type == 'string' -%}
            {%- set text = footfall.escaped_key_part(name) -%}
        {%- else -%}
            {%- set text = 'cast(' ~ name ~ ' as string)' -%}
        {%- endif -%}
        {%- do parts.append('coalesce(' ~ text ~ ", '\\u0000')") -%}
    {%- endfor -%}
    {%- set by_values -%}
        md5(concat_ws('\u001f', {{ parts | join(', ') }}))
    {%- endset -%}
    {%- set message_id = contract.config.meta.message_id -%}
    {%- if not message_id -%}
        {{ by_values }}
    {%- else -%}
        {#- Within a day: then an earlier arrival can only lie in the same partition. A producer may
            send one event to several entities, whose keys have other columns. -#}
        {%- set event_time = contract.config.meta.event_time -%}
        {%- set day = footfall.event_date(event_time, contract.columns[event_time].data_type) | trim -%}
        if(
            {{ message_id }} is null or {{ footfall.is_blank(message_id) }},
            {{ by_values }},
            md5(concat_ws('\u001f', cast({{ day }} as string), {{ footfall.escaped_key_part(message_id) }}, '{{ contract.config.meta.key | join(',') }}'))
        )
    {%- endif -%}
{%- endmacro %}


{% macro escaped_key_part(text) -%}
    {#- The key's separator and its sign of a null, wherever a text holds them: two different rows
        must not give the same text. -#}
    replace(replace(replace({{ text }}, '\u001b', '\u001b\u001b'), '\u001f', '\u001b\u001f'), '\u0000', '\u001b\u0000')
{%- endmacro %}

{% macro action_key(action_time, event_date, action_type, item_id) %}
    {%- set layout = footfall.action_key_layout() -%}
    {%- set micros = '(unix_micros(' ~ action_time ~ ') - unix_micros(' ~ footfall.start_of_day(event_date) | trim ~ '))' -%}
    case
        when {{ item_id }} between 0 and {{ layout.largest_item }} and {{ micros }} % {{ layout.micros }} = 0
            then
                shiftleft({{ micros }} div {{ layout.micros }}, {{ layout.item_bits + 2 }})
                | shiftleft(cast({{ action_type }} as bigint), {{ layout.item_bits }})
                | cast({{ item_id }} as bigint)
        else cast(raise_error(concat(
            'Item ', coalesce(cast({{ item_id }} as string), 'null'), ' at ', {{ action_time }},
            ' does not fit the sort key of actions: with action_time_unit {{ var("action_time_unit") }}',
            ' items go from 0 to {{ layout.largest_item }} and times are whole {{ var("action_time_unit") }}s.',
            ' Set the var action_time_unit to {{ layout.other }}.'
        )) as bigint)
    end
{%- endmacro %}


{% macro action_key_layout() %}
    {%- set layouts = {
        'microsecond': {'micros': 1, 'item_bits': 24, 'other': 'millisecond'},
        'millisecond': {'micros': 1000, 'item_bits': 31, 'other': 'microsecond'},
    } -%}
    {%- set layout = layouts.get(var('action_time_unit'), layouts.microsecond) -%}
    {{ return(dict(layout, largest_item=2 ** layout.item_bits - 1)) }}
{% endmacro %}


{% macro items_of(action_keys) %}
    {%- set layout = footfall.action_key_layout() -%}
    transform({{ action_keys }}, key -> cast(key & {{ layout.largest_item }} as int))
{%- endmacro %}


{% macro types_of(action_keys) %}
    {%- set layout = footfall.action_key_layout() -%}
    transform({{ action_keys }}, key -> cast(shiftright(key, {{ layout.item_bits }}) & 3 as tinyint))
{%- endmacro %}

{% macro affected_dates(inputs) %}
    {%- if not plans_run() -%}
        {{ return({'first': true, 'dates': [], 'ranges': {}, 'loads': {}, 'changed': true}) }}
    {%- endif -%}
    {%- set available = available_loads(inputs) -%}
    {%- if not is_incremental() -%}
        {{ return({'first': true, 'dates': [], 'ranges': {}, 'loads': available, 'changed': true}) }}
    {%- endif -%}
    {%- set forced = forced_dates() -%}
    {%- if forced is not none -%}
        {{ return({'first': false, 'dates': forced, 'ranges': {}, 'loads': {}, 'changed': true}) }}
    {%- endif -%}
    {%- set ranges = {} -%}
    {%- set consumed = consumed_loads(model) -%}
    {%- if not consumed -%}
        {#- Built without rows, or left by a crash before it said what it reflects. -#}
        {{ return({'first': true, 'dates': [], 'ranges': {}, 'loads': available, 'changed': true}) }}
    {%- endif -%}
    {%- for name, load_id in available.items() if load_id > consumed.get(name, 0) -%}
        {%- do ranges.update({name: (consumed.get(name, 0), load_id)}) -%}
    {%- endfor -%}
    {{ return({
        'first': false,
        'dates': dates_of_loads(ranges),
        'ranges': ranges,
        'loads': available,
        'changed': ranges | length > 0,
    }) }}
{% endmacro %}


{% macro dates_of_loads(ranges) %}
    {%- set queries = [] -%}
    {%- for name, bounds in ranges.items() -%}
        {%- set staging = model_node('stg_' ~ name | replace('.', '__')) -%}
        {%- if not staging.config.meta.get('slowly_changing') -%}
            {%- do queries.append(
                'select event_date from ' ~ staging.relation_name
                ~ ' where _load_id > ' ~ bounds[0] ~ ' and _load_id <= ' ~ bounds[1]
            ) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(
        query_dates('select distinct event_date from (' ~ queries | join(' union all ') ~ ')')
        if queries else []
    ) }}
{% endmacro %}

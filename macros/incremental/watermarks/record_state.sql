{% macro record_state() %}
    {%- set properties = footfall.state_of_run() -%}
    {%- if properties -%}
        {%- set state = footfall.run_state() -%}
        {%- do state.properties.setdefault(model.unique_id, {}).update(properties) -%}
        {%- if model.unique_id not in state.committed -%}
            alter {{ 'view' if model.config.materialized == 'view' else 'table' }} {{ this }}
            set tblproperties (
                {%- for name, value in properties.items() -%}
                    '{{ name }}' = '{{ value }}'{{ ', ' if not loop.last }}
                {%- endfor -%}
            )
        {%- endif -%}
    {%- endif -%}
{% endmacro %}


{% macro state_of_run() %}
    {%- set properties = {} -%}
    {%- set run = footfall.noted_run() if execute else none -%}
    {%- set has_loads = run and run.changed and run.loads -%}
    {%- if execute and not footfall.reads_a_part()
        and (has_loads or model.config.materialized == 'view' or model.resource_type == 'seed') -%}
        {%- for name, load_id in (run.loads if run else {}).items() -%}
            {%- do properties.update({'footfall.loads.' ~ name: load_id | string}) -%}
        {%- endfor -%}
        {%- for name, value in footfall.definitions_of(model).items() -%}
            {%- do properties.update({'footfall.definitions.' ~ name: value}) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(properties) }}
{% endmacro %}

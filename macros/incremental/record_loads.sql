{% macro record_loads() %}
    {%- set run = current_incremental_run() if execute -%}
    {%- if run and run.changed and run.loads -%}
        {%- set properties = {} -%}
        {%- for name, load_id in run.loads.items() -%}
            {%- do properties.update({'footfall.loads.' ~ name: load_id | string}) -%}
        {%- endfor -%}
        {%- for name, value in definitions_of(model).items() -%}
            {%- do properties.update({'footfall.definitions.' ~ name: value}) -%}
        {%- endfor -%}
        {%- do run_state().properties.setdefault(this | string, {}).update(properties) -%}
        alter table {{ this }} set tblproperties (
            {%- for name, value in properties.items() -%}
                '{{ name }}' = '{{ value }}'{{ ', ' if not loop.last }}
            {%- endfor -%}
        )
    {%- endif -%}
{% endmacro %}

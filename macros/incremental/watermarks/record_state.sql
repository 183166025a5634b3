{% macro record_state() %}
    {%- if execute and not footfall.reads_a_part() -%}
        {%- set properties = {} -%}
        {%- set kind = 'view' if model.config.materialized == 'view' else 'table' -%}
        {%- set run = footfall.noted_run() -%}
        {%- if kind == 'view' or model.resource_type == 'seed' or run and run.changed and run.loads -%}
            {%- for name, load_id in (run.loads if run else {}).items() -%}
                {%- do properties.update({'footfall.loads.' ~ name: load_id | string}) -%}
            {%- endfor -%}
            {%- for name, value in footfall.definitions_of(model).items() -%}
                {%- do properties.update({'footfall.definitions.' ~ name: value}) -%}
            {%- endfor -%}
        {%- endif -%}
        {%- if properties -%}
            {%- do footfall.run_state().properties.setdefault(model.unique_id, {}).update(properties) -%}
            alter {{ kind }} {{ this }} set tblproperties (
                {%- for name, value in properties.items() -%}
                    '{{ name }}' = '{{ value }}'{{ ', ' if not loop.last }}
                {%- endfor -%}
            )
        {%- endif -%}
    {%- endif -%}
{% endmacro %}

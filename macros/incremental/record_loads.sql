{% macro record_loads() %}
    {%- set run = current_incremental_run() if execute -%}
    {%- if run and run.changed and run.loads -%}
        alter table {{ this }} set tblproperties (
            {%- for name, load_id in run.loads.items() -%}
                'footfall.loads.{{ name }}' = '{{ load_id }}'{{ ', ' if not loop.last }}
            {%- endfor -%}
        )
    {%- endif -%}
{% endmacro %}

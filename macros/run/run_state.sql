{% macro run_state() %}
    {#- The graph is one dict for all nodes and threads of a run: what is kept in it is asked of the
        warehouse once. -#}
    {%- set state = graph.get('footfall_run') -%}
    {%- if not state or state.invocation_id != invocation_id -%}
        {%- set state = {'invocation_id': invocation_id, 'properties': {}, 'dates': {}, 'committed': []} -%}
        {%- do graph.update({'footfall_run': state}) -%}
    {%- endif -%}
    {{ return(state) }}
{% endmacro %}

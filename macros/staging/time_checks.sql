{% macro time_checks(contract) %}
    {%- set column = contract.config.meta.event_time -%}
    {%- set day = footfall.event_date(column, contract.columns[column].data_type) | trim -%}
    {%- set earliest, days = var('earliest_event_date'), var('latest_event_days_after_arrival') -%}
    {%- set checks = [] -%}
    {%- if earliest is not none -%}
        {%- set earliest = modules.datetime.date.fromisoformat(earliest | string) -%}
        {%- do checks.append((day ~ " < date'" ~ earliest ~ "'", column ~ '_too_early')) -%}
    {%- endif -%}
    {%- if days is not none -%}
        {%- set arrival = footfall.event_date('_ingested_at') | trim -%}
        {%- do checks.append((
            day ~ ' > date_add(' ~ arrival ~ ', ' ~ days ~ ')', column ~ '_too_late'
        )) -%}
    {%- endif -%}
    {{ return(checks) }}
{% endmacro %}

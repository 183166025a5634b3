{% macro require_utc() %}
    {%- if footfall.plans_run() -%}
        {%- set zone = run_query('select current_timezone()').rows[0][0] -%}
        {%- if zone not in ['UTC', 'Etc/UTC', 'Z', 'GMT', 'Etc/GMT', '+00:00'] -%}
            {{ exceptions.raise_compiler_error(
                "The server's session runs in the time zone " ~ zone ~ ', which moves events to other days.'
                ~ '\n  → Set spark.sql.session.timeZone to UTC on the server'
                ~ ' (on a Databricks SQL warehouse the parameter TIMEZONE).'
                ~ '\n    The var reporting_timezone sets the zone whose midnight ends a day.'
            ) }}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}

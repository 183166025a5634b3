{% macro changed_days(bronze, days, seen, arrived_at) %}
    {#- The days of rows that were there and are no longer, or are others now. A row is told by its id
        and the commit that last wrote it, whichever file holds it. Days that no row can be accepted
        on are null, like those of rows without a time. -#}
    {%- set latest = var('latest_event_days_after_arrival') -%}
    {%- set plausible = ['event_date is not null'] -%}
    {%- if var('earliest_event_date') is not none -%}
        {%- do plausible.append("event_date >= date'" ~ var('earliest_event_date') ~ "'") -%}
    {%- endif -%}
    {%- if latest is not none -%}
        {%- do plausible.append(
            'event_date <= date_add(cast(' ~ footfall.time_literal(arrived_at) ~ ' as date), ' ~ (latest + 1) ~ ')'
        ) -%}
    {%- endif -%}
    {%- set query -%}
        select distinct if({{ plausible | join(' and ') }}, cast(event_date as string), null) as event_date
        from (
            select coalesce(current.event_date, former.event_date) as event_date
            from ({{ footfall.day_checksums(bronze, seen) }}) as current
            full outer join (
                select * from {{ days }} where source = '{{ bronze.source_name }}.{{ bronze.name }}'
            ) as former
                on current.event_date <=> former.event_date
            where not (
                current.row_count <=> former.row_count and current.checksum <=> former.checksum
            )
        )
    {%- endset -%}
    {{ return(run_query(query).columns[0].values() | list) }}
{% endmacro %}


{% macro day_checksums(bronze, newest) -%}
    {%- set event_time = bronze.config.meta.event_time -%}
    select
        {{ footfall.event_date(event_time, bronze.columns[event_time].data_type) | trim }} as event_date,
        count(*) as row_count,
        sum(cast(xxhash64(_row_id, _load_id) as decimal(38, 0))) as checksum
    from {{ bronze.relation_name }}
    where _load_id <= {{ newest }}
    group by 1
{%- endmacro %}


{% macro record_days_sql(days, bronze, newest) %}
    {%- set name = bronze.source_name ~ '.' ~ bronze.name %}
    insert into {{ days }}
    replace where source = '{{ name }}'
    select
        '{{ name }}' as source,
        event_date,
        row_count,
        checksum,
        cast({{ newest }} as bigint) as load_id
    from ({{ footfall.day_checksums(bronze, newest) }})
{% endmacro %}


{% macro record_commits_sql(commits, name, arrived, newest, changed) %}
    {%- set known_days = changed | reject('none') | list if changed else [] %}
    merge into {{ commits }} as known
    using (
        {%- for commit in arrived %}
        {%- set load_id = commit['version'] | int + 1 %}
        {%- set lost = load_id == newest and changed %}
        select
            '{{ name }}' as source,
            cast({{ load_id }} as bigint) as load_id,
            {{ footfall.time_literal(commit['timestamp']) }} as committed_at,
            '{{ commit['operation'] }}' as operation,
            {{ 'true' if lost else 'false' }} as has_changes,
            cast(array(
                {%- for day in (known_days if lost else []) %}date'{{ day }}'{{ ', ' if not loop.last }}{% endfor -%}
            ) as array<date>) as changed_dates
        {{ 'union all' if not loop.last }}
        {%- endfor %}
    ) as found
        on known.source = found.source and known.load_id = found.load_id
    {#- Of a run that was cut off between its two records. #}
    when matched then update set
        has_changes = known.has_changes or found.has_changes,
        changed_dates = array_union(known.changed_dates, found.changed_dates)
    when not matched then insert (source, load_id, committed_at, operation, has_changes, changed_dates)
        values (source, load_id, committed_at, operation, has_changes, changed_dates)
{% endmacro %}


{% macro time_literal(time) -%}
    {#- A server gives a text in its session's zone, UTC; Spark in this process the machine's own time. -#}
    {%- if time is string -%}
        timestamp'{{ time }}'
    {%- else -%}
        timestamp_micros({{ (time.timestamp() * 1000000) | round | int }})
    {%- endif -%}
{%- endmacro %}

{% macro arrivals_of(bronze, adoption, commits, days, seen) %}
    {#- How far the rows of a table with an arrival column have come, and whether rows arrived behind
        those that were read: then more are there than appends leave. -#}
    {%- set name = bronze.source_name ~ '.' ~ bronze.name -%}
    {%- set found = run_query(
        'select max(_load_id), max(_arrival), count_if(_load_id is null or _load_id < 1), '
        ~ 'count_if(_load_id <= ' ~ seen ~ ') from ' ~ bronze.relation_name
    ).rows[0] -%}
    {%- if found[2] | int -%}
        {{ exceptions.raise_compiler_error(
            found[2] ~ (' row of ' if found[2] | int == 1 else ' rows of ') ~ adoption.table
            ~ ', adopted for ' ~ name ~ ', ' ~ ('has' if found[2] | int == 1 else 'have') ~ ' no value in '
            ~ adoption.arrival_column ~ ' that can be an arrival.'
            ~ '\n  → Fill the column in these rows, or adopt the table again by another one.'
            ~ '\n    Nothing was changed.'
        ) }}
    {%- endif -%}
    {%- set known = run_query(
        'select max(load_id), max(arrived_to), (select sum(row_count) from ' ~ days
        ~ " where source = '" ~ name ~ "') from " ~ commits ~ " where source = '" ~ name ~ "'"
    ).rows[0] -%}
    {{ return({
        'newest': [found[0] or 0, known[0] or 0] | map('int') | max,
        'arrived_to': [found[1] or 0, known[1] or 0] | map('int') | max,
        'late': found[3] | int != (known[2] or 0) | int,
    }) }}
{% endmacro %}


{% macro version_seen(name, adoption, commits, seen) %}
    {%- if not adoption.arrival_column -%}
        {{ return(seen - 1) }}
    {%- endif -%}
    {{ return(run_query(
        'select coalesce(max(version), -1) from ' ~ commits
        ~ " where source = '" ~ name ~ "' and load_id <= " ~ seen
    ).rows[0][0] | int) }}
{% endmacro %}


{% macro record_arrivals_sql(commits, bronze, commit, seen, newest, arrived_to, changed) %}
    {%- set known_days = changed | reject('none') | list if changed else [] %}
    merge into {{ commits }} as known
    using (
        select
            '{{ bronze.source_name }}.{{ bronze.name }}' as source,
            load_id,
            {{ footfall.time_literal(commit['timestamp']) }} as committed_at,
            '{{ commit['operation'] }}' as operation,
            load_id = {{ newest }} and {{ 'true' if changed else 'false' }} as has_changes,
            if(
                load_id = {{ newest }},
                cast(array({% for day in known_days %}date'{{ day }}'{{ ', ' if not loop.last }}{% endfor %}) as array<date>),
                cast(array() as array<date>)
            ) as changed_dates,
            cast({{ commit['version'] }} as bigint) as version,
            max(arrived_to) as arrived_to
        from (
            select
                _load_id as load_id,
                _arrival as arrived_to
            from {{ bronze.relation_name }}
            where _load_id > {{ seen }} and _arrival <= {{ arrived_to }}
            union all
            select
                cast({{ newest }} as bigint) as load_id,
                cast({{ arrived_to }} as bigint) as arrived_to
        )
        group by load_id
    ) as found
        on known.source = found.source and known.load_id = found.load_id
    when matched then update set
        has_changes = known.has_changes or found.has_changes,
        changed_dates = array_union(known.changed_dates, found.changed_dates),
        version = found.version
    when not matched then insert *
{% endmacro %}

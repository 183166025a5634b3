{% macro follow_adopted_tables() %}
    {#- Before the loads of a run are decided on: what adopted tables went through since the last one. -#}
    {%- if footfall.plans_run() and not footfall.reads_a_part() -%}
        {%- set adopted = {} -%}
        {%- for source_name, entity in footfall.source_entities() -%}
            {%- set bronze = footfall.source_contract(source_name, entity) -%}
            {%- set adoption = footfall.adoption_of(bronze) -%}
            {%- if adoption -%}
                {%- do adopted.update({
                    source_name ~ '.' ~ entity: footfall.follow_adopted_table(bronze, adoption)
                }) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- do footfall.run_state().update({'adopted': adopted}) -%}
        {%- if adopted or footfall.all_replays() -%}
            {%- do footfall.require_followed() -%}
        {%- endif -%}
        {%- for table in adopted.values() -%}
            {%- for statement in table.records -%}
                {%- do run_query(statement) -%}
            {%- endfor -%}
        {%- endfor -%}
    {%- endif -%}
{% endmacro %}


{% macro follow_adopted_table(bronze, adoption) %}
    {%- set name = bronze.source_name ~ '.' ~ bronze.name -%}
    {%- do footfall.require_same_table(name, adoption) -%}
    {%- set commits = footfall.record_relation('dq_adopted_commits') -%}
    {%- set days = footfall.record_relation('dq_adopted_days') -%}
    {#- No day is left of a table that lost all its rows. -#}
    {%- set seen = run_query(
        'select coalesce('
        ~ '(select max(load_id) from ' ~ days ~ " where source = '" ~ name ~ "'), "
        ~ '(select max(load_id) from ' ~ commits ~ " where source = '" ~ name ~ "' and has_changes), 0)"
    ).rows[0][0] | int -%}
    {%- set seen_version = footfall.version_seen(name, adoption, commits, seen) -%}
    {%- set version = run_query('describe history ' ~ adoption.table ~ ' limit 1').columns['version'][0] | int -%}
    {%- if version < seen_version -%}
        {%- do footfall.refuse_other_table(name, adoption, 'has fewer commits than it had') -%}
    {%- endif -%}
    {%- set arrived = run_query(
        'describe history ' ~ adoption.table ~ ' limit ' ~ (version - seen_version)
    ).rows | list if version > seen_version else [] -%}
    {%- set with_rows = [] -%}
    {%- for commit in arrived
        if commit['operation'] not in footfall.operations_without_rows()
        or (not seen and commit['operation'] == 'ROW TRACKING BACKFILL') -%}
        {%- do with_rows.append(commit) -%}
    {%- endfor -%}
    {%- set newest, records, changes = seen, [], [] -%}
    {%- if with_rows -%}
        {%- set arrivals = footfall.arrivals_of(bronze, adoption, commits, days, seen)
            if adoption.arrival_column else {} -%}
        {#- A log that was cleaned up does not tell what its commits did. -#}
        {%- set only_appended = arrived | length == version - seen_version
            and with_rows | rejectattr('isBlindAppend') | list | length == 0
            and not arrivals.get('late') -%}
        {%- set changed = none -%}
        {%- if seen and not only_appended -%}
            {%- set changed = footfall.changed_days(bronze, days, seen, with_rows[0]['timestamp']) -%}
        {%- endif -%}
        {%- if adoption.arrival_column -%}
            {#- A change without new rows is a load of its own. -#}
            {%- set newest = [arrivals.newest, seen + 1 if changed else seen] | max -%}
            {%- do records.append(footfall.record_arrivals_sql(
                commits, bronze, with_rows[0], seen, newest, arrivals.arrived_to, changed
            )) -%}
        {%- else -%}
            {%- set newest = with_rows | map(attribute='version') | max | int + 1 -%}
            {%- do records.append(footfall.record_commits_sql(commits, name, arrived, newest, changed)) -%}
        {%- endif -%}
        {%- do records.append(footfall.record_days_sql(days, bronze, newest)) -%}
        {%- if changed -%}
            {%- do changes.append((newest, changed | reject('none') | list)) -%}
        {%- endif -%}
    {%- endif -%}
    {%- for load_id, dates in run_query(
        "select load_id, concat_ws(',', transform(changed_dates, day -> cast(day as string))) from " ~ commits
        ~ " where source = '" ~ name ~ "' and has_changes and load_id <= " ~ newest
    ).rows -%}
        {%- do changes.append((load_id | int, dates.split(',') if dates else [])) -%}
    {%- endfor -%}
    {{ return(dict(adoption, newest=newest, changes=changes, records=records)) }}
{% endmacro %}


{% macro adoption_of(bronze) %}
    {%- set relation = footfall.relation_of(bronze) -%}
    {%- if relation is none or not relation.is_view -%}
        {{ return(none) }}
    {%- endif -%}
    {%- set prefix = 'footfall.adopted.' -%}
    {%- set adoption = {} -%}
    {%- for key, value in footfall.properties_of(bronze).items() if key.startswith(prefix) -%}
        {%- do adoption.update({key[prefix | length:]: value}) -%}
    {%- endfor -%}
    {{ return(adoption or none) }}
{% endmacro %}


{% macro record_relation(name) %}
    {{ return(graph.sources['source.footfall.quality.' ~ name].relation_name) }}
{% endmacro %}


{% macro operations_without_rows() %}
    {{ return([
        'ADD COLUMNS', 'ADD CONSTRAINT', 'ANALYZE', 'CHANGE COLUMN', 'CLUSTER BY', 'COMPUTE STATS',
        'CREATE TABLE', 'DOMAIN METADATA CLEANUP', 'DROP COLUMNS', 'DROP CONSTRAINT', 'OPTIMIZE',
        'RENAME COLUMN', 'REORG', 'ROW TRACKING BACKFILL', 'SET TBLPROPERTIES',
        'UNSET TBLPROPERTIES', 'UPDATE COLUMN METADATA', 'UPDATE SCHEMA', 'UPGRADE PROTOCOL',
        'VACUUM END', 'VACUUM START',
    ]) }}
{% endmacro %}


{% macro require_same_table(name, adoption) %}
    {%- set tracked = run_query('show tblproperties ' ~ adoption.table).rows -%}
    {%- set properties = {} -%}
    {%- for row in tracked -%}
        {%- do properties.update({row[0]: row[1]}) -%}
    {%- endfor -%}
    {%- if not adoption.arrival_column and properties.get('delta.enableRowTracking') != 'true' -%}
        {{ exceptions.raise_compiler_error(
            'The table ' ~ adoption.table ~ ', adopted for ' ~ name ~ ', has lost its row tracking: '
            ~ 'it no longer tells which rows are new.'
            ~ '\n  → Adopt it again: footfall adopt ' ~ name ~ ' --table … --enable-row-tracking'
            ~ '\n    Nothing was changed.'
        ) }}
    {%- endif -%}
    {%- set id = run_query('describe detail ' ~ adoption.table).columns['id'][0] -%}
    {%- if id != adoption.table_id -%}
        {%- do footfall.refuse_other_table(name, adoption, 'is another table than the one that was adopted') -%}
    {%- endif -%}
{% endmacro %}


{% macro refuse_other_table(name, adoption, problem) %}
    {%- set source_name, entity = name.split('.') -%}
    {{ exceptions.raise_compiler_error(
        'The table ' ~ adoption.table ~ ', adopted for ' ~ name ~ ', ' ~ problem
        ~ ': it was replaced.'
        ~ '\n  → Adopt it again: footfall adopt ' ~ name ~ ' --table …'
        ~ '\n    Then rebuild what it feeds: dbt build --full-refresh --select stg_' ~ source_name ~ '__' ~ entity ~ '+'
        ~ '\n    Nothing was changed.'
    ) }}
{% endmacro %}

{% macro require_valid_vars() %}
    {#- Rendered when dbt parses and when it runs: a value that means something else than it says stops
        every command. -#}
    {%- set problems = [] -%}
    {%- set rules, values = footfall.var_rules(), {} -%}
    {%- for name, rule in rules.items() -%}
        {%- set value = var(name, none) -%}
        {%- do values.update({name: value}) -%}
        {%- if not (value is none and rule.optional) and not footfall.is_valid_var(value, rule) -%}
            {%- set shown = "'" ~ value ~ "'" if value is string else value -%}
            {%- do problems.append(name ~ ' is ' ~ shown ~ ', not ' ~ footfall.rule_text(rule)) -%}
        {%- endif -%}
    {%- endfor -%}
    {#- A project around footfall has vars of its own. -#}
    {%- for name in invocation_args_dict.vars or {}
        if name not in rules and project_name == 'footfall' -%}
        {%- do problems.append(name ~ ' is not a var of this project') -%}
    {%- endfor -%}
    {%- if execute -%}
        {%- do footfall.run_state().update({'vars': values}) -%}
    {%- endif -%}
    {%- if problems -%}
        {{ exceptions.raise_compiler_error(
            'These vars cannot be used:\n  ' ~ problems | join('\n  ')
            ~ '\n  → Correct them in dbt_project.yml or --vars; dbt_project.yml says what each means.'
        ) }}
    {%- endif -%}
{% endmacro %}


{% macro var_rules() %}
    {#- Of each var: its kind, its range, and whether it may be null. -#}
    {%- set day_count = {'kind': 'integer', 'minimum': 1, 'maximum': 3660} -%}
    {{ return({
        'sources': {'kind': 'list', 'values': footfall.delivered_entities() | list},
        'reporting_timezone': {'kind': 'zone'},
        'id_max_characters': {'kind': 'integer', 'minimum': 1, 'maximum': 100000},
        'identify_by': {'kind': 'choice', 'values': ['user_id', 'anonymous_id', 'first_known']},
        'earliest_event_date': {'kind': 'date', 'optional': true},
        'latest_event_days_after_arrival': {
            'kind': 'integer', 'minimum': 0, 'maximum': 36600, 'optional': true,
        },
        'session_gap_minutes': {'kind': 'integer', 'minimum': 1, 'maximum': 1440},
        'session_split_at_midnight': {'kind': 'boolean'},
        'session_max_minutes': {
            'kind': 'integer', 'minimum': 1, 'maximum': 525600, 'optional': true,
        },
        'session_cap_percentile': {
            'kind': 'number', 'minimum': 0, 'maximum': 1, 'optional': true,
        },
        'engaged_session_seconds': {'kind': 'integer', 'minimum': 0, 'maximum': 86400},
        'active_users_bitmap_days': {'kind': 'integer', 'minimum': 0, 'maximum': 3660},
        'user_sketches': {'kind': 'boolean'},
        'column_metrics': {'kind': 'boolean'},
        'retention_days': day_count,
        'retention_weeks': day_count,
        'retention_months': day_count,
        'hot_product_share': {'kind': 'number', 'minimum': 0.000001, 'maximum': 1},
        'hot_product_max_buckets': {'kind': 'integer', 'minimum': 2, 'maximum': 10000},
        'salting': {'kind': 'choice', 'values': ['auto', 'always', 'never']},
        'reporting_currency': {'kind': 'currency', 'optional': true},
        'exchange_rate_days': day_count,
        'personal_data': {'kind': 'choice', 'values': [false, 'hashed', true]},
        'as_of_dates': {'kind': 'choice', 'values': ['month_ends', 'weekly', 'daily']},
        'sequence_length': {'kind': 'integer', 'minimum': 1, 'maximum': 1000000},
        'sequence_history_days': dict(day_count, optional=true),
        'action_time_unit': {'kind': 'choice', 'values': ['microsecond', 'millisecond']},
        'checkpoint_every_days': day_count,
        'checkpoint_settle_days': dict(day_count, minimum=0),
        'checkpoints_kept': day_count,
        'checkpoint_buckets': {'kind': 'integer', 'minimum': 1, 'maximum': 100000},
        'plan_next_run': {'kind': 'boolean'},
        'optimize_small_files': {'kind': 'integer', 'minimum': 1, 'maximum': 1000000},
        'run_results_kept_days': dict(day_count, minimum=0),
        'start_date': {'kind': 'date', 'optional': true},
        'end_date': {'kind': 'date', 'optional': true},
        'dates': {'kind': 'dates', 'optional': true},
        'day': {'kind': 'date', 'optional': true},
    }) }}
{% endmacro %}


{% macro is_valid_var(value, rule) %}
    {%- set day = '[0-9]{4}-[0-9]{2}-[0-9]{2}' -%}
    {%- if rule.kind == 'boolean' -%}
        {{ return(value is boolean) }}
    {%- elif rule.kind in ['integer', 'number'] -%}
        {{ return(
            value is number and value is not boolean and (rule.kind == 'number' or value is integer)
            and value >= rule.minimum and value <= rule.maximum
        ) }}
    {%- elif rule.kind == 'choice' -%}
        {{ return(value in rule['values']) }}
    {%- elif rule.kind == 'zone' -%}
        {{ return(value is string and value in modules.pytz.all_timezones_set) }}
    {%- elif rule.kind == 'currency' -%}
        {{ return(modules.re.fullmatch('[A-Z]{3}', value | string) is not none) }}
    {%- elif rule.kind == 'date' -%}
        {{ return(modules.re.fullmatch(day, value | string) is not none) }}
    {%- elif rule.kind == 'dates' -%}
        {%- set days = [value] if value is string or value is not iterable else value -%}
        {{ return(modules.re.fullmatch(
            '(' ~ day ~ '(,' ~ day ~ ')*)?', days | map('string') | join(',')
        ) is not none) }}
    {%- endif -%}
    {{ return(
        value is sequence and value is not string and value is not mapping
        and value | length > 0 and value | unique | list | length == value | length
        and value | reject('in', rule['values']) | list | length == 0
    ) }}
{% endmacro %}


{% macro rule_text(rule) %}
    {%- set texts = {
        'boolean': 'true or false',
        'integer': 'an integer',
        'number': 'a number',
        'choice': 'one of ' ~ rule.get('values', []) | join(', '),
        'zone': 'a time zone such as Europe/Stockholm',
        'currency': 'an ISO 4217 code such as EUR',
        'date': 'a date such as 2025-08-01',
        'dates': 'a list of dates such as 2025-08-01',
        'list': 'a list of some of ' ~ rule.get('values', []) | join(', ') ~ ', each once',
    } -%}
    {{ return(
        texts[rule.kind]
        ~ (' from ' ~ rule.minimum ~ ' to ' ~ rule.maximum if rule.maximum is defined else '')
        ~ (', or null' if rule.optional)
    ) }}
{% endmacro %}

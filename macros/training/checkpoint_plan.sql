{% macro checkpoint_plan(actions, impressions) %}
    {#- Which checkpoints to write, and from what. One that late actions touch is repaired: only the
        buckets of the customers who acted late are replaced, and only these customers recomputed. -#}
    {%- set plan = {
        'loads': dict(impressions.loads, **actions.loads),
        'changed': actions.changed or impressions.changed,
        'replace_where': 'false',
        'late_customers': none,
        'spans': [],
    } -%}
    {%- if not footfall.plans_run() or not plan.changed -%}
        {{ return(plan) }}
    {%- endif -%}
    {%- set wanted = footfall.wanted_checkpoints() -%}
    {%- set present = [] if actions.whole else footfall.checkpoint_dates(this) -%}
    {%- set late = footfall.late_actions(actions, wanted) -%}
    {%- set whole = present | reject('in', wanted) | list -%}
    {%- set conditions = [] -%}
    {%- for day in wanted if day not in present or (late.since and day > late.since) -%}
        {%- set base = footfall.newest_of(present, before=day) -%}
        {%- set sound_base = footfall.newest_of(present, before=day, until=late.since) -%}
        {%- if day in present and late.customers -%}
            {%- do conditions.append(
                "(checkpoint_date = date'" ~ day ~ "' and bucket in (" ~ late.buckets | join(', ') ~ '))'
            ) -%}
            {%- do plan.spans.append({'day': day, 'base': sound_base, 'who': 'late'}) -%}
            {%- do plan.spans.append(
                {'day': day, 'base': day, 'who': 'others', 'buckets': late.buckets}
            ) -%}
        {%- elif late.customers and base != sound_base -%}
            {%- do whole.append(day) -%}
            {%- do plan.spans.append({'day': day, 'base': sound_base, 'who': 'late'}) -%}
            {%- do plan.spans.append({'day': day, 'base': base, 'who': 'others'}) -%}
        {%- else -%}
            {%- do whole.append(day) -%}
            {%- do plan.spans.append({'day': day, 'base': sound_base, 'who': 'everyone'}) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if whole -%}
        {%- do conditions.append(footfall.in_dates('checkpoint_date', {'dates': whole}) | trim) -%}
    {%- endif -%}
    {{ return(dict(
        plan,
        replace_where='true' if actions.whole else conditions | join(' or ') or 'false',
        late_customers=late.customers,
    )) }}
{% endmacro %}


{% macro wanted_checkpoints() %}
    {#- Dates of a fixed grid, so that they do not depend on when what was loaded. -#}
    {%- set edges = run_query(
        'select (select max(event_date) from ' ~ ref('stg_shop__impressions') ~ '),'
        ~ ' (select min(event_date) from ' ~ ref('int_customer_action_segments') ~ ')'
    ).rows[0] -%}
    {%- set dates = [] -%}
    {%- if edges[0] and edges[1] -%}
        {%- set every = var('checkpoint_every_days') | int -%}
        {%- set newest = modules.datetime.date.fromisoformat(edges[0] | string).toordinal()
            - var('checkpoint_settle_days') | int -%}
        {%- for number in range(var('checkpoints_kept') | int) -%}
            {%- set day = modules.datetime.date.fromordinal(newest - newest % every - number * every) -%}
            {%- if day.isoformat() > edges[1] | string -%}
                {%- do dates.append(day.isoformat()) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(dates | sort) }}
{% endmacro %}


{% macro checkpoint_dates(relation) %}
    {{ return(
        run_query('select distinct checkpoint_date from ' ~ relation).columns[0].values()
        | map('string') | sort
    ) }}
{% endmacro %}


{% macro newest_of(dates, before, until=none) %}
    {%- set found = dates | select('lt', before) | list -%}
    {%- set found = found | select('le', until) | list if until else found -%}
    {{ return(found | max if found else none) }}
{% endmacro %}


{% macro late_actions(actions, checkpoints) %}
    {#- What new loads hold of days before the newest checkpoint. `customers` is the query of who acted
        then; none where nobody is known to have, or a backfill forces all. -#}
    {%- set late_dates = actions.dates | select('lt', checkpoints | max) | list if checkpoints else [] -%}
    {%- if not late_dates -%}
        {{ return({'since': none, 'customers': none, 'buckets': []}) }}
    {%- elif not actions.ranges -%}
        {{ return({'since': late_dates | min, 'customers': none, 'buckets': []}) }}
    {%- endif -%}
    {%- set customers = footfall.customers_of_loads(dict(actions, dates=late_dates)) -%}
    {%- set buckets = run_query(
        'select distinct ' ~ footfall.customer_bucket('customer_id') ~ ' from (' ~ customers ~ ')'
    ).columns[0].values() -%}
    {{ return({
        'since': late_dates | min, 'customers': customers, 'buckets': buckets | map('int') | sort,
    }) }}
{% endmacro %}


{% macro customers_of_loads(actions) %}
    {#- Query of the customers who acted in new loads, and the first day on which each did. -#}
    {%- set queries = [] -%}
    {%- for name, bounds in actions.ranges.items() -%}
        {%- do queries.append(
            'select customer_id, event_date from ' ~ footfall.model_node('stg_' ~ name | replace('.', '__')).relation_name
            ~ ' where _load_id > ' ~ bounds[0] ~ ' and _load_id <= ' ~ bounds[1]
            ~ ' and ' ~ footfall.in_dates('event_date', {'dates': actions.dates}) | trim
        ) -%}
    {%- endfor -%}
    {{ return(
        'select customer_id, min(event_date) as since from ('
        ~ queries | join(' union all ') ~ ') group by customer_id'
    ) }}
{% endmacro %}


{% macro customer_bucket(customer_id) -%}
    pmod(hash({{ customer_id }}), {{ var('checkpoint_buckets') | int }})
{%- endmacro %}

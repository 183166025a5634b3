{% macro new_attribute_dates(rows, change) %}
    {#- The days of users' actions on which attributes that arrived since hold; where it can be, of
        the aggregate. -#}
    {%- if 'app.users' not in change.ranges -%}
        {{ return(rows) }}
    {%- endif -%}
    {%- set activity = footfall.model_node('fct_user_activity_daily') -%}
    {%- set reads_activity = activity.unique_id in footfall.ancestors_of(change.consumer) -%}
    {%- set user_days = activity if reads_activity else footfall.model_node('int_interactions') -%}
    {%- set changed = footfall.query_dates(
        footfall.days_of_new_attributes(user_days.relation_name, change.ranges['app.users'])
    ) -%}
    {{ return(dict(rows, dates=(rows.dates + changed) | unique | sort)) }}
{% endmacro %}


{% macro days_of_new_attributes(user_days, bounds) %}
    {#- A user's version holds until the next one, the first since the user joined; a day more on
        both sides covers every time zone. -#}
    select distinct days.event_date
    from {{ user_days }} as days
    inner join (
        select
            user_id,
            _load_id > {{ bounds[0] }} and _load_id <= {{ bounds[1] }} as is_new,
            {{ footfall.version_start(
                'updated_at = min(updated_at) over (partition by user_id)',
                'min(join_date) over (partition by user_id)',
            ) }} as valid_from,
            {{ footfall.version_end() }} as valid_to
        from {{ footfall.model_node('stg_app__users').relation_name }}
    ) as versions
        on
            days.user_id = versions.user_id
            and versions.is_new
            and days.event_date >= date_sub(versions.valid_from, 1)
            and coalesce(days.event_date <= date_add(versions.valid_to, 1), true)
{%- endmacro %}

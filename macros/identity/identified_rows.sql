{% macro identified_rows(staged) %}
    {%- set identify_by = var('identify_by') -%}
    {%- if identify_by == 'user_id' -%}
    {{ staged }}
    {%- else %}
    (
        select
            staged.* except (user_id),
            {%- if identify_by == 'anonymous_id' %}
            if({{ footfall.has_anonymous_id('staged') }}, staged.anonymous_id, staged.user_id) as user_id
        from {{ staged }} as staged
            {%- else %}
            coalesce(known.user_id, staged.user_id) as user_id
        from {{ staged }} as staged
        left join {{ ref('int_first_known_users') }} as known
            on
                staged.anonymous_id = known.anonymous_id
                and staged.user_id = staged.anonymous_id
            {%- endif %}
    )
    {%- endif -%}
{% endmacro %}


{% macro has_anonymous_id(staged) -%}
    coalesce(not {{ footfall.is_blank(staged ~ '.anonymous_id') }}, false)
{%- endmacro %}

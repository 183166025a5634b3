{% macro periods_of(days) -%}
    inline(array(
        {%- for period_type in footfall.period_types() %}
        struct(
            '{{ period_type }}' as period_type,
            sort_array(array_distinct(
                transform({{ days }}, active_date -> {{ footfall.period_number(period_type, 'active_date') }})
            )) as periods
        )
        {{- ',' if not loop.last }}
        {%- endfor %}
    ))
{%- endmacro %}

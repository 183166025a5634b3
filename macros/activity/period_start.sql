{% macro period_start(period_type, period) -%}
    case {{ period_type }}
        when 'day' then date_from_unix_date({{ period }})
        when 'week' then date_from_unix_date(({{ period }}) * 7 - 3)
        when 'month' then add_months(date'1970-01-01', {{ period }})
    end
{%- endmacro %}

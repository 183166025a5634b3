{{ active_days_of(ref('fct_user_activity_monthly')) }}

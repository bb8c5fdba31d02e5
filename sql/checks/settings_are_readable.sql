-- Every threshold is a number.
select *
from thresholds
where
    engaged_user_turns is null
    or short_call_seconds is null
    or success_min_score is null
    or reliable_width is null
    or comparison_min_n is null
    or comparison_min_days is null
    or comparison_min_hits is null
    or late_change_days is null
    or anomaly_days is null
    or anomaly_min_days is null
    or anomaly_min_n is null
    or anomaly_sigmas_low is null
    or anomaly_sigmas_high is null
    or caller_number_min_n is null
    or caller_number_sigmas is null
    or permitted_from_hour is null
    or permitted_until_hour is null
    or max_dials_per_day is null
    or max_dials_per_week is null

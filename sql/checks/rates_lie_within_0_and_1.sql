-- Every rate and share lies within 0 and 1.
select
    'agent_comparison' as view_name,
    count(*) as row_count
from agent_comparison
where
    connect_rate not between 0 and 1
    or interested_rate not between 0 and 1
    or other_connect_rate not between 0 and 1
    or other_interested_rate not between 0 and 1
having count(*) > 0
union all
select
    'agent_completion' as view_name,
    count(*) as row_count
from agent_completion
where
    completion_rate not between 0 and 1
    or processed_rate not between 0 and 1
having count(*) > 0
union all
select
    'agent_hours' as view_name,
    count(*) as row_count
from agent_hours
where
    connect_rate not between 0 and 1
having count(*) > 0
union all
select
    'agent_rates' as view_name,
    count(*) as row_count
from agent_rates
where
    rate not between 0 and 1
having count(*) > 0
union all
select
    'agent_scorecard' as view_name,
    count(*) as row_count
from agent_scorecard
where
    completion_rate not between 0 and 1
    or connect_rate not between 0 and 1
    or interested_rate not between 0 and 1
    or success_rate not between 0 and 1
having count(*) > 0
union all
select
    'call_funnel' as view_name,
    count(*) as row_count
from call_funnel
where
    answered_rate not between 0 and 1
    or connect_rate not between 0 and 1
    or connected_rate not between 0 and 1
    or dialed_rate not between 0 and 1
    or engaged_rate not between 0 and 1
    or interested_rate not between 0 and 1
having count(*) > 0
union all
select
    'call_outcomes' as view_name,
    count(*) as row_count
from call_outcomes
where
    outcome_share not between 0 and 1
having count(*) > 0
union all
select
    'caller_number_health' as view_name,
    count(*) as row_count
from caller_number_health
where
    connect_rate not between 0 and 1
    or other_connect_rate not between 0 and 1
having count(*) > 0
union all
select
    'calls' as view_name,
    count(*) as row_count
from calls
where
    agent_talk_share not between 0 and 1
    or timed_message_share not between 0 and 1
having count(*) > 0
union all
select
    'connect_heatmap' as view_name,
    count(*) as row_count
from connect_heatmap
where
    connect_rate not between 0 and 1
having count(*) > 0
union all
select
    'contacts' as view_name,
    count(*) as row_count
from contacts
where
    connect_rate not between 0 and 1
having count(*) > 0
union all
select
    'conversation_stats' as view_name,
    count(*) as row_count
from conversation_stats
where
    agent_talk_share not between 0 and 1
    or timed_message_share not between 0 and 1
having count(*) > 0
union all
select
    'daily_anomalies' as view_name,
    count(*) as row_count
from daily_anomalies
where
    completion_rate not between 0 and 1
    or connect_rate not between 0 and 1
having count(*) > 0
union all
select
    'daily_completion' as view_name,
    count(*) as row_count
from daily_completion
where
    completion_rate not between 0 and 1
    or processed_rate not between 0 and 1
having count(*) > 0
union all
select
    'daily_outcomes' as view_name,
    count(*) as row_count
from daily_outcomes
where
    outcome_share not between 0 and 1
having count(*) > 0
union all
select
    'data_quality' as view_name,
    count(*) as row_count
from data_quality
where
    flaw_rate not between 0 and 1
having count(*) > 0
union all
select
    'retry_yield' as view_name,
    count(*) as row_count
from retry_yield
where
    connect_rate not between 0 and 1
having count(*) > 0
union all
select
    'run_completion' as view_name,
    count(*) as row_count
from run_completion
where
    completion_rate not between 0 and 1
    or processed_rate not between 0 and 1
having count(*) > 0
union all
select
    'run_funnel' as view_name,
    count(*) as row_count
from run_funnel
where
    answered_rate not between 0 and 1
    or connect_rate not between 0 and 1
    or connected_rate not between 0 and 1
    or dialed_rate not between 0 and 1
    or engaged_rate not between 0 and 1
    or interested_rate not between 0 and 1
    or usual_connect_rate not between 0 and 1
    or usual_engaged_rate not between 0 and 1
    or usual_interested_rate not between 0 and 1
having count(*) > 0
union all
select
    'space_completion' as view_name,
    count(*) as row_count
from space_completion
where
    completion_rate not between 0 and 1
    or processed_rate not between 0 and 1
having count(*) > 0
union all
select
    'weekly_trend' as view_name,
    count(*) as row_count
from weekly_trend
where
    completion_rate not between 0 and 1
    or connect_rate not between 0 and 1
    or interested_rate not between 0 and 1
having count(*) > 0

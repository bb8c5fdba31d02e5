-- One row per agent: its connect, completion, interested and success rates with their 95% Wilson intervals.
create or replace view agent_scorecard as

select
    -- keys
    agent_handle,

    -- measures
    coalesce(max(day_count), 0) as day_count,
    coalesce(max(case_count) filter (where measure = 'connect'), 0) as dialed_count,
    coalesce(max(hit_count) filter (where measure = 'connect'), 0) as connected_count,
    max(rate) filter (where measure = 'connect') as connect_rate,
    max(rate_low) filter (where measure = 'connect') as connect_rate_low,
    max(rate_high) filter (where measure = 'connect') as connect_rate_high,
    coalesce(max(case_count) filter (where measure = 'completion'), 0) as total_tasks,
    coalesce(max(hit_count) filter (where measure = 'completion'), 0) as completed_tasks,
    max(rate) filter (where measure = 'completion') as completion_rate,
    max(rate_low) filter (where measure = 'completion') as completion_rate_low,
    max(rate_high) filter (where measure = 'completion') as completion_rate_high,
    coalesce(max(hit_count) filter (where measure = 'interested'), 0) as interested_count,
    max(rate) filter (where measure = 'interested') as interested_rate,
    max(rate_low) filter (where measure = 'interested') as interested_rate_low,
    max(rate_high) filter (where measure = 'interested') as interested_rate_high,
    coalesce(max(case_count) filter (where measure = 'success'), 0) as scored_count,
    coalesce(max(hit_count) filter (where measure = 'success'), 0) as successful_count,
    max(rate) filter (where measure = 'success') as success_rate,
    max(rate_low) filter (where measure = 'success') as success_rate_low,
    max(rate_high) filter (where measure = 'success') as success_rate_high

from agent_rates
group by all;

comment on view agent_scorecard is
'One row per agent: its connect, completion, interested and success rates with their 95% Wilson intervals.';

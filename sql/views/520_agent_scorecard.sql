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
comment on column agent_scorecard.agent_handle is 'Agent; the key.';
comment on column agent_scorecard.day_count is
'Days with a dialed call. Source: call_counts.local_date, call_counts.dialed_count.';
comment on column agent_scorecard.dialed_count is 'Dialed calls. Source: call_counts.dialed_count.';
comment on column agent_scorecard.connected_count is 'Connected calls. Source: call_counts.connected_count.';
comment on column agent_scorecard.connect_rate is 'connected_count / dialed_count. Source: call_counts.';
comment on column agent_scorecard.connect_rate_low is 'Lower end of its 95% Wilson interval. Source: call_counts.';
comment on column agent_scorecard.connect_rate_high is 'Upper end of its 95% Wilson interval. Source: call_counts.';
comment on column agent_scorecard.total_tasks is
'Tasks that the API still lists. Source: agent_completion.total_tasks.';
comment on column agent_scorecard.completed_tasks is
'Tasks with status completed, of every execution type. Source: agent_completion.completed_tasks.';
comment on column agent_scorecard.completion_rate is 'completed_tasks / total_tasks. Source: agent_completion.';
comment on column agent_scorecard.completion_rate_low is
'Lower end of its 95% Wilson interval. Source: agent_completion.';
comment on column agent_scorecard.completion_rate_high is
'Upper end of its 95% Wilson interval. Source: agent_completion.';
comment on column agent_scorecard.interested_count is
'Connected calls with outcome interested. Source: call_counts.interested_count.';
comment on column agent_scorecard.interested_rate is 'interested_count / connected_count. Source: call_counts.';
comment on column agent_scorecard.interested_rate_low is
'Lower end of its 95% Wilson interval. Source: call_counts.';
comment on column agent_scorecard.interested_rate_high is
'Upper end of its 95% Wilson interval. Source: call_counts.';
comment on column agent_scorecard.scored_count is
'Calls with a success score that can be read. Source: call_counts.scored_count.';
comment on column agent_scorecard.successful_count is
'Calls with a good success score (setting success_min_score). Source: call_counts.successful_count.';
comment on column agent_scorecard.success_rate is
'successful_count / scored_count. Source: call_counts. '
'Caveat: only calls with a score; who was scored is not chance.';
comment on column agent_scorecard.success_rate_low is 'Lower end of its 95% Wilson interval. Source: call_counts.';
comment on column agent_scorecard.success_rate_high is 'Upper end of its 95% Wilson interval. Source: call_counts.';

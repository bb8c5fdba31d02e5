-- One row per space, local date and outcome: calls, their share, duration and cost.
create or replace view daily_outcomes as

with counts as (
    select
        space_token,
        local_date,
        outcome,
        count(*) as call_count,
        count(*) filter (where is_connected) as connected_count,
        count(duration_seconds) filter (where is_connected) as duration_count,
        avg(duration_seconds) filter (where is_connected) as avg_seconds,
        sum(nullif(cost, 0)) as total_cost
    from calls
    group by all
),

labelled as (
    select
        *,
        coalesce(
            sum(call_count) filter (where outcome is not null) over (partition by space_token, local_date), 0
        )::bigint as labelled_count
    from counts
)

select
    -- keys
    space_token,
    local_date,
    outcome,

    -- measures
    call_count,
    labelled_count,
    case when outcome is not null then call_count::double / nullif(labelled_count, 0) end as outcome_share,
    connected_count,
    duration_count,
    avg_seconds,
    total_cost

from labelled;

comment on view daily_outcomes is 'One row per space, local date and outcome: calls, their share, duration and cost.';
comment on column daily_outcomes.space_token is 'Space.';
comment on column daily_outcomes.local_date is
'Date of the call''s start in the configured time zone; of the task''s creation when it has no start.';
comment on column daily_outcomes.outcome is 'Outcome, normalised; NULL for the calls to which none was sent.';
comment on column daily_outcomes.call_count is 'Calls with this outcome. Source: calls.outcome.';
comment on column daily_outcomes.labelled_count is
'Calls of the space and date with any outcome. Source: calls.outcome.';
comment on column daily_outcomes.outcome_share is
'call_count / labelled_count; NULL for the calls without an outcome. Source: calls.outcome. '
'Caveat: outcomes are written by a model, also for calls in which nobody spoke.';
comment on column daily_outcomes.connected_count is
'Connected calls with this outcome. Source: calls.outcome, calls.is_connected.';
comment on column daily_outcomes.duration_count is
'Connected calls with this outcome and a known duration. Source: calls.is_connected, calls.duration_seconds.';
comment on column daily_outcomes.avg_seconds is
'Mean duration of the connected calls with this outcome. Source: calls.is_connected, calls.duration_seconds.';
comment on column daily_outcomes.total_cost is
'Cost of the calls with this outcome; NULL when every cost is 0 or absent. Source: calls.cost. '
'Caveat: without currency.';

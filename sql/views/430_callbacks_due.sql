-- One row per call whose contact asked to be called back at a time that has passed, and was not dialed since the call.
create or replace view callbacks_due as

with last_dials as (
    select
        contact_key,
        -- a dial that failed or was busy has no start
        max(coalesce(started_at, created_at)) as last_dialed_at
    from calls
    where
        contact_key is not null
        and is_dialed
    group by all
)

select
    -- keys
    calls.task_id,
    calls.space_token,
    calls.run_id,
    calls.agent_handle,
    calls.contact_key,

    -- contact
    calls.contact_name,
    calls.contact_number,

    -- the call
    coalesce(calls.started_at, calls.created_at) as called_at,
    calls.outcome,
    calls.summary,
    calls.callback_at,
    calls.callback_label,

    -- measures
    date_diff('second', calls.callback_at, utc_clock.now_at) / 3600.0::double as hours_overdue

from calls
cross join utc_clock
left join last_dials on calls.contact_key = last_dials.contact_key
where
    calls.callback_at <= utc_clock.now_at
    and coalesce(last_dials.last_dialed_at <= coalesce(calls.started_at, calls.created_at), true);

comment on view callbacks_due is
'One row per call whose contact asked to be called back at a time that has passed, and was not dialed since the '
'call. A dial without a start (refused, busy) counts by the creation of its task.';

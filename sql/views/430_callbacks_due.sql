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
comment on column callbacks_due.task_id is 'Task of the call; the key.';
comment on column callbacks_due.space_token is 'Space.';
comment on column callbacks_due.run_id is 'Run.';
comment on column callbacks_due.agent_handle is 'Agent.';
comment on column callbacks_due.contact_key is 'Contact number, normalised; NULL when none is known.';
comment on column callbacks_due.contact_name is 'Contact''s name.';
comment on column callbacks_due.contact_number is 'Contact''s number as sent.';
comment on column callbacks_due.called_at is 'Start of the call (UTC); creation of the task when it has no start.';
comment on column callbacks_due.outcome is 'Outcome of the call, normalised.';
comment on column callbacks_due.summary is 'Summary of the call.';
comment on column callbacks_due.callback_at is
'When the contact asked to be called back (UTC); a time sent without a zone is in the configured time zone. '
'Source: calls.callback_at.';
comment on column callbacks_due.callback_label is 'The same as sent.';
comment on column callbacks_due.hours_overdue is
'Hours since callback_at, at the moment of asking. Source: calls.callback_at. '
'Caveat: a model wrote the time; dials from outside the platform are not seen.';

-- One row per contact number, normalised: its calls, their last result, and whether it was dialed again soon.
create or replace view contacts as

with dials as (
    select
        *,
        case
            when is_dialed
                then started_at - lag(started_at) over (partition by contact_key, is_dialed order by started_at)
        end as pause
    from calls
    where contact_key is not null
)

select
    -- keys
    contact_key,

    -- description
    arg_max(contact_number, created_at) as contact_number,
    arg_max(contact_name, created_at) as contact_name,

    -- measures
    count(*) as call_count,
    count(*) filter (where is_dialed) as dialed_count,
    count(*) filter (where is_connected) as connected_count,
    connected_count::double / nullif(dialed_count, 0) as connect_rate,
    count(distinct space_token) as space_count,
    count(distinct agent_handle) as agent_count,
    min(started_at) filter (where is_dialed) as first_called_at,
    max(started_at) filter (where is_dialed) as last_called_at,
    arg_max(outcome, coalesce(started_at, created_at)) as last_outcome,
    case
        when first_called_at is not null
            then coalesce(bool_or(pause <= interval 7 day), false)
    end as repeat_within_7_days,
    count(*) filter (where pause <= interval 7 day) as repeat_count,
    sum(duration_seconds) filter (where is_connected) as total_seconds

from dials
group by all;

comment on view contacts is
'One row per contact number, normalised, over all spaces: its calls, their last result, and whether it was dialed '
'again soon. Calls without a number are left out.';
comment on column contacts.contact_key is
'Contact number, normalised; the key. Source: calls.contact_key. '
'Caveat: a national number of ten digits takes the country of the configured time zone.';
comment on column contacts.contact_number is 'Its newest spelling.';
comment on column contacts.contact_name is 'Its newest name.';
comment on column contacts.call_count is 'Calls to it, whether dialed or not. Source: calls.contact_key.';
comment on column contacts.dialed_count is
'Dialed calls to it. Source: calls.is_dialed. Caveat: a redialed task is one call; see attempts.';
comment on column contacts.connected_count is 'Connected calls to it. Source: calls.is_connected.';
comment on column contacts.connect_rate is
'connected_count / dialed_count. Source: calls.is_connected, calls.is_dialed.';
comment on column contacts.space_count is 'Spaces that called it. Source: calls.space_token.';
comment on column contacts.agent_count is 'Agents that called it. Source: calls.agent_handle.';
comment on column contacts.first_called_at is 'Start of the first dialed call (UTC).';
comment on column contacts.last_called_at is 'Start of the last dialed call (UTC).';
comment on column contacts.last_outcome is 'Outcome of the newest call that has one.';
comment on column contacts.repeat_within_7_days is
'Some dialed call started at most 7 days after the one before it; NULL when no start is known. '
'Source: calls.started_at, calls.is_dialed. '
'Caveat: tells a repeat, not its reason; a callback asked for is a repeat too.';
comment on column contacts.repeat_count is
'Dialed calls that started at most 7 days after the one before them. Source: calls.started_at, calls.is_dialed.';
comment on column contacts.total_seconds is 'Time of its connected calls together. Source: calls.duration_seconds.';

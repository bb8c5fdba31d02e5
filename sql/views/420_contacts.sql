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

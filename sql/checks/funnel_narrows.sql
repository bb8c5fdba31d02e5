-- Every step of the funnel is a subset of the step before it.
select
    space_token,
    agent_handle,
    tasks,
    dialed,
    answered,
    connected,
    engaged,
    interested
from call_funnel
where
    dialed > tasks
    or answered > dialed
    or connected > answered
    or engaged > connected
    or interested > engaged
union all
select
    space_token,
    run_id as agent_handle,
    tasks,
    dialed,
    answered,
    connected,
    engaged,
    interested
from run_funnel
where
    dialed > tasks
    or answered > dialed
    or connected > answered
    or engaged > connected
    or interested > engaged

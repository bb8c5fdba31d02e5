-- No step of the funnel is wider than the one before.
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
    or connected > dialed
    or connected > answered
    or engaged > connected
    or interested > connected

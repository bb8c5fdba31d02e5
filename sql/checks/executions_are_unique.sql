-- A run is stored once per agent's list of executions.
select
    agent_handle,
    run_id,
    count(*) as row_count
from executions
group by all
having count(*) > 1

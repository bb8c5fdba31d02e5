-- An agent is stored once.
select
    agent_handle,
    count(*) as row_count
from agents
group by all
having count(*) > 1

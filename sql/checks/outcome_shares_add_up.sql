-- The outcome shares of a space and agent add up to 1.
select
    space_token,
    agent_handle,
    sum(outcome_share) as share_sum
from call_outcomes
group by all
having abs(sum(outcome_share) - 1) > 1e-9

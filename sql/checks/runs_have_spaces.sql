-- Every run stands in the list of a stored space.
select
    runs.run_id,
    runs.space_token
from runs
anti join spaces on runs.space_token = spaces.space_token

-- Every task stands in the list of a stored space.
select
    tasks.task_id,
    tasks.space_token
from tasks
anti join spaces on tasks.space_token = spaces.space_token

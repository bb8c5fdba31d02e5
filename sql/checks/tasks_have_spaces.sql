-- Every task belongs to a space that was listed or read.
with known as (
    select space_token
    from spaces
    union
    select space_token
    from meta.bookmarks
)

select
    tasks.task_id,
    tasks.space_token
from tasks
anti join known on tasks.space_token = known.space_token

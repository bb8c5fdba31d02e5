-- Every run belongs to a space that was listed or read.
with known as (
    select space_token
    from spaces
    union
    select space_token
    from meta.bookmarks
)

select
    runs.run_id,
    runs.space_token
from runs
anti join known on runs.space_token = known.space_token

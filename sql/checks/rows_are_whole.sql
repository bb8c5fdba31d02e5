-- Every row that a list returned is stored completely.
with lists as (
    select
        resource,
        try_cast(regexp_extract(state_json, '"lost": ([0-9]+)', 1) as bigint) as lost_rows
    from meta.bookmarks
)

select *
from lists
where lost_rows > 0

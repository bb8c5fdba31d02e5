-- A list of the API has one bookmark.
select
    resource,
    count(*) as row_count
from meta.bookmarks
group by all
having count(*) > 1

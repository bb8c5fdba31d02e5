-- A space is stored once.
select
    space_token,
    count(*) as row_count
from spaces
group by all
having count(*) > 1

-- A setting has one value.
select
    name,
    count(*) as row_count
from meta.settings
group by all
having count(*) > 1

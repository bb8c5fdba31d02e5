-- A measure is defined once.
select
    view_name,
    column_name,
    count(*) as row_count
from meta.metrics
group by all
having count(*) > 1

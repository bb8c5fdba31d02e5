-- A run is stored once.
select
    run_id,
    count(*) as row_count
from runs
group by all
having count(*) > 1

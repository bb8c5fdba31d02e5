-- An object has one payload.
select
    kind,
    id,
    count(*) as row_count
from raw.payloads
group by all
having count(*) > 1

-- A normalised outcome is one of the nine words.
select
    task_id,
    outcome,
    outcome_label
from tasks
where outcome not in (
    'interested', 'call_back', 'send_details', 'not_interested', 'not_connected', 'abandoned', 'dropped', 'error',
    'other'
)

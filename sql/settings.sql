-- Thresholds and words that the views read, with their defaults; a value already there is the user's and stays.
insert into meta.settings (name, value, comment)
select
    defaults.name,
    defaults.value,
    defaults.comment
from (
    values
    ('time_zone', 'UTC', 'IANA zone of the local dates and hours; applied when a task is loaded.'),
    ('engaged_user_turns', '3', 'A connected call with more turns of the user than this is engaged.'),
    ('short_call_seconds', '10', 'A connected call shorter than this is short.'),
    ('success_min_score', '7', 'A call scored at least this (of 10) is successful.'),
    ('reliable_n', '30', 'A rate over fewer cases than this is marked as not reliable.'),
    ('late_change_days', '14', 'A task that changes this many days after its creation has changed late.'),
    ('anomaly_days', '28', 'Days before a day that make its baseline.'),
    ('anomaly_min_days', '7', 'A baseline of fewer days than this judges nothing.'),
    ('anomaly_min_n', '50', 'A day with fewer cases than this is neither judged nor part of a baseline.'),
    ('anomaly_mads', '3', 'Median absolute deviations from the median that make an anomaly.'),
    (
        'opt_out_phrases',
        'do not call|don''t call|stop calling|never call|remove me|remove my number|take me off|unsubscribe'
        || '|not call me again|wrong number|call mat karo|phone mat karo|dobara call mat',
        'Phrases of a user who may want no more calls, separated by |; compared in lower case.'
    )
) as defaults (name, value, comment)
where defaults.name not in (select known.name from meta.settings as known);

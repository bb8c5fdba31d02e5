-- Thresholds that no view reads any more.
delete from meta.settings where name in ('reliable_n', 'anomaly_mads');

-- Thresholds and phrases that the views read, with their defaults; a value that is already there is kept.
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
    ('reliable_width', '0.25', 'A rate whose 95% interval is wider than this is marked as not reliable.'),
    ('comparison_min_n', '30', 'Two agents are compared when each has at least this many cases.'),
    ('comparison_min_days', '5', 'Two agents are compared when they share at least this many days.'),
    (
        'comparison_min_hits', '10',
        'Two agents are compared when both together have at least this many hits and as many misses.'
    ),
    ('late_change_days', '14', 'A task that changes this many days after its creation has changed late.'),
    ('anomaly_days', '28', 'Number of days before a day that form its baseline.'),
    ('anomaly_min_days', '7', 'A baseline needs at least this many days.'),
    ('anomaly_min_n', '50', 'A day with fewer cases than this is neither judged nor part of a baseline.'),
    ('anomaly_sigmas_low', '2.7', 'Standard deviations below the baseline from which a day is an anomaly.'),
    ('anomaly_sigmas_high', '3.5', 'Standard deviations above the baseline from which a day is an anomaly.'),
    ('caller_number_min_n', '50', 'A caller number and the others of its space need this many dials in a week.'),
    ('caller_number_sigmas', '2.4', 'Standard deviations below the other numbers from which a number is low.'),
    (
        'compliance_preset', 'none',
        'Rules of compliance_findings: none, IN, US or EU; compliance_presets has their figures and sources.'
    ),
    (
        'permitted_from_hour', 'preset',
        'Hour of the contact''s day from which it may be dialed (9.5 is 9:30); preset: as compliance_preset has it.'
    ),
    (
        'permitted_until_hour', 'preset',
        'Hour of the contact''s day until which it may be dialed; preset: as compliance_preset has it.'
    ),
    (
        'max_dials_per_day', 'preset',
        'Dials to one contact on a local day, 0 for no cap; preset: as compliance_preset has it.'
    ),
    (
        'max_dials_per_week', 'preset',
        'Dials to one contact within seven times 24 hours, 0 for no cap; preset: as compliance_preset has it.'
    ),
    (
        'opt_out_phrases',
        'do not call|don''t call|stop calling|never call|remove me|remove my number|take me off|unsubscribe'
        || '|not call me again|wrong number|call mat karo|phone mat karo|dobara call mat',
        'Phrases of users who may want no more calls, separated by |; compared in lower case.'
    )
) as defaults (name, value, comment)
where defaults.name not in (select known.name from meta.settings as known);

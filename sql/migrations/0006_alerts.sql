-- Which alerts are on, for each place that they are sent to.

create table meta.alerts (
    rule varchar,
    subject varchar,
    destination varchar,
    since_at timestamp,
    notified_at timestamp,
    over_at timestamp,
    row_count bigint
);

comment on table meta.alerts is
'One row per rule, subject and destination while a rule matches, or until its end could be sent.';
comment on column meta.alerts.rule is 'Name of the rule.';
comment on column meta.alerts.subject is 'Value of the column that the rule names in by; empty without one.';
comment on column meta.alerts.destination is 'Where messages go: a hash of the address, which is a secret.';
comment on column meta.alerts.since_at is 'When the rule was first seen to match (UTC).';
comment on column meta.alerts.notified_at is 'When the message that it began was sent (UTC); NULL while it was not.';
comment on column meta.alerts.over_at is 'When the rule no longer matched (UTC), while that could not be sent.';
comment on column meta.alerts.row_count is 'Rows that matched when it was last evaluated.';

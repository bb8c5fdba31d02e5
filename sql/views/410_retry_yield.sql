-- One row per space and attempt number: what the first, second, … dial brings.
create or replace view retry_yield as

select
    -- keys
    space_token,
    attempt,

    -- measures
    count(*) as dialed_count,
    count(*) filter (where is_connected) as connected_count,
    connected_count::double / nullif(dialed_count, 0) as connect_rate,
    bool_or(is_approximate) as is_approximate

from attempts
group by all;

comment on view retry_yield is 'One row per space and attempt number: what the first, second, … dial brings.';
comment on column retry_yield.space_token is 'Space.';
comment on column retry_yield.attempt is 'Number of the dial of its task, from 1.';
comment on column retry_yield.dialed_count is
'Dials with this number that a sync saw. Source: attempts.attempt. '
'Caveat: dials between two syncs are missing; the oftener the sync, the fewer.';
comment on column retry_yield.connected_count is 'Of these, connected. Source: attempts.is_connected.';
comment on column retry_yield.connect_rate is
'connected_count / dialed_count. Source: attempts.is_connected. '
'Caveat: tasks that connect early are not dialed again, so later attempts reach other contacts than first ones.';
comment on column retry_yield.is_approximate is
'The number of some of these dials was taken from the counters. Source: attempts.is_approximate.';

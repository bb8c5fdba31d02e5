-- One row per space and attempt number: the result of the first, second, … dial.
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

comment on view retry_yield is 'One row per space and attempt number: the result of the first, second, … dial.';

-- One row per space, local weekday and local hour with a dialed call: how well that hour connects.
create or replace view connect_heatmap as

with counts as (
    select
        space_token,
        started_local_weekday as local_weekday,
        started_local_hour as local_hour,
        count(*) as dialed_count,
        count(*) filter (where is_connected) as connected_count
    from calls
    where
        is_dialed
        and started_local_hour is not null
    group by all
)

select
    -- keys
    space_token,
    local_weekday,
    local_hour,

    -- measures
    dialed_count,
    connected_count,
    connected_count::double / nullif(dialed_count, 0) as connect_rate,
    wilson_low(connected_count, dialed_count) as connect_rate_low,
    wilson_high(connected_count, dialed_count) as connect_rate_high,
    connect_rate_high - connect_rate_low <= (select reliable_width from thresholds) as is_reliable

from counts;

comment on view connect_heatmap is
'One row per space, local weekday and local hour with a dialed call: how well that hour connects.';

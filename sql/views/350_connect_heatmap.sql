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
),

wilson as (
    select
        *,
        connected_count::double / nullif(dialed_count, 0) as connect_rate,
        -- the square of the 97.5% point of the normal distribution, per case
        3.841458820694124::double / nullif(dialed_count, 0) as spread,
        (connect_rate + spread / 2) / (1 + spread) as centre,
        sqrt(spread * (connect_rate * (1 - connect_rate) + spread / 4)) / (1 + spread) as margin
    from counts
)

select
    -- keys
    space_token,
    local_weekday,
    local_hour,

    -- measures
    dialed_count,
    connected_count,
    connect_rate,
    greatest(centre - margin, 0) as connect_rate_low,
    least(centre + margin, 1) as connect_rate_high,
    connect_rate_high - connect_rate_low <= (select reliable_width from thresholds) as is_reliable

from wilson;

comment on view connect_heatmap is
'One row per space, local weekday and local hour with a dialed call: how well that hour connects.';

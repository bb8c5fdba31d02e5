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
comment on column connect_heatmap.space_token is 'Space.';
comment on column connect_heatmap.local_weekday is
'Weekday of the call''s start in the configured time zone: 1 Monday to 7 Sunday.';
comment on column connect_heatmap.local_hour is 'Hour of the call''s start in the configured time zone: 0 to 23.';
comment on column connect_heatmap.dialed_count is
'Dialed calls that started in this hour. Source: calls.is_dialed, calls.started_local_hour. '
'Caveat: calls without a start have no hour and are left out.';
comment on column connect_heatmap.connected_count is 'Of these, connected. Source: calls.is_connected.';
comment on column connect_heatmap.connect_rate is
'connected_count / dialed_count. Source: calls.is_connected, calls.is_dialed. '
'Caveat: the hour of the configured zone, not of the contact''s.';
comment on column connect_heatmap.connect_rate_low is
'Lower end of the 95% Wilson score interval of connect_rate. Source: calls.is_connected, calls.is_dialed. '
'Caveat: takes calls as independent; calls to one contact are not.';
comment on column connect_heatmap.connect_rate_high is
'Upper end of the 95% Wilson score interval of connect_rate. Source: calls.is_connected, calls.is_dialed. '
'Caveat: takes calls as independent; calls to one contact are not.';
comment on column connect_heatmap.is_reliable is
'The interval of connect_rate is at most as wide as the setting reliable_width. '
'Source: calls.is_connected, calls.is_dialed, meta.settings.';

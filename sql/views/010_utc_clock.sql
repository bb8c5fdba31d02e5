-- One row: the current time in UTC, whatever the zone of the machine or the session.
create or replace view utc_clock as

-- now() cast to a timestamp is local time where the ICU extension is loaded; its epoch never is.
select make_timestamp(epoch_us(now())) as now_at;

comment on view utc_clock is 'One row: the current time in UTC.';

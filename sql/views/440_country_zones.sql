-- One row per country code, time zone and year: its offset from UTC, in winter and in summer.
create or replace view country_zones as

with zones as (
    select listed.*
    from (
        values
        ('1', 'US, CA', 'America/St_Johns', -210, 'US'),
        ('1', 'US, CA', 'America/Halifax', -240, 'US'),
        ('1', 'US, CA', 'America/Puerto_Rico', -240, 'none'),
        ('1', 'US, CA', 'America/New_York', -300, 'US'),
        ('1', 'US, CA', 'America/Jamaica', -300, 'none'),
        ('1', 'US, CA', 'America/Chicago', -360, 'US'),
        ('1', 'US, CA', 'America/Regina', -360, 'none'),
        ('1', 'US, CA', 'America/Denver', -420, 'US'),
        ('1', 'US, CA', 'America/Phoenix', -420, 'none'),
        ('1', 'US, CA', 'America/Los_Angeles', -480, 'US'),
        ('1', 'US, CA', 'America/Anchorage', -540, 'US'),
        ('1', 'US, CA', 'America/Adak', -600, 'US'),
        ('1', 'US, CA', 'Pacific/Honolulu', -600, 'none'),
        ('1670', 'MP', 'Pacific/Saipan', 600, 'none'),
        ('1671', 'GU', 'Pacific/Guam', 600, 'none'),
        ('1684', 'AS', 'Pacific/Pago_Pago', -660, 'none'),
        ('27', 'ZA', 'Africa/Johannesburg', 120, 'none'),
        ('31', 'NL', 'Europe/Amsterdam', 60, 'EU'),
        ('32', 'BE', 'Europe/Brussels', 60, 'EU'),
        ('33', 'FR', 'Europe/Paris', 60, 'EU'),
        ('34', 'ES', 'Europe/Madrid', 60, 'EU'),
        ('34', 'ES', 'Atlantic/Canary', 0, 'EU'),
        ('351', 'PT', 'Europe/Lisbon', 0, 'EU'),
        ('351', 'PT', 'Atlantic/Azores', -60, 'EU'),
        ('353', 'IE', 'Europe/Dublin', 0, 'EU'),
        ('358', 'FI', 'Europe/Helsinki', 120, 'EU'),
        ('39', 'IT', 'Europe/Rome', 60, 'EU'),
        ('41', 'CH', 'Europe/Zurich', 60, 'EU'),
        ('43', 'AT', 'Europe/Vienna', 60, 'EU'),
        ('44', 'GB', 'Europe/London', 0, 'EU'),
        ('45', 'DK', 'Europe/Copenhagen', 60, 'EU'),
        ('46', 'SE', 'Europe/Stockholm', 60, 'EU'),
        ('47', 'NO', 'Europe/Oslo', 60, 'EU'),
        ('48', 'PL', 'Europe/Warsaw', 60, 'EU'),
        ('49', 'DE', 'Europe/Berlin', 60, 'EU'),
        ('55', 'BR', 'America/Noronha', -120, 'none'),
        ('55', 'BR', 'America/Sao_Paulo', -180, 'none'),
        ('55', 'BR', 'America/Manaus', -240, 'none'),
        ('55', 'BR', 'America/Rio_Branco', -300, 'none'),
        ('60', 'MY', 'Asia/Kuala_Lumpur', 480, 'none'),
        ('61', 'AU', 'Australia/Lord_Howe', 630, 'LH'),
        ('61', 'AU', 'Australia/Sydney', 600, 'AU'),
        ('61', 'AU', 'Australia/Brisbane', 600, 'none'),
        ('61', 'AU', 'Australia/Adelaide', 570, 'AU'),
        ('61', 'AU', 'Australia/Darwin', 570, 'none'),
        ('61', 'AU', 'Australia/Eucla', 525, 'none'),
        ('61', 'AU', 'Australia/Perth', 480, 'none'),
        ('61', 'AU', 'Indian/Christmas', 420, 'none'),
        ('61', 'AU', 'Indian/Cocos', 390, 'none'),
        ('62', 'ID', 'Asia/Jakarta', 420, 'none'),
        ('62', 'ID', 'Asia/Makassar', 480, 'none'),
        ('62', 'ID', 'Asia/Jayapura', 540, 'none'),
        ('63', 'PH', 'Asia/Manila', 480, 'none'),
        ('64', 'NZ', 'Pacific/Auckland', 720, 'NZ'),
        ('64', 'NZ', 'Pacific/Chatham', 765, 'NZ'),
        ('65', 'SG', 'Asia/Singapore', 480, 'none'),
        ('66', 'TH', 'Asia/Bangkok', 420, 'none'),
        ('81', 'JP', 'Asia/Tokyo', 540, 'none'),
        ('82', 'KR', 'Asia/Seoul', 540, 'none'),
        ('84', 'VN', 'Asia/Ho_Chi_Minh', 420, 'none'),
        ('852', 'HK', 'Asia/Hong_Kong', 480, 'none'),
        ('880', 'BD', 'Asia/Dhaka', 360, 'none'),
        ('91', 'IN', 'Asia/Kolkata', 330, 'none'),
        ('92', 'PK', 'Asia/Karachi', 300, 'none'),
        ('94', 'LK', 'Asia/Colombo', 330, 'none'),
        ('966', 'SA', 'Asia/Riyadh', 180, 'none'),
        ('965', 'KW', 'Asia/Kuwait', 180, 'none'),
        ('968', 'OM', 'Asia/Muscat', 240, 'none'),
        ('971', 'AE', 'Asia/Dubai', 240, 'none'),
        ('973', 'BH', 'Asia/Bahrain', 180, 'none'),
        ('974', 'QA', 'Asia/Qatar', 180, 'none'),
        ('977', 'NP', 'Asia/Kathmandu', 345, 'none')
    ) as listed (calling_code, country, zone, winter_minutes, summer_rule)
),

-- Summer time begins and ends on the first Sunday from a day on, at an hour of UTC or of the clock before the change.
summer_rules as (
    select listed.*
    from (
        values
        ('US', true, 60, 3, 8, 2, 11, 1, 2),
        ('EU', false, 60, 3, 25, 1, 10, 25, 1),
        ('AU', true, 60, 10, 1, 2, 4, 1, 3),
        ('LH', true, 30, 10, 1, 2, 4, 1, 2),
        ('NZ', false, 60, 9, 24, -10, 4, 1, -10)
    ) as listed (
        summer_rule, is_local, added_minutes, from_month, from_day, from_hour, until_month, until_day, until_hour
    )
),

years as (
    select unnest(range(2015, 2051))::bigint as utc_year
),

anchors as (
    select
        zones.calling_code,
        zones.country,
        zones.zone,
        zones.winter_minutes,
        zones.winter_minutes + coalesce(summer_rules.added_minutes, 0) as summer_minutes,
        years.utc_year,
        summer_rules.from_hour * 60
        - case when summer_rules.is_local then zones.winter_minutes else 0 end as from_minute,
        summer_rules.until_hour * 60
        - case when summer_rules.is_local then summer_minutes else 0 end as until_minute,
        make_timestamp(years.utc_year, summer_rules.from_month, summer_rules.from_day, 0, 0, 0.0) as from_day_at,
        make_timestamp(years.utc_year, summer_rules.until_month, summer_rules.until_day, 0, 0, 0.0) as until_day_at
    from zones
    cross join years
    left join summer_rules on zones.summer_rule = summer_rules.summer_rule
)

select
    -- keys
    calling_code,
    country,
    zone,
    utc_year,

    -- offsets
    winter_minutes::bigint as winter_minutes,
    summer_minutes::bigint as summer_minutes,
    from_day_at + to_minutes((7 - isodow(from_day_at)) * 24 * 60 + from_minute) as summer_from_at,
    until_day_at + to_minutes((7 - isodow(until_day_at)) * 24 * 60 + until_minute) as summer_until_at

from anchors;

comment on view country_zones is
'One row per country code, time zone and year: its offset from UTC, in winter and in summer. Holds the countries that '
'are dialed most, with the rules of summer time of today; a country that is not listed is unknown.';

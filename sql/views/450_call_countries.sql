-- One row per call that was dialed to a telephone: the country code of its contact, NULL where it is not certain.
create or replace view call_countries as

with codes as (
    select distinct calling_code
    from country_zones
),

-- the country of the configured time zone
home as (
    select max(country_zones.calling_code) as calling_code
    from meta.settings
    inner join country_zones
        on replace(settings.value, 'Asia/Calcutta', 'Asia/Kolkata') = country_zones.zone
    where settings.name = 'time_zone'
),

numbers as (
    select
        *,
        ltrim(contact_number, ' (') as written
    from calls
    where
        is_dialed
        and coalesce(call_type not in ('inbound', 'sdk'), true)
),

prefixed as (
    select
        numbers.*,
        numbers.written like '+%' or numbers.written like '00%' or numbers.written like 'tel:+%' as is_international,
        coalesce(four.calling_code, three.calling_code, two.calling_code, one.calling_code) as calling_code
    from numbers
    left join codes as four on left(numbers.contact_key, 4) = four.calling_code
    left join codes as three on left(numbers.contact_key, 3) = three.calling_code
    left join codes as two on left(numbers.contact_key, 2) = two.calling_code
    left join codes as one on left(numbers.contact_key, 1) = one.calling_code
)

select
    -- keys
    prefixed.task_id,
    prefixed.space_token,
    prefixed.run_id,
    prefixed.agent_handle,
    prefixed.contact_key,

    -- contact
    prefixed.contact_name,
    prefixed.contact_number,
    case
        when prefixed.is_international then prefixed.calling_code
        -- A national number looks like a foreign one without its +: only the country at home is certain.
        when prefixed.calling_code = home.calling_code and length(prefixed.contact_key) >= 10 then prefixed.calling_code
    end as calling_code,

    -- times
    prefixed.started_at,
    coalesce(prefixed.started_at, prefixed.created_at) as dialed_at,
    prefixed.local_date

from prefixed
cross join home;

comment on view call_countries is
'One row per call that was dialed to a telephone: the country code of its contact, NULL where it is not certain. A '
'number without + or 00 has a country only when that is the country of the configured time zone.';

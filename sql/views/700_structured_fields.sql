-- One row per task and key of its structured data: what the agent was asked to find out.
create or replace view structured_fields as

with objects as (
    select
        task_id,
        space_token,
        run_id,
        agent_handle,
        structured_data_json
    from tasks
    where
        deleted_at is null
        and case when json_valid(structured_data_json) then json_type(structured_data_json) = 'OBJECT' end
),

keys as (
    select
        *,
        unnest(json_keys(structured_data_json)) as key
    from objects
),

-- a key is read by JSON pointer, in which only ~ and / need an escape
field_values as (
    select
        *,
        json_extract(structured_data_json, '/' || replace(replace(key, '~', '~0'), '/', '~1')) as json_value
    from keys
),

fields as (
    select
        *,
        json_extract_string(json_value, '$')::varchar as value_text,
        try_cast(value_text as double) as value_number,
        json_type(json_value)::varchar as json_type
    from field_values
)

select
    -- keys
    task_id,
    key,
    space_token,
    run_id,
    agent_handle,

    -- value
    value_text,
    case when isfinite(value_number) then value_number end as value_number,
    case
        when json_type in ('BIGINT', 'UBIGINT', 'DOUBLE', 'HUGEINT', 'UHUGEINT') then 'number'
        when json_type = 'VARCHAR' then 'text'
        else lower(json_type)
    end as value_type

from fields;

comment on view structured_fields is
'One row per task and key of its structured data: what the agent was asked to find out. Data that is not a JSON '
'object is left out.';

-- One row per agent with structured data: its keys, the commonest first, each with the type that all its values have.
with keys as (
    select
        agent_handle,
        key,
        -- a value fits when it has the type or is a text of it; codes such as 007 and phone numbers stay text
        case
            when count(value_text) = 0 then 'text'
            when
                bool_and(
                    value_type = 'boolean' or (value_type = 'text' and lower(value_text) in ('true', 'false'))
                ) filter (where value_text is not null)
                then 'boolean'
            when
                bool_and(
                    value_type = 'number'
                    or regexp_full_match(value_text, '-?(0|[1-9][0-9]{0,8})([.][0-9]+)?')
                ) filter (where value_text is not null)
                then 'number'
            when
                bool_and(
                    regexp_full_match(value_text, '[0-9]{4}-[0-9]{2}-[0-9]{2}')
                    and try_cast(value_text as date) is not null
                )
                then 'date'
            else 'text'
        end as type,
        count(value_text) as call_count,
        count(distinct value_text) as distinct_count,
        mode(value_text) as example
    from structured_fields
    group by agent_handle, key
),

analysed as (
    select
        tasks.agent_handle,
        any_value(agents.agent_name) as agent_name,
        count(*) filter (where tasks.has_analysis) as analysed_count
    from tasks
    left join agents on tasks.agent_handle = agents.agent_handle
    where tasks.deleted_at is null
    group by tasks.agent_handle
)

select
    analysed.agent_handle,
    analysed.agent_name,
    analysed.analysed_count,
    list(
        struct_pack(
            key := keys.key,
            type := keys.type,
            call_count := keys.call_count,
            coverage := keys.call_count / nullif(analysed.analysed_count, 0),
            distinct_count := keys.distinct_count,
            example := keys.example
        )
        order by keys.call_count desc, keys.key asc
    ) as fields
from analysed
inner join keys on analysed.agent_handle = keys.agent_handle
group by analysed.agent_handle, analysed.agent_name, analysed.analysed_count
order by analysed.agent_handle

-- One row per user message that contains a phrase of the setting opt_out_phrases: a list to review, not a verdict.
create or replace view opt_out_candidates as

with listed as (
    select unnest(string_split(value, '|')) as phrase
    from meta.settings
    where name = 'opt_out_phrases'
),

phrases as (
    select distinct lower(trim(phrase)) as phrase
    from listed
    where trim(phrase) <> ''
),

-- a typographic apostrophe counts as a plain one
said as (
    select
        task_id,
        position,
        content,
        sent_at,
        replace(lower(content), '’', '''') as folded
    from transcript_messages
    where role = 'user'
),

matches as (
    select
        said.task_id,
        said.position,
        any_value(said.content) as content,
        any_value(said.sent_at) as sent_at,
        string_agg(phrases.phrase, ', ' order by phrases.phrase) as matched_phrases
    from said
    inner join phrases on contains(said.folded, phrases.phrase)
    group by all
)

select
    -- keys
    matches.task_id,
    matches.position,
    calls.space_token,
    calls.run_id,
    calls.agent_handle,
    calls.contact_key,

    -- contact
    calls.contact_name,
    calls.contact_number,

    -- the message
    matches.sent_at,
    matches.content,
    matches.matched_phrases,
    calls.outcome,
    calls.started_at

from matches
inner join calls on matches.task_id = calls.task_id;

comment on view opt_out_candidates is
'One row per user message that contains a phrase of the setting opt_out_phrases: a list to review, not a verdict. '
'Reads every message, which is slow with millions of them.';

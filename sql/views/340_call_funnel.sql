-- One row per space and agent: from task to interest, with the rate of each step.
create or replace view call_funnel as

with counts as (
    select
        space_token,
        agent_handle,
        sum(call_count)::bigint as tasks,
        sum(dialed_count)::bigint as dialed,
        sum(answered_count)::bigint as answered,
        sum(connected_count)::bigint as connected,
        sum(engaged_count)::bigint as engaged,
        sum(engaged_interested_count)::bigint as interested
    from call_counts
    group by all
)

select
    -- keys
    space_token,
    agent_handle,

    -- measures
    tasks,
    dialed,
    answered,
    connected,
    engaged,
    interested,
    dialed::double / nullif(tasks, 0) as dialed_rate,
    answered::double / nullif(dialed, 0) as answered_rate,
    connected::double / nullif(answered, 0) as connected_rate,
    engaged::double / nullif(connected, 0) as engaged_rate,
    interested::double / nullif(engaged, 0) as interested_rate,
    connected::double / nullif(dialed, 0) as connect_rate

from counts;

comment on view call_funnel is 'One row per space and agent: from task to interest, with the rate of each step.';
comment on column call_funnel.space_token is 'Space.';
comment on column call_funnel.agent_handle is 'Agent; NULL for calls without one.';
comment on column call_funnel.tasks is 'Tasks of execution type call. Source: call_counts.call_count.';
comment on column call_funnel.dialed is 'Of these, dialed. Source: call_counts.dialed_count.';
comment on column call_funnel.answered is
'Of the dialed, answered by a person or a voicemail. Source: call_counts.answered_count. '
'Caveat: a voicemail is recognised by words in the call''s status, end reason, error or message; one that says '
'nothing of the kind counts as unanswered.';
comment on column call_funnel.connected is
'Of the answered, those in which the user spoke. Source: call_counts.connected_count.';
comment on column call_funnel.engaged is
'Of the connected, engaged. Source: call_counts.engaged_count, meta.settings (engaged_user_turns).';
comment on column call_funnel.interested is
'Of the engaged, those with outcome interested. Source: call_counts.engaged_interested_count. '
'Caveat: the other views count every connected call with outcome interested, also those with few turns of the user.';
comment on column call_funnel.dialed_rate is 'dialed / tasks. Source: call_counts.';
comment on column call_funnel.answered_rate is 'answered / dialed. Source: call_counts.';
comment on column call_funnel.connected_rate is
'connected / answered: the step from answered to connected. Source: call_counts. '
'Caveat: not the connect rate, which is of the dialed.';
comment on column call_funnel.engaged_rate is 'engaged / connected. Source: call_counts.';
comment on column call_funnel.interested_rate is
'interested / engaged: the step from engaged to interested. Source: call_counts. '
'Caveat: not the interested rate of the other views, which is of the connected.';
comment on column call_funnel.connect_rate is
'connected / dialed, the connect rate of all other views. Source: call_counts.';

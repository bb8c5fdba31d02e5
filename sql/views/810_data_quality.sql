-- One row per kind of flaw in the stored data: how often it occurs, what it means and what to do.
create or replace view data_quality as

with task_flaws as materialized (
    select
        count(*) as stored_tasks,
        count(*) filter (where tasks.deleted_at is null) as listed_tasks,
        count(*) filter (where tasks.deleted_at is not null) as deleted_tasks,
        count(*) filter (
            where
            tasks.changed_at > tasks.first_seen_at
            and tasks.changed_at > tasks.created_at + to_days((select late_change_days from thresholds)::integer)
        ) as late_changes,
        count(*) filter (where tasks.deleted_at is null and tasks.execution_type is null) as unknown_types,
        count(*) filter (
            where
            tasks.deleted_at is null
            and coalesce(
                tasks.status not in (
                    'completed', 'failed', 'partially_completed', 'pending', 'scheduled',
                    'queued', 'hold', 'in_progress', 'processing', 'running'
                ),
                true
            )
        ) as unknown_statuses,
        count(*) filter (where tasks.deleted_at is null and tasks.agent_handle is null) as missing_agents,
        count(*) filter (where tasks.deleted_at is null and tasks.created_at is null) as missing_creations,
        count(*) filter (
            where tasks.deleted_at is null and tasks.created_at > (select now_at from utc_clock) + interval 1 day
        ) as future_creations,
        count(*) filter (
            where tasks.deleted_at is null and tasks.run_id is not null and runs.run_id is null
        ) as unknown_runs
    from tasks
    left join runs on tasks.run_id = runs.run_id
),

call_flaws as materialized (
    select
        count(*) as call_count,
        count(*) filter (where is_dialed) as dialed_calls,
        count(*) filter (where is_connected) as connected_calls,
        count(*) filter (where status = 'completed') as completed_calls,
        count(*) filter (where is_dialed and started_at is null) as missing_starts,
        count(*) filter (where ended_at < started_at) as negative_durations,
        count(*) filter (where is_connected and duration_seconds is null) as missing_durations,
        count(*) filter (
            where status = 'completed' and not is_voicemail and coalesce(message_count, 0) = 0
        ) as missing_transcripts,
        count(*) filter (where status = 'completed' and has_analysis is not true) as missing_analyses,
        count(*) filter (where contact_key is null) as missing_contacts,
        count(*) filter (where status = 'completed' and is_voicemail) as completed_voicemails,
        count(*) filter (
            where outcome in ('interested', 'call_back', 'send_details', 'not_interested') and not is_connected
        ) as verdicts_without_user,
        count(*) filter (
            where is_connected and (outcome = 'not_connected' or call_status = 'not_connected')
        ) as not_connected_with_user,
        count(*) filter (
            where
            callback_at is null
            and lower(trim(callback_label)) not in ('', 'n/a', 'na', 'none', 'null', 'nil', '-', 'no', 'not specified')
        ) as unreadable_callbacks,
        count(*) filter (where callback_label is not null) as callback_labels,
        count(*) filter (where success_label is not null and success_points is null) as unreadable_scores,
        count(*) filter (where success_label is not null) as success_labels,
        count(*) filter (where is_connected and timed_message_count is distinct from message_count) as untimed_calls,
        count(*) filter (where is_dialed and coalesce(cost, 0) = 0) as missing_costs
    from calls
),

country_flaws as materialized (
    select
        count(*) as telephone_dials,
        count(*) filter (where calling_code is null) as unknown_countries
    from call_countries
    where contact_key is not null
),

reject_flaws as materialized (
    select count(*) as rejected_values
    from meta.rejects
),

counted as (
    select
        flaws.flaw,
        flaws.description,
        flaws.remedy,
        case flaws.flaw
            when 'rejected_values' then reject_flaws.rejected_values
            when 'deleted_tasks' then task_flaws.deleted_tasks
            when 'late_changes' then task_flaws.late_changes
            when 'unknown_types' then task_flaws.unknown_types
            when 'unknown_statuses' then task_flaws.unknown_statuses
            when 'missing_agents' then task_flaws.missing_agents
            when 'missing_creations' then task_flaws.missing_creations
            when 'future_creations' then task_flaws.future_creations
            when 'unknown_runs' then task_flaws.unknown_runs
            when 'missing_starts' then call_flaws.missing_starts
            when 'negative_durations' then call_flaws.negative_durations
            when 'missing_durations' then call_flaws.missing_durations
            when 'missing_transcripts' then call_flaws.missing_transcripts
            when 'missing_analyses' then call_flaws.missing_analyses
            when 'missing_contacts' then call_flaws.missing_contacts
            when 'unknown_countries' then country_flaws.unknown_countries
            when 'completed_voicemails' then call_flaws.completed_voicemails
            when 'verdicts_without_user' then call_flaws.verdicts_without_user
            when 'not_connected_with_user' then call_flaws.not_connected_with_user
            when 'unreadable_callbacks' then call_flaws.unreadable_callbacks
            when 'unreadable_scores' then call_flaws.unreadable_scores
            when 'untimed_calls' then call_flaws.untimed_calls
            when 'missing_costs' then call_flaws.missing_costs
        end as flaw_count,
        case flaws.base
            when 'stored' then task_flaws.stored_tasks
            when 'tasks' then task_flaws.listed_tasks
            when 'calls' then call_flaws.call_count
            when 'dialed' then call_flaws.dialed_calls
            when 'telephone' then country_flaws.telephone_dials
            when 'connected' then call_flaws.connected_calls
            when 'completed' then call_flaws.completed_calls
            when 'callbacks' then call_flaws.callback_labels
            when 'scores' then call_flaws.success_labels
        end as base_count
    from (
        values
        (
            'rejected_values', 'none', 'Values or rows refused because they fit no column.',
            'Read meta.rejects; the payload is kept in raw.payloads.'
        ),
        (
            'deleted_tasks', 'stored', 'Tasks that a complete sweep no longer found; left out of all views.',
            'Nothing to do; they come back when the list contains them again.'
        ),
        (
            'late_changes', 'stored', 'Tasks that changed more than late_change_days after their creation.',
            'When many: sync --full more often, or widen the warm window.'
        ),
        (
            'unknown_types', 'tasks', 'Tasks without an execution type; they count as tasks, not as calls.',
            'Ask the platform; the list itself may fail on such rows.'
        ),
        (
            'unknown_statuses', 'tasks', 'Tasks whose status is missing or unknown.',
            'They count as other_tasks; report new values to the project.'
        ),
        (
            'missing_agents', 'tasks', 'Tasks without an agent.',
            'They are in rows whose agent is NULL; some endpoints do not send the agent.'
        ),
        (
            'missing_creations', 'tasks', 'Tasks whose creation is neither sent nor readable from the id.',
            'They are missing from views by date.'
        ),
        (
            'future_creations', 'tasks', 'Tasks created more than a day in the future.',
            'Check the clock of this machine, then that of the server.'
        ),
        (
            'unknown_runs', 'tasks', 'Tasks of a run that is in no list of runs.',
            'They count; sync --full may find the run.'
        ),
        (
            'missing_starts', 'dialed', 'Dialed calls without a start.',
            'They are missing from hours, and dated by the creation of their task.'
        ),
        (
            'negative_durations', 'calls', 'Calls that end before they start.',
            'Their duration is as sent or NULL; some voice paths mix local time and UTC.'
        ),
        (
            'missing_durations', 'connected', 'Connected calls without a duration.',
            'They are missing from the figures in seconds; see duration_count.'
        ),
        (
            'missing_transcripts', 'completed', 'Completed calls, not voicemail, without any message.',
            'They count as not connected; the transcript may come later or never.'
        ),
        (
            'missing_analyses', 'completed', 'Completed calls without post-call analysis.',
            'They have no outcome yet; syncs read them again.'
        ),
        (
            'missing_contacts', 'calls', 'Calls without a contact number.',
            'They are missing from contacts.'
        ),
        (
            'unknown_countries', 'telephone', 'Dialed calls whose contact''s country is not certain or not listed.',
            'compliance_findings cannot check their hours; send numbers with + and the country code.'
        ),
        (
            'completed_voicemails', 'completed', 'Calls sent as completed that reached a voicemail.',
            'Completed does not mean a conversation: use connect_rate.'
        ),
        (
            'verdicts_without_user', 'calls', 'Calls with an outcome that needs a user, although no user spoke.',
            'The label is not counted as interest; review the agent''s analysis prompt.'
        ),
        (
            'not_connected_with_user', 'connected', 'Calls labelled not connected in which the user spoke.',
            'They count as connected; review the agent''s analysis prompt.'
        ),
        (
            'unreadable_callbacks', 'callbacks', 'Callback times that cannot be read.',
            'They are missing from callbacks_due; read callback_label.'
        ),
        (
            'unreadable_scores', 'scores', 'Success evaluations that are words or lie outside their scale.',
            'They count in no score; read success_label.'
        ),
        (
            'untimed_calls', 'connected', 'Connected calls with messages that have no readable time.',
            'Their gaps are computed from the other messages; see timed_message_share.'
        ),
        (
            'missing_costs', 'dialed', 'Dialed calls whose cost is 0 or absent.',
            'Costs per call are too low by their share.'
        )
    ) as flaws (flaw, base, description, remedy)
    cross join task_flaws
    cross join call_flaws
    cross join country_flaws
    cross join reject_flaws
)

select
    -- keys
    flaw,

    -- measures
    flaw_count,
    base_count,
    flaw_count::double / nullif(base_count, 0) as flaw_rate,

    -- explanation
    description,
    remedy

from counted;

comment on view data_quality is
'One row per kind of flaw in the stored data: how often it occurs, what it means and what to do.';

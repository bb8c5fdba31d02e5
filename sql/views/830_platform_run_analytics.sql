-- One row per run: the platform's own arithmetic, digit for digit, to reconcile with its dashboard. Rates are percent.
create or replace view platform_run_analytics as

with counts as (
    select
        run_id,
        min(space_token) as space_token,
        count(*) as total_tasks,
        count(*) filter (where status = 'completed') as completed,
        count(*) filter (where status = 'failed') as failed,
        count(*) filter (where status = 'pending') as pending,
        count(*) filter (where status = 'in_progress') as in_progress,
        sum(retry_attempt)::bigint as total_retries,
        count(*) filter (where execution_type = 'call') as calls,
        count(*) filter (where execution_type = 'call' and platform_has_transcript) as transcript_available,
        -- added up one after the other in order of creation, as the platform does: binary sums depend on the order
        list_avg(
            list(platform_success_score order by created_at, task_id) filter (
                where execution_type = 'call'
                and platform_has_transcript
                and platform_success_score between 1 and 10
            )
        ) as mean_success_score,
        bool_or(coalesce(execution_type = 'call' and platform_gives_up, false)) as platform_gives_up
    from tasks
    where
        run_id is not null
        and deleted_at is null
    group by all
),

-- the first bucket that fits takes the call
call_buckets as (
    select
        run_id,
        case
            when platform_status in ('Interested', 'InterestedIn') then 'interested'
            when platform_status = 'Call Back' then 'call_back'
            when platform_status = 'Send Details' then 'send_details'
            when platform_status = 'Not Interested' then 'not_interested'
            when platform_status = 'Not Connected' then 'not_connected'
            when status = 'failed' then 'failed_calls'
            when platform_status in ('Error', 'Unknown') then 'failed_calls'
        end as bucket
    from tasks
    where
        execution_type = 'call'
        and run_id is not null
        and deleted_at is null
),

buckets as (
    select
        run_id,
        count(*) filter (where bucket = 'interested') as interested,
        count(*) filter (where bucket = 'call_back') as call_back,
        count(*) filter (where bucket = 'send_details') as send_details,
        count(*) filter (where bucket = 'not_interested') as not_interested,
        count(*) filter (where bucket = 'not_connected') as not_connected,
        count(*) filter (where bucket = 'failed_calls') as failed_calls
    from call_buckets
    group by all
),

-- spaces whose list counts no more than is stored: a row that once could not be read has come in
whole as (
    select space_token
    from sync_freshness
    where
        count_difference <= 0
        and space_token is not null
),

-- rows that the server cannot show, by their place in the list of their space, the oldest row being 0
unreadable as (
    select distinct
        regexp_extract(id, '^spaces/(.+)/tasks#([0-9]+)$', 1) as space_token,
        try_cast(regexp_extract(id, '^spaces/(.+)/tasks#([0-9]+)$', 2) as bigint) as place
    from meta.rejects
    where
        kind = 'task'
        and field = ''
        and regexp_matches(id, '^spaces/(.+)/tasks#([0-9]+)$')
        and regexp_extract(id, '^spaces/(.+)/tasks#([0-9]+)$', 1) not in (select whole.space_token from whole)
),

gaps as (
    select distinct
        space_token,
        place - row_number() over (partition by space_token order by place) + 1 as older_tasks
    from unreadable
),

listed as (
    select
        space_token,
        run_id,
        row_number() over (partition by space_token order by created_at, task_id) as place
    from tasks
    where
        deleted_at is null
        and space_token in (select space_token from unreadable)
),

-- beside tasks of one run it belongs to this run; between two runs it may belong to either
neighbours as (
    select
        gaps.space_token,
        gaps.older_tasks,
        min(listed.run_id) as one_run_id,
        max(listed.run_id) as other_run_id,
        count(listed.run_id) = count(*) and min(listed.run_id) = max(listed.run_id) as is_sure
    from gaps
    inner join listed
        on
            gaps.space_token = listed.space_token
            and listed.place between gaps.older_tasks and gaps.older_tasks + 1
    group by all
),

either as (
    select
        one_run_id as run_id,
        is_sure
    from neighbours
    union all
    select
        other_run_id as run_id,
        is_sure
    from neighbours
),

suspects as (
    select
        run_id,
        bool_or(is_sure) as is_sure
    from either
    group by all
)

-- printf rounds as Python does, half to even on the exact binary value; round() does not
select
    -- keys
    run_completion.run_id,
    run_completion.space_token,

    -- tasks
    coalesce(counts.total_tasks, 0) as total_tasks,
    coalesce(counts.completed, 0) as completed,
    coalesce(counts.failed, 0) as failed,
    coalesce(counts.pending, 0) as pending,
    coalesce(counts.in_progress, 0) as in_progress,
    coalesce(printf('%.2f', 100.0::double * counts.completed / counts.total_tasks)::double, 0) as success_rate,
    coalesce(
        printf('%.2f', 100.0::double * (counts.completed + counts.failed) / counts.total_tasks)::double, 0
    ) as completion_rate,
    case
        when counts.total_tasks is null then 0
        else printf('%.2f', counts.total_retries::double / counts.total_tasks)::double
    end as avg_retry_attempts,
    case when counts.total_tasks is null then 0 else counts.total_retries end as total_retries,

    -- calls
    coalesce(counts.calls, 0) as calls,
    coalesce(counts.transcript_available, 0) as transcript_available,
    coalesce(counts.calls - counts.transcript_available, 0) as no_transcript,
    coalesce(
        printf('%.2f', 100.0::double * counts.transcript_available / nullif(counts.calls, 0))::double, 0
    ) as transcript_rate,
    coalesce(printf('%.2f', counts.mean_success_score)::double, 0) as avg_success_score,

    -- buckets
    coalesce(buckets.interested, 0) as interested,
    coalesce(buckets.call_back, 0) as call_back,
    coalesce(buckets.send_details, 0) as send_details,
    coalesce(buckets.not_interested, 0) as not_interested,
    coalesce(buckets.not_connected, 0) as not_connected,
    coalesce(buckets.failed_calls, 0) as failed_calls,

    -- caveat
    case
        when counts.platform_gives_up or suspects.is_sure then true
        when suspects.run_id is null then false
    end as platform_gives_up

from run_completion
left join counts on run_completion.run_id = counts.run_id
left join suspects on run_completion.run_id = suspects.run_id
left join buckets on run_completion.run_id = buckets.run_id;

comment on view platform_run_analytics is
'One row per run: the platform''s own arithmetic, digit for digit, to reconcile with its dashboard. Rates are percent, '
'and 0 where there is nothing to divide by; for analysis use run_completion and call_funnel.';

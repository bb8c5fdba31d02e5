-- Our own state: loads, positions, refusals, metric definitions, settings.
-- The tables of main and raw follow from unpod_sync/tables.py.

create table meta.loads (
    load_id varchar,
    started_at timestamp,
    ended_at timestamp,
    status varchar,
    requests bigint,
    requests_planned bigint,
    tasks_read bigint,
    tasks_changed bigint,
    tasks_deleted bigint,
    error varchar,
    command varchar,
    version varchar
);

comment on table meta.loads is 'One row per sync (a load): when, how it ended, what it cost and changed.';
comment on column meta.loads.load_id is 'Key; rises with time.';
comment on column meta.loads.started_at is 'Start (UTC).';
comment on column meta.loads.ended_at is 'End (UTC); NULL while it runs, or when it was killed.';
comment on column meta.loads.status is 'running, done, partial, failed, interrupted or killed.';
comment on column meta.loads.requests is 'Requests sent, retries included.';
comment on column meta.loads.requests_planned is 'Requests the plan asked for.';
comment on column meta.loads.tasks_read is 'Task rows received.';
comment on column meta.loads.tasks_changed is 'Tasks written because they were new or had changed.';
comment on column meta.loads.tasks_deleted is 'Tasks that a complete sweep did not meet.';
comment on column meta.loads.error is 'What went wrong, without secrets.';
comment on column meta.loads.command is 'The command that made the load: sync, rebuild, …';
comment on column meta.loads.version is 'Version of unpod-sync.';

create table meta.bookmarks (
    resource varchar,
    space_token varchar,
    kind varchar,
    api_count bigint,
    known_count bigint,
    gaps_json varchar,
    sweep_started_at timestamp,
    sweep_remaining bigint,
    sweep_completed_at timestamp,
    warm_at timestamp,
    explained_gap bigint,
    last_synced_at timestamp,
    last_error varchar,
    state_json varchar
);

comment on table meta.bookmarks is 'One row per list of the API: how far it has been read and verified.';
comment on column meta.bookmarks.resource is 'The list, by its path; the key.';
comment on column meta.bookmarks.space_token is 'Space of the list, if it has one.';
comment on column meta.bookmarks.kind is 'What the list holds: task, run, execution, space or agent.';
comment on column meta.bookmarks.api_count is 'Rows the list has by its own count, when last read.';
comment on column meta.bookmarks.known_count is 'Rows of it that are known and not deleted.';
comment on column meta.bookmarks.gaps_json is 'Positions never read, counted from the oldest row: [[low, high], …].';
comment on column meta.bookmarks.sweep_started_at is 'Start of the sweep in progress (UTC).';
comment on column meta.bookmarks.sweep_remaining is 'Rows, from the oldest, that the sweep has yet to read, or NULL.';
comment on column meta.bookmarks.sweep_completed_at is 'End of the last complete sweep (UTC).';
comment on column meta.bookmarks.warm_at is 'When the warm window was last read (UTC).';
comment on column meta.bookmarks.explained_gap is 'By how much the count exceeds the rows that a whole reading finds.';
comment on column meta.bookmarks.last_synced_at is 'When the list was last read without failure (UTC).';
comment on column meta.bookmarks.last_error is 'Why the last reading failed; NULL when it did not.';
comment on column meta.bookmarks.state_json is 'Further findings about the list, as JSON text.';

create table meta.sweep_seen (
    resource varchar,
    id varchar
);

comment on table meta.sweep_seen is 'One row per object met by a sweep that takes several syncs.';
comment on column meta.sweep_seen.resource is 'The list.';
comment on column meta.sweep_seen.id is 'Key of the object.';

create table meta.rejects (
    load_id varchar,
    kind varchar,
    id varchar,
    field varchar,
    value_text varchar,
    reason varchar
);

comment on table meta.rejects is 'One row per value or row that fits no typed column; the payload keeps it.';
comment on column meta.rejects.load_id is 'The load that met it.';
comment on column meta.rejects.kind is 'space, agent, run, task or execution.';
comment on column meta.rejects.id is 'Key of the object; empty when the row has none.';
comment on column meta.rejects.field is 'The column that stayed NULL; empty when the whole row was refused.';
comment on column meta.rejects.value_text is 'The value as text, shortened.';
comment on column meta.rejects.reason is 'Why it was refused.';

create table meta.metrics (
    name varchar,
    view_name varchar,
    column_name varchar,
    definition varchar,
    source_fields varchar,
    caveat varchar
);

comment on table meta.metrics is 'One row per metric: its exact definition.';
comment on column meta.metrics.name is 'Name of the metric.';
comment on column meta.metrics.view_name is 'View it stands in.';
comment on column meta.metrics.column_name is 'Column it stands in.';
comment on column meta.metrics.definition is 'How it is computed.';
comment on column meta.metrics.source_fields is 'API fields it comes from.';
comment on column meta.metrics.caveat is 'What to keep in mind, thresholds included.';

create table meta.settings (
    name varchar,
    value varchar,
    comment varchar
);

comment on table meta.settings is 'One row per threshold or fact that views read.';
comment on column meta.settings.name is 'Name; the key.';
comment on column meta.settings.value is 'Value as text.';
comment on column meta.settings.comment is 'What it means.';

create table meta.revision (
    revision bigint
);

comment on table meta.revision is 'One row: rises with every change of content, so that a stale file is known.';
comment on column meta.revision.revision is 'Number of changing batches so far.';

insert into meta.revision values (0);

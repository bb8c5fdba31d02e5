"""The tables and their columns: the one place where a column is added.

A column is one line: name, SQL type, catalogue comment, where it is read from and how it is compressed.
DDL, Arrow schema, catalogue comments and the documentation follow from it. A new column appears in
existing files at the next sync and is filled by `unpod-sync rebuild`.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

ARROW_TYPES = {
    "VARCHAR": pa.string(),
    "BIGINT": pa.int64(),
    "DOUBLE": pa.float64(),
    "BOOLEAN": pa.bool_(),
    "DATE": pa.date32(),
    "TIMESTAMP": pa.timestamp("us"),
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `origin` is payload (flattened), record (from the request) or sync (our own).

    `read` is the dotted path of the value in the payload, or several between bars, of which the first
    with a value counts; `type` decides the conversion, and `is_label` folds a text to snake case. A
    payload column without `read` is computed by a function in `flatten.COMPUTED_COLUMNS`.
    `compression` of text: zstd where it is long or repetitive inside one value (a third of FSST's size),
    fsst where nearly every row differs, dictionary where few words recur. Without it DuckDB tries every
    method on every row group: a fifth of the cost of writing.
    """

    name: str
    type: str
    comment: str
    origin: str = "payload"
    read: str = ""
    is_label: bool = False
    versioned: bool = True
    compression: str = ""

    @property
    def paths(self) -> list[str]:
        """The paths of `read`."""
        return self.read.split("|") if self.read else []


@dataclass(frozen=True, slots=True)
class Table:
    """One table: qualified name, comment (grain first), key and columns.

    `other_fields` are the top-level payload fields that are known, beside those in `read`.
    """

    name: str
    comment: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    other_fields: str = ""

    @property
    def known_fields(self) -> frozenset[str]:
        """The top-level payload fields that the API is known to send."""
        read = (path.partition(".")[0] for column in self.columns for path in column.paths)
        return frozenset([*read, *self.other_fields.split()])

    def arrow_schema(self, *origins: str) -> pa.Schema:
        """The Arrow schema of the columns of these origins (all when none is given)."""
        chosen = [c for c in self.columns if not origins or c.origin in origins]
        return pa.schema([(c.name, ARROW_TYPES[c.type]) for c in chosen])


# fmt: off

#: The columns of our own that every table of objects has.
_SYNC = (
    Column("content_hash", "VARCHAR", "Hash of the object as received last; a new one alone is no change, since keys may come in another order.", "sync", compression="fsst"),
    Column("first_seen_at", "TIMESTAMP", "When a sync first found it (UTC).", "sync", versioned=False),
    Column("changed_at", "TIMESTAMP", "When a sync last found its content changed (UTC).", "sync", versioned=False),
    Column("deleted_at", "TIMESTAMP", "When a complete sweep no longer found it (UTC); NULL while the API lists it.", "sync", versioned=False),
    Column("load_id", "VARCHAR", "The load that wrote this row (meta.loads).", "sync", versioned=False, compression="dictionary"),
    Column("batch_id", "BIGINT", "The write batch of this row; internal, it keeps merges local.", "sync", versioned=False),
    Column("payload_keys", "VARCHAR", "Top-level keys of the stored payload, sorted; internal, shows when a response lacks one.", "sync", versioned=False, compression="dictionary"),
    Column("answer_order", "BIGINT", "Position of the response within its load; internal, it orders copies of one object.", "sync", versioned=False),
)

SPACES = Table(
    "main.spaces",
    "One row per space the token can see.",
    ("space_token",),
    (
        Column("space_token", "VARCHAR", "Public token of the space; the key.", "record", compression="dictionary"),
        Column("space_id", "VARCHAR", "The API's own number or id of the space.", read="id|space_id|_id"),
        Column("space_name", "VARCHAR", "Name of the space.", read="name|space_name"),
        Column("slug", "VARCHAR", "Slug, in older API versions.", read="slug"),
        Column("description", "VARCHAR", "Description, in older API versions.", read="description"),
        Column("agent_handle", "VARCHAR", "Handle of the space's agent, when listed.", read="agent_handle|agent.handle", compression="dictionary"),
        Column("space_type", "VARCHAR", "Type of the space, in older API versions.", read="space_type"),
        Column("content_type", "VARCHAR", "Content type; only contact spaces hold calls.", read="content_type"),
        Column("organization_handle", "VARCHAR", "Domain handle of the organisation, when nested.", read="organization.domain_handle|organization_handle|org_handle"),
        Column("created_at", "TIMESTAMP", "Creation (UTC).", read="created_at|created"),
        *_SYNC,
    ),
    other_fields="name token logo privacy_type",
)

AGENTS = Table(
    "main.agents",
    "One row per agent the token can see.",
    ("agent_handle",),
    (
        Column("agent_handle", "VARCHAR", "Unique handle of the agent; the key.", "record", compression="dictionary"),
        Column("agent_name", "VARCHAR", "Name of the agent.", read="name"),
        Column("agent_type", "VARCHAR", "Type, as sent.", read="type|agent_type"),
        Column("state", "VARCHAR", "State, as sent.", read="state"),
        Column("purpose", "VARCHAR", "Purpose, or description in older API versions.", read="purpose|description"),
        Column("created_at", "TIMESTAMP", "Creation (UTC), when sent.", read="created_at|created"),
        *_SYNC,
    ),
    other_fields="handle",
)

RUNS = Table(
    "main.runs",
    "One row per run: a batch of tasks in a space.",
    ("run_id",),
    (
        Column("run_id", "VARCHAR", "Unique run identifier; the key.", "record", compression="dictionary"),
        Column("space_token", "VARCHAR", "Space whose list contains the run.", "record", compression="dictionary"),
        Column("collection_ref", "VARCHAR", "Reference to the contact collection.", read="collection_ref"),
        Column("run_mode", "VARCHAR", "Execution engine or mode, as sent.", read="run_mode", compression="dictionary"),
        Column("status", "VARCHAR", "Run status, lower case with underscores.", read="status", is_label=True, compression="dictionary"),
        Column("status_label", "VARCHAR", "Run status as sent.", read="status", compression="dictionary"),
        Column("batch_count", "BIGINT", "Number of batches, when sent.", read="batch_count"),
        Column("thread_id", "VARCHAR", "Thread, when sent.", read="thread_id", compression="fsst"),
        Column("created_at", "TIMESTAMP", "Creation (UTC); from the id when missing or unreadable."),
        Column("modified_at", "TIMESTAMP", "Modification time sent by the server (UTC); unreliable.", read="modified|modified_at"),
        *_SYNC,
    ),
    other_fields="_id id run_id space_id user user_org_id owner_type analytics call_analytics created",
)

TASKS = Table(
    "main.tasks",
    "One row per task, in its latest version.",
    ("task_id",),
    (
        Column("task_id", "VARCHAR", "Unique task identifier; the key.", "record", compression="dictionary"),
        Column("space_token", "VARCHAR", "Space whose list contains the task.", "record", compression="dictionary"),
        Column("document_id", "VARCHAR", "Internal document id (_id or id).", read="_id|id", compression="fsst"),
        Column("run_id", "VARCHAR", "Run the task belongs to; may be an old run.", read="run_id", compression="dictionary"),
        Column("thread_id", "VARCHAR", "Thread identifier.", read="thread_id", compression="fsst"),
        Column("agent_handle", "VARCHAR", "Agent the task is assigned to (the API's assignee).", read="assignee|agent_handle", compression="dictionary"),
        Column("status", "VARCHAR", "Task status, lower case with underscores; may go backwards.", read="status", is_label=True, compression="dictionary"),
        Column("status_label", "VARCHAR", "Task status as sent.", read="status", compression="dictionary"),
        Column("execution_type", "VARCHAR", "call, email, answer, …, lower case with underscores.", read="execution_type", is_label=True, compression="dictionary"),
        Column("run_mode", "VARCHAR", "Execution mode as sent: dev, prod, …", read="run_mode", compression="dictionary"),
        Column("ref_id", "VARCHAR", "Reference to the contact document.", read="ref_id"),
        Column("objective", "VARCHAR", "What the agent was asked to do.", read="task.objective", versioned=False),
        Column("contact_name", "VARCHAR", "Contact's name, from input, else from output.", compression="fsst"),
        Column("contact_number", "VARCHAR", "Contact's number as text: input, else output number, else customer.", compression="fsst"),
        Column("contact_key", "VARCHAR", "Contact number normalised to digits, with the country code where it is known; groups spellings of one number. Depends on the configured time zone: a national number of ten digits takes that zone's country.", compression="fsst"),
        Column("contact_email", "VARCHAR", "Contact's e-mail address.", read="input.email|input.email_address|input.contact_email", compression="fsst"),
        Column("user_email", "VARCHAR", "E-mail address of the user who owns the task.", read="user_info.email", compression="dictionary"),
        Column("user_full_name", "VARCHAR", "Name of the user who owns the task.", read="user_info.full_name|user_info.name", compression="dictionary"),
        Column("retry_attempt", "BIGINT", "Retry counter as sent.", read="retry_attempt"),
        Column("failure_count", "BIGINT", "Failure counter as sent.", read="failure_count"),
        Column("last_failure_reason", "VARCHAR", "Last failure as sent.", read="last_failure_reason"),
        Column("last_status_change_at", "TIMESTAMP", "Last status change as sent (UTC); known to be unreliable.", read="last_status_change"),
        Column("scheduled_at", "TIMESTAMP", "When the task is scheduled for (UTC).", read="scheduled_timestamp|output.scheduled_time"),
        Column("created_at", "TIMESTAMP", "Creation (UTC); from the task id when missing or unreadable."),
        Column("modified_at", "TIMESTAMP", "Modification time sent by the server (UTC); unreliable.", read="modified|modified_at"),
        Column("call_id", "VARCHAR", "Call identifier.", read="output.call_id|output.id", compression="fsst"),
        Column("call_type", "VARCHAR", "inbound, outbound, sdk, …: normalised from output, metadata or input.", compression="dictionary"),
        Column("call_type_label", "VARCHAR", "Call type as sent.", compression="dictionary"),
        Column("call_status", "VARCHAR", "Call status, lower case with underscores (not_connected, voicemail, …).", compression="dictionary"),
        Column("call_status_label", "VARCHAR", "Call status as sent.", compression="dictionary"),
        Column("call_end_reason", "VARCHAR", "Why the call ended, as sent.", read="output.call_end_reason|output.endedReason", compression="dictionary"),
        Column("started_at", "TIMESTAMP", "Start of the call (UTC).", read="output.start_time|output.startedAt"),
        Column("ended_at", "TIMESTAMP", "End of the call (UTC).", read="output.end_time|output.endedAt"),
        Column("duration_seconds", "DOUBLE", "Call duration: as sent when plausible, else ended_at - started_at, else NULL."),
        Column("caller_number", "VARCHAR", "Number of the agent: the one that an outbound call is made from (output.assistant_number), as sent.", read="output.assistant_number", compression="dictionary"),
        Column("recording_url", "VARCHAR", "Recording.", read="output.recording_url|output.recordingUrl"),
        Column("cost", "DOUBLE", "Cost as sent (output, else metadata)."),
        Column("error_message", "VARCHAR", "Error of the call (output.error)."),
        Column("output_message", "VARCHAR", "Message or text data of the output (stubs, recoveries, e-mail)."),
        Column("summary", "VARCHAR", "Summary of the call.", versioned=False, compression="zstd"),
        Column("outcome", "VARCHAR", "Outcome, normalised: interested, call_back, send_details, not_interested, not_connected, abandoned, dropped, error, other; NULL when none was sent. The label Connected is other: it means that the call connected, and gives no result.", compression="dictionary"),
        Column("outcome_label", "VARCHAR", "Outcome as sent: summary status, else outcome, else profile outcome.", compression="dictionary"),
        Column("sentiment", "VARCHAR", "Sentiment as sent, folded to lower case.", compression="dictionary"),
        Column("success_score", "DOUBLE", "success_evaluator as a number, when it is one or can be read as one (8/10 is 8, 80% is 80)."),
        Column("success_score_scale", "DOUBLE", "Scale given by the evaluator: 10 for 8/10, 100 for 80%; NULL when it gives none."),
        Column("success_label", "VARCHAR", "success_evaluator as sent, as text.", compression="dictionary"),
        Column("callback_at", "TIMESTAMP", "Time at which the contact asked to be called back (UTC), when it can be read; a time sent without a zone is in the configured time zone."),
        Column("callback_label", "VARCHAR", "Callback time as sent."),
        Column("labels", "VARCHAR", "Classification labels, comma-separated.", compression="dictionary"),
        Column("redial_count", "BIGINT", "Instant redials of this task (input.redial_count).", read="input.redial_count"),
        Column("referenced_task_id", "VARCHAR", "Task that this one follows up (output.referenced_task)."),
        Column("has_analysis", "BOOLEAN", "Whether there is a post-call analysis with content."),
        Column("is_dialed", "BOOLEAN", "started_at or call_end_reason is known, or the output carries an error of the call, or is_voicemail."),
        Column("is_voicemail", "BOOLEAN", "Call status is voicemail, or end reason, error or message contains voicemail."),
        Column("message_count", "BIGINT", "Messages in the transcript; NULL when there is no transcript field to read."),
        Column("user_message_count", "BIGINT", "Messages of role user; NULL like message_count."),
        Column("agent_message_count", "BIGINT", "Messages of role agent."),
        Column("turn_count", "BIGINT", "Changes of speaker between agent and user, plus one; 0 without such messages."),
        Column("user_turn_count", "BIGINT", "Turns of the user: consecutive messages of the user are one turn; messages of other roles than agent and user do not end it. NULL like message_count.", versioned=False),
        Column("user_characters", "BIGINT", "Characters said by the user."),
        Column("agent_characters", "BIGINT", "Characters said by the agent."),
        Column("reply_gap_p50_seconds", "DOUBLE", "Median time between a message and the next one of the other side; negative gaps dropped."),
        Column("longest_gap_seconds", "DOUBLE", "Longest time between two consecutive messages; negative gaps dropped."),
        Column("timed_message_count", "BIGINT", "Messages with a readable time: the coverage of the two gaps."),
        Column("platform_status", "VARCHAR", "post_call_data.summary.status exactly as sent: the value that the platform's analytics uses. Unknown where it is missing, as the platform reads it; NULL where it is null or not text.", compression="dictionary"),
        Column("platform_has_transcript", "BOOLEAN", "Transcript is a non-empty list or text: the platform's transcript_available."),
        Column("platform_success_score", "DOUBLE", "success_evaluator, when truthy and readable as a float by the platform's rule; any range."),
        Column("platform_gives_up", "BOOLEAN", "post_call_data or its summary is present but not an object (null, text, list): the platform stops calculating the run."),
        Column("created_local_date", "DATE", "Creation date in the configured time zone."),
        Column("started_local_at", "TIMESTAMP", "Start of the call in the configured time zone, in whole seconds.", versioned=False),
        Column("started_local_date", "DATE", "Date of the call's start in the configured time zone."),
        Column("started_local_hour", "BIGINT", "Hour of the call's start (0-23) in the configured time zone."),
        Column("started_local_weekday", "BIGINT", "Weekday of the call's start in the configured time zone: 1 Monday to 7 Sunday."),
        Column("input_json", "VARCHAR", "Input contact as JSON text, without credentials.", versioned=False, compression="zstd"),
        Column("post_call_json", "VARCHAR", "Post-call analysis as JSON text.", versioned=False, compression="zstd"),
        Column("structured_data_json", "VARCHAR", "structured_data as JSON text of an object; broken text as sent.", versioned=False, compression="zstd"),
        *_SYNC,
    ),
    other_fields="task_id space_id user user_org_id input output attachments collection_ref provider created",
)

MESSAGES = Table(
    "main.transcript_messages",
    "One row per message of a task's latest version.",
    ("task_id", "position"),
    (
        Column("task_id", "VARCHAR", "Task of the message.", compression="dictionary"),
        Column("position", "BIGINT", "Position in the transcript, from 0."),
        Column("role", "VARCHAR", "agent, user, system or tool; other roles folded to lower case.", compression="dictionary"),
        Column("role_label", "VARCHAR", "Role as sent.", compression="dictionary"),
        Column("content", "VARCHAR", "What was said; for events, their message.", compression="zstd"),
        Column("sent_at", "TIMESTAMP", "Time of the message (UTC), when it can be read."),
        Column("extra_json", "VARCHAR", "Every other field of the message, as JSON text.", compression="zstd"),
        Column("batch_id", "BIGINT", "The write batch of this row; internal, it keeps merges local.", "sync"),
    ),
)

EXECUTIONS = Table(
    "main.executions",
    "One row per run of an agent, with the counts of the agent's executions list.",
    ("agent_handle", "run_id"),
    (
        Column("agent_handle", "VARCHAR", "Agent of the list.", "record", compression="dictionary"),
        Column("run_id", "VARCHAR", "Run.", compression="dictionary"),
        Column("status", "VARCHAR", "Status, lower case with underscores.", read="status", is_label=True, compression="dictionary"),
        Column("total_tasks", "BIGINT", "Number of tasks that the endpoint reports.", read="total_tasks"),
        Column("completed_tasks", "BIGINT", "Number of completed tasks that the endpoint reports.", read="completed_tasks"),
        Column("created_at", "TIMESTAMP", "Creation (UTC).", read="created|created_at"),
        *_SYNC,
    ),
    other_fields="run_id modified",
)

TASK_VERSIONS = Table(
    "main.task_versions",
    "One row per version of a task that a sync has seen.",
    ("task_id", "modified_at", "content_hash"),
    (
        *(c for c in TASKS.columns if c.versioned),
        Column("observed_at", "TIMESTAMP", "When a sync first saw this version (UTC).", "sync"),
        Column("load_id", "VARCHAR", "The load that first saw it.", "sync", compression="dictionary"),
        Column("batch_id", "BIGINT", "The write batch of this row; internal.", "sync"),
    ),
)

PAYLOADS = Table(
    "raw.payloads",
    "One row per object: the latest payload as received, without credentials.",
    ("kind", "id"),
    (
        Column("kind", "VARCHAR", "space, agent, run, task or execution.", compression="dictionary"),
        Column("id", "VARCHAR", "Key of the object; agent_handle/run_id for an execution.", compression="fsst"),
        Column("space_token", "VARCHAR", "Space whose list contained it; NULL for agents and executions.", compression="dictionary"),
        Column("payload_json", "VARCHAR", "The object as JSON text, as received, without credentials.", compression="zstd"),
        Column("content_hash", "VARCHAR", "Hash of the object as received last.", compression="fsst"),
        Column("observed_at", "TIMESTAMP", "When this content was first received (UTC)."),
        Column("batch_id", "BIGINT", "The write batch of this row; internal."),
    ),
)

# fmt: on

TABLES = (SPACES, AGENTS, RUNS, TASKS, TASK_VERSIONS, MESSAGES, EXECUTIONS, PAYLOADS)
BY_KIND = {"space": SPACES, "agent": AGENTS, "run": RUNS, "task": TASKS, "execution": EXECUTIONS}

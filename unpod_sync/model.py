"""The few types that travel between modules."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote, unquote

if TYPE_CHECKING:
    import pyarrow as pa

API_ROOT = "/api/v2/platform/"

#: What stands for the id of a task that is not stored because its contact was forgotten, before its hash.
SUPPRESSED_PREFIX = "forgotten:"

LEAST_TOKEN = 16

#: Statuses after which a task's run is over (sql/README.md, `is_terminal`); it may be redialled all the same.
TERMINAL_STATUSES = frozenset({"completed", "failed", "partially_completed"})


#: Kinds whose lists show what there is. They are not paged, and may want a login where an API token is refused (401).
LISTINGS = frozenset({"organization", "space", "agent"})


#: A row that names no key of its own is stored under this and a hash; the API knows no such thing.
UNKEYED = "unkeyed:"

_PLAUSIBLE = re.compile(r"[\w-][\w.~@+:-]{0,199}")


def is_plausible_id(text: str | None) -> bool:
    """Whether a text can be a space token, run id or agent handle: no white space, slash or markup, not our own stand-in.

    Settings, listings and payloads name them, and each becomes one segment of a path.
    """
    return text is not None and not text.startswith(UNKEYED) and _PLAUSIBLE.fullmatch(text) is not None


def _segment(text: str) -> str:
    """`text` as one segment of a path: every reserved character, and each dot of a segment of dots, is encoded."""
    encoded = quote(text, safe="")
    return encoded.replace(".", "%2E") if not encoded.strip(".") else encoded


@dataclass(frozen=True, slots=True)
class Resource:
    """One list of the API.

    `kind` is what its rows are (organization, space, agent, run, task, execution);
    `path` is relative to `API_ROOT`, percent-encoded, and ends in a slash.
    """

    kind: str
    path: str
    space_token: str | None = None
    agent_handle: str | None = None

    @property
    def name(self) -> str:
        """A stable key for bookmarks and logs, e.g. `spaces/8KZ/tasks`."""
        return unquote(self.path.rstrip("/"))

    @property
    def owner(self) -> str | None:
        """The space or agent whose list it is; None for a listing."""
        return self.space_token or self.agent_handle

    @property
    def is_listing(self) -> bool:
        """Whether the list shows what there is: organisations, spaces or agents."""
        return self.kind in LISTINGS


ORGANIZATIONS = Resource("organization", "organizations/")
SPACES = Resource("space", "spaces/")
AGENTS = Resource("agent", "agents/")


def space_tasks(space_token: str) -> Resource:
    """All tasks of a space, newest first."""
    return Resource("task", f"spaces/{_segment(space_token)}/tasks/", space_token=space_token)


def space_runs(space_token: str) -> Resource:
    """All runs of a space, newest first."""
    return Resource("run", f"spaces/{_segment(space_token)}/runs/", space_token=space_token)


def agent_executions(agent_handle: str) -> Resource:
    """The runs of an agent as its executions list counts them."""
    return Resource("execution", f"agents/{_segment(agent_handle)}/executions/", agent_handle=agent_handle)


def decode_json(text: str | bytes) -> Any:
    """The value of a JSON text, with integers of any size. Raises ValueError."""
    import msgspec  # settings, too, import this module

    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError):
        return json.loads(text)  # accepts lone surrogates, NaN, and numbers that no double holds


@dataclass(frozen=True, slots=True)
class Page:
    """One answered page: the rows as JSON texts, as they stand in the answer, in the server's order.

    `count` is the server's claim of how many rows the whole list has, None when it made none.
    `bytes` is the size of the answer. `sequence` rises with the time the answer was complete, so that copies can be ordered.
    """

    resource: Resource
    number: int
    size: int
    rows: list[bytes]
    count: int | None
    sequence: int = 0
    server_time: datetime | None = None
    bytes: int = 0

    @property
    def values(self) -> list[Any]:
        """The rows decoded."""
        return [decode_json(row) for row in self.rows]


@dataclass(frozen=True, slots=True)
class Record:
    """One object of the API, less its secrets, with its key and the hash of its payload.

    `payload` is the object as JSON in UTF-8, as it came. Objects of different hashes may still have the same
    content: key order and white space are no change (`records.has_same_content`). `keys` are the object's own.
    """

    kind: str
    id: str
    space_token: str | None
    agent_handle: str | None
    payload: bytes
    content_hash: str
    keys: tuple[str, ...]
    sequence: int = 0

    @property
    def value(self) -> Mapping[str, Any]:
        """The object, decoded at each call."""
        return cast("Mapping[str, Any]", decode_json(self.payload))


@dataclass(frozen=True, slots=True)
class Reject:
    """A value or row that fits no typed column; the payload keeps it, this says where and why."""

    kind: str
    id: str
    field: str
    value_text: str
    reason: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """A forgotten contact's task: not stored, but counted, since the API goes on listing it.

    `hash` stands for its id, `because` for the contact; space and run are where the API counts it.
    """

    hash: str
    because: str
    space_token: str | None
    run_id: str | None
    created_at: datetime | None


@dataclass(frozen=True, slots=True)
class Flat:
    """What flattening records of one kind gives.

    `rows`: one row per record, in the records' order, with the payload columns of the kind's
    table. `messages`: the transcript messages of task records (else None). `rejects`: refusals.
    """

    rows: pa.Table
    messages: pa.Table | None = None
    rejects: list[Reject] = field(default_factory=list)

"""Which spaces and agents a sync reads: those the user names, else those that the listings show."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from unpod_sync.errors import AccessError, ConfigurationError
from unpod_sync.model import is_plausible_id, space_tasks
from unpod_sync.suggest import Named, find_keys, name_hint

if TYPE_CHECKING:
    import duckdb

    from unpod_sync.sync.progress import ListProgress

NO_AGENT = "unknown"
"""What the API writes as the assignee of a task that no agent has."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A space token or agent handle to read, with what its lists may do (see `ListProgress`)."""

    id: str
    optional: bool = False
    listed: bool = False


@dataclass(frozen=True, slots=True)
class KnownSpace:
    """A space that is stored or was read. `is_listed`: the listing shows it."""

    token: str
    name: str
    slug: str
    content_type: str
    is_listed: bool

    @property
    def label(self) -> str:
        """Name and token for people."""
        return f"{self.name} ({self.token})" if self.name else self.token


def known_spaces(connection: duckdb.DuckDBPyConnection) -> list[KnownSpace]:
    """Every space that was listed or read, in the order of the tokens; a name that no answer confirmed is none."""
    rows = connection.execute(
        "select space_token, coalesce(space_name, ''), coalesce(slug, ''), coalesce(content_type, ''),"
        " deleted_at is null from main.spaces union all"
        " select distinct space_token, '', '', '', false from meta.bookmarks"
        " where space_token is not null and api_count is not null"
        " and space_token not in (select space_token from main.spaces) order by 1"
    ).fetchall()
    return [KnownSpace(*row) for row in rows]


def listed_spaces(known: Iterable[KnownSpace]) -> list[Choice]:
    """The listed spaces. Only contact spaces hold calls: others may refuse their tasks."""
    return [
        Choice(space.token, "contact" not in (space.content_type or "contact").lower(), listed=True)
        for space in known
        if space.is_listed and is_plausible_id(space.token)
    ]


def named_spaces(
    wanted: Sequence[str], known: Sequence[KnownSpace], *, configured: Sequence[str], has_listing: bool
) -> list[Choice]:
    """The spaces that the user names by token, name or slug, in any case.

    A token in the configuration is accepted. One given for this sync alone must be known: from the
    listing, from earlier syncs, or from the configuration; where none of these has any space, it is
    accepted, too. Raises `ConfigurationError` with the nearest name.
    """
    found: dict[str, None] = {}
    for word in wanted:
        matches = find_keys(word, map(_names, known))
        if len(matches) > 1:
            tokens = ", ".join(matches)
            raise ConfigurationError(f"{word} is the name of {len(matches)} spaces", f"Name one of {tokens}.")
        same = next((token for token in configured if token.lower() == word.lower()), None)
        is_believed = same is not None or not (has_listing or known or configured)
        if matches:
            found[matches[0]] = None
        elif is_believed and is_plausible_id(same or word):
            found[same or word] = None
        else:
            raise _unknown(word, known, configured)
    return [Choice(token) for token in found]


def _unknown(word: str, known: Sequence[KnownSpace], configured: Sequence[str]) -> ConfigurationError:
    names = [_names(space) for space in known]
    names += [(token,) for token in configured if token != word and not find_keys(token, names)]
    if names:
        hint = name_hint(word, names)
    else:
        hint = "The API shows this token no listing: name the space by its token."
    return ConfigurationError(f"there is no space {word!r}", hint)


def unknown_names(lists: Iterable[ListProgress], known: Sequence[KnownSpace]) -> list[str]:
    """Failures for configured names that the listing does not show, and that the API has refused as a token."""
    tokens = {space.token for space in known}
    refused = [
        progress.resource.owner or ""
        for progress in lists
        if progress.resource.kind == "task"
        and not progress.listed
        and isinstance(progress.error, AccessError)
    ]
    return [
        f"the listing shows no space {word!r} (check UNPOD_SPACES). {name_hint(word, map(_names, known))}"
        for word in refused
        if word not in tokens
    ]


def drop_unread(connection: duckdb.DuckDBPyConnection, lists: Iterable[ListProgress]) -> None:
    """Deletes the bookmarks of spaces' lists that were never read, and that are not among `lists` any more.

    A misspelt name has left them: their error would be shown for ever.
    """
    dropped = connection.execute(
        "delete from meta.bookmarks where space_token is not null and api_count is null"
        " and not list_contains(?, resource) returning resource",
        [[progress.resource.name for progress in lists]],
    ).fetchall()
    if dropped:
        connection.execute("update meta.revision set revision = revision + 1")


def _names(space: KnownSpace) -> Named:
    return space.token, space.name, space.slug


def note_unlisted(
    connection: duckdb.DuckDBPyConnection, before: Iterable[KnownSpace], after: Iterable[KnownSpace]
) -> list[str]:
    """Notes for spaces that the listing no longer shows; their bookmarks keep it as their error.

    Nothing of them is deleted: a narrowed token, or an answer that lacks a space, proves nothing.
    """
    still = {space.token for space in after if space.is_listed}
    gone = [space for space in before if space.is_listed and space.token not in still]
    for space in gone:
        connection.execute(
            "update meta.bookmarks set last_error = ? where resource = ?",
            ["the API's listing does not show this space any more", space_tasks(space.token).name],
        )
    return [
        f"space {space.label}: the API's listing does not show it any more; its rows are kept and stay as they are"
        for space in gone
    ]


def named_agents(wanted: Sequence[str]) -> list[Choice]:
    """The agents that the user names. Raises `ConfigurationError` for what can be no handle."""
    for handle in wanted:
        if not is_plausible_id(handle):
            raise ConfigurationError(
                f"{handle!r} can be no agent's handle", "Check --agent and UNPOD_AGENTS."
            )
    return [Choice(handle) for handle in dict.fromkeys(wanted)]


def known_agents(connection: duckdb.DuckDBPyConnection) -> list[Choice]:
    """Agents that are listed, and those that only tasks name: these may be unknown to the API."""
    rows = connection.execute(
        "select agent_handle, false from main.agents where deleted_at is null union all"
        " select distinct agent_handle, true from main.tasks where agent_handle is not null and deleted_at is null"
        " and agent_handle not in (select agent_handle from main.agents) order by all"
    ).fetchall()
    return [
        Choice(handle, bool(is_optional), listed=True)
        for handle, is_optional in rows
        if is_plausible_id(handle) and handle.lower() != NO_AGENT
    ]

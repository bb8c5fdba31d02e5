"""Which lists a load reads, and in which order."""

from __future__ import annotations

from datetime import datetime

from unpod_sync.errors import AccessError
from unpod_sync.model import AGENTS, SPACES, agent_executions, space_runs, space_tasks
from unpod_sync.sync.context import Context
from unpod_sync.sync.extract import ENOUGH_REQUESTS, Extractor
from unpod_sync.sync.progress import ListProgress
from unpod_sync.sync.selection import (
    Choice,
    KnownSpace,
    known_agents,
    known_spaces,
    listed_spaces,
    named_agents,
    named_spaces,
    note_unlisted,
)
from unpod_sync.warehouse.merge import EARLIEST


def open_listings(context: Context, extractor: Extractor) -> list[ListProgress]:
    """The listings of spaces and of agents, in this order."""
    spaces = extractor.open([SPACES], optional=bool(context.settings.spaces))
    return spaces + extractor.open([AGENTS], optional=True)


def are_postponed(context: Context, listings: list[ListProgress]) -> bool:
    """Whether the listings wait like other lists: else a small budget would be spent on them at each sync."""
    left = context.client.requests_left
    return left is not None and left < ENOUGH_REQUESTS and listings[0].state.count is not None


def open_lists_of_spaces(
    context: Context, extractor: Extractor, listing: ListProgress, before: list[KnownSpace]
) -> list[ListProgress]:
    """The task and run lists of the spaces to read. `before`: the spaces known before the listing was read."""
    return [
        progress
        for space in _spaces(context, extractor, listing, before)
        for progress in extractor.open(
            [space_tasks(space.id), space_runs(space.id)], optional=space.optional, listed=space.listed
        )
    ]


def open_executions(context: Context, extractor: Extractor) -> list[ListProgress]:
    """The executions lists of the agents named, else of those known by now."""
    wanted = context.settings.agents
    agents = named_agents(wanted) if wanted else known_agents(extractor.warehouse.connection)
    return [
        progress
        for agent in agents
        for progress in extractor.open(
            [agent_executions(agent.id)], optional=agent.optional, listed=agent.listed
        )
    ]


def in_turns(context: Context, extractor: Extractor, lists: list[ListProgress]) -> list[list[ListProgress]]:
    """The lists of spaces at once, or one list after the other while a budget is scarce, executions among them.

    A budget spent on the first pages of all lists would be spent on the same ones every time. Lists
    with rows never read come first, then those whose last attempt is longest ago.
    """
    left = context.client.requests_left
    executions = [] if left is None else open_executions(context, extractor)
    if left is None or left >= ENOUGH_REQUESTS * len(lists + executions):
        return [lists]

    def turn(progress: ListProgress) -> tuple[bool, datetime]:
        state = progress.state
        return state.count is not None and not state.unread_ranges, state.last_attempt_at or EARLIEST

    return [[progress] for progress in sorted(lists + executions, key=turn)]


def _spaces(
    context: Context, extractor: Extractor, listing: ListProgress, before: list[KnownSpace]
) -> list[Choice]:
    """The spaces to read: those named, else those listed."""
    settings, connection = context.settings, extractor.warehouse.connection
    has_listing = extractor.may_go_on(listing)
    known = known_spaces(connection)
    if settings.spaces:
        configured = settings.spaces if context.options.configured is None else context.options.configured
        return named_spaces(settings.spaces, known, configured=configured, has_listing=has_listing)
    if has_listing and not any(space.is_listed for space in known):
        extractor.reread(listing, [1])  # everything depends on this one answer
        known = known_spaces(connection)
    extractor.findings.failures += note_unlisted(connection, before, known)
    spaces = listed_spaces(known)
    if not spaces:
        raise listing.error or AccessError(
            "the API lists no space for this token and organisation",
            "Check UNPOD_ORG_HANDLE and the token's rights, or set UNPOD_SPACES to the token of a space.",
        )
    return spaces

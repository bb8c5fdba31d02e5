"""The API: reachable, willing, readable; its clock, and the time zone of its calls."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from unpod_sync.api import Client, ClientConfig, RetryPolicy
from unpod_sync.config import Settings
from unpod_sync.errors import (
    EXIT_CONFIGURATION,
    AccessError,
    ApiError,
    ConfigurationError,
    CredentialsError,
    ResponseError,
)
from unpod_sync.formatting import plural
from unpod_sync.model import (
    AGENTS,
    ORGANIZATIONS,
    SPACES,
    Page,
    Resource,
    is_plausible_id,
    space_runs,
    space_tasks,
)
from unpod_sync.operations.finding import Finding, Level, fail, failed, ok, warn
from unpod_sync.operations.time_zone_check import call_offset
from unpod_sync.suggest import Named, find_keys, name_hint
from unpod_sync.transform.secrets import Redaction

ATTEMPTS = 2
MOST_SPACES = 20  # spaces read one by one; more are named in one line
SKEW_SECONDS = 120


def open_probe(settings: Settings) -> Client:
    """A client that gives up soon: somebody waits for its answer."""
    return Client(
        settings.base_url,
        settings.token,
        settings.org_handle,
        ClientConfig(
            timeout=(5, min(settings.timeout_seconds, 15)),
            deadline_seconds=30,
            workers=1,
            retry=RetryPolicy(longest_wait_seconds=10),
        ),
    )


def findings(settings: Settings, now: datetime) -> Iterator[Finding]:
    """What the API answers to these settings, from one request per list."""
    try:
        client = open_probe(settings)
    except ConfigurationError as error:
        if settings.api_token is not None:
            yield failed("address", error)
        return
    with client:
        yield from _examined(client, settings, now)


def accepting_answer(client: Client, settings: Settings) -> Page | ApiError | None:
    """An answer that accepts the token, though the listings refuse it: of a space, or the agents'; None for none."""
    tries = [space_tasks(space) for space in settings.spaces if is_plausible_id(space)]
    answers = (_page(client, resource) for resource in (*tries, AGENTS))
    accepting = (a for a in answers if isinstance(a, Page | AccessError | ResponseError))
    return next(accepting, None)


def objects(page: Page, settings: Settings) -> list[dict[str, Any]]:
    """A page's objects, without the token and other secrets that a server may echo in their texts: people see them."""
    redaction = Redaction((settings.token,))
    return [redaction.clean(dict(row), keep_token=True) for row in page.values if isinstance(row, Mapping)]


def _examined(client: Client, settings: Settings, now: datetime) -> Iterator[Finding]:
    started = time.monotonic()
    page = _page(client, ORGANIZATIONS)
    if isinstance(page, ApiError) and not isinstance(page, AccessError):
        # Some servers want the Org-Handle even for the list that contains it (docs/api-behaviour.md, section 6).
        organizations, page = page, _page(client, SPACES)
        accepting = accepting_answer(client, settings) if isinstance(page, CredentialsError) else None
        if isinstance(page, ApiError) and accepting is None:
            yield failed("api", organizations if settings.org_handle is None else page)
            return
        page = accepting or page
    took = (time.monotonic() - started) * 1000
    yield ok("api", f"{client.base_url} answers in {took:.0f} ms and accepts the token")
    if isinstance(page, Page):
        yield from _organisation(page, settings)
        yield from _clock(page, now)
    spaces = _page(client, SPACES)
    if isinstance(spaces, CredentialsError):
        yield _no_listing(settings)
        if not settings.spaces:
            return
    elif isinstance(spaces, ApiError):
        yield failed("spaces", spaces)
        if not settings.spaces:
            return
    yield from _spaces(
        client, settings, _Listing(objects(spaces, settings) if isinstance(spaces, Page) else [])
    )
    yield from _agents(client, settings)


def _no_listing(settings: Settings) -> Finding:
    text = "the API accepts the token, but shows it no list of spaces (401)"
    if settings.spaces:
        return ok("spaces", f"{text}; the configured ones are read")
    remedy = "Set UNPOD_SPACES to the token of a space."
    return Finding(Level.FAIL, "spaces", text, remedy, EXIT_CONFIGURATION)


def _page(client: Client, resource: Resource) -> Page | ApiError:
    try:
        return client.fetch(resource, 1, 100, attempts=ATTEMPTS)
    except ApiError as error:
        return error


def _organisation(page: Page, settings: Settings) -> Iterator[Finding]:
    known, handle = handles(page, settings), settings.org_handle
    if not known or page.resource is not ORGANIZATIONS:
        return
    if handle is None:
        yield warn(
            "organisation",
            f"the token belongs to {', '.join(known)}, but no handle is set",
            f"Set UNPOD_ORG_HANDLE={known[0]}.",
        )
    elif handle not in known:
        yield fail(
            "organisation",
            f"the token does not belong to {handle}, but to {', '.join(known)}",
            f"Set UNPOD_ORG_HANDLE={known[0]}, or use a token of {handle}.",
        )


def handles(page: Page, settings: Settings) -> list[str]:
    """The organisations' handles on a page of `organizations/`."""
    return [str(row["domain_handle"]) for row in objects(page, settings) if row.get("domain_handle")]


def _clock(page: Page, now: datetime) -> Iterator[Finding]:
    if page.server_time is None:
        return
    skew = (now - page.server_time.astimezone(UTC).replace(tzinfo=None)).total_seconds()
    if abs(skew) > SKEW_SECONDS:
        yield warn(
            "clock",
            f"this machine's clock is {abs(skew):,.0f} s {'ahead of' if skew > 0 else 'behind'} the server's",
            "Switch time synchronisation on (timedatectl set-ntp true). Syncs go by the earlier of both.",
        )
    else:
        yield ok("clock", f"agrees with the server's to {max(1, round(abs(skew)))} s")


@dataclass(frozen=True, slots=True)
class _Listing:
    """The spaces on the first page of their list."""

    rows: Sequence[Mapping[str, Any]]

    @property
    def names(self) -> list[Named]:
        """Token, name and slug of each."""
        rows = (row for row in self.rows if row.get("token"))
        return [(str(row["token"]), _text(row, "name"), _text(row, "slug")) for row in rows]

    def name(self, token: str) -> str:
        """A space's name, else its token."""
        return next((name for key, name, _ in self.names if key == token and name), token)

    def other_content(self, token: str) -> str:
        """What a space holds in place of calls; empty for one that holds calls."""
        content = next((_text(row, "content_type") for row in self.rows if row.get("token") == token), "")
        return "" if "contact" in content.lower() else content

    def hint(self, wanted: str) -> str:
        """What to do about a space that is not among them."""
        return f"{name_hint(wanted, self.names)} Correct UNPOD_SPACES."


def _text(row: Mapping[str, Any], name: str) -> str:
    return str(row.get(name) or "")


def _spaces(client: Client, settings: Settings, listing: _Listing) -> Iterator[Finding]:
    chosen = [str(token) for token, *_ in listing.names]
    if settings.spaces:
        keys = [find_keys(word, listing.names) or [word] for word in settings.spaces]
        chosen = list(dict.fromkeys(key for found in keys for key in found))
    for odd in [token for token in chosen if not is_plausible_id(token)]:
        chosen.remove(odd)
        yield fail("spaces", f"there is no such space: {odd!r}", listing.hint(odd))
    if not chosen:
        yield warn(
            "spaces", "the token sees no space", "Is the organisation right? Ask its owner for access."
        )
    calls: list[Mapping[str, Any]] = []
    findings: list[Finding] = []
    for token in chosen[:MOST_SPACES]:
        finding, found_calls = _space(client, token, listing, is_configured=bool(settings.spaces))
        findings.append(finding)
        calls += found_calls
    if findings and all(finding.level is Level.WARN for finding in findings):
        # A listing also shows what belongs to others (docs/api-behaviour.md, section 6); with nothing else it is at fault.
        findings = [replace(finding, level=Level.FAIL) for finding in findings]
    yield from findings
    if len(chosen) > MOST_SPACES:
        yield ok("spaces", f"{len(chosen) - MOST_SPACES} more spaces, not checked")
    yield from _call_times(calls)


def _space(
    client: Client, token: str, listing: _Listing, *, is_configured: bool
) -> tuple[Finding, list[Mapping[str, Any]]]:
    """The finding about one space, and its newest tasks."""
    label = f"space {listing.name(token)}"
    tasks, runs = _page(client, space_tasks(token)), _page(client, space_runs(token))
    if isinstance(tasks, Page) and isinstance(runs, Page):
        calls = [row for row in tasks.values if isinstance(row, Mapping)]
        return ok(label, f"{_count(tasks)} tasks in {_count(runs)} runs"), calls
    content = listing.other_content(token)
    if content and not is_configured:
        return ok(label, f"holds {content}, no calls; it is left out"), []
    error = tasks if isinstance(tasks, ApiError) else runs
    assert isinstance(error, ApiError)
    if isinstance(error, AccessError) and error.status == 206 and not is_configured:
        text = "listed, but not readable with this token (206); a sync leaves it out"
        return warn(
            label, text, "If it is yours, check UNPOD_ORG_HANDLE; the token needs an owner or editor."
        ), []
    if isinstance(error, AccessError) and not find_keys(token, listing.names):
        text = "there is no such space, or the token may not read it"
        return fail(label, text, listing.hint(token)), []
    return failed(label, error), []


def _count(page: Page) -> str:
    return f"{page.count if page.count is not None else len(page.rows):,}"


def _call_times(calls: list[Mapping[str, Any]]) -> Iterator[Finding]:
    if not calls:
        return
    found = call_offset(calls)
    if found is None:
        yield ok("call times", f"look like UTC in the newest {plural(len(calls), 'task')}")
        return
    sign = "+" if found.minutes > 0 else "-"
    hours, minutes = divmod(abs(found.minutes), 60)
    yield warn(
        "call times",
        f"{found.calls:,} of {found.of:,} calls are off by {sign}{hours}:{minutes:02d} h: {found.evidence}",
        "The voice service seems to write local time. Ask Unpod's support to send UTC; until then hours and "
        "waiting times of these calls are off by that much (durations are as sent).",
    )


def _agents(client: Client, settings: Settings) -> Iterator[Finding]:
    page = _page(client, AGENTS)
    if isinstance(page, ApiError):
        yield warn("agents", page.message, "Executions are then read only for agents that tasks name.")
        return
    known = [(str(row["handle"]),) for row in objects(page, settings) if row.get("handle")]
    unknown = [handle for handle in settings.agents if (handle,) not in known]
    if unknown:
        hint = f"{name_hint(unknown[0], known)} Correct UNPOD_AGENTS."
        yield fail("agents", f"the token does not see {', '.join(unknown)}", hint)
    else:
        yield ok("agents", f"{len(known)} seen")

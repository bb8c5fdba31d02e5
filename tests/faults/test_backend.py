"""The real backend's behaviours: listings for logins only, no executions route, listed things of others."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from tests.faults.kit import Site
from unpod_sync.errors import ConfigurationError, CredentialsError
from unpod_sync.simulator import Fault

LISTINGS = frozenset({"spaces", "agents", "organizations"})
EXECUTIONS = frozenset({"executions"})


def behave(site: Site, **behaviour: Any) -> None:
    """The server has these behaviours from now on."""
    site.simulator.behaviour = dataclasses.replace(site.simulator.behaviour, **behaviour)


def said(notes: tuple[str, ...], words: str) -> int:
    return sum(words in note for note in notes)


def test_a_login_only_listing_is_no_failure_with_spaces_configured(site: Site) -> None:
    """401 on every listing, executions an unknown path: exit 0, everything in, each said once."""
    behave(site, login_only=LISTINGS, missing_routes=EXECUTIONS)
    first = site.sync(spaces=tuple(site.spaces))
    assert (first.exit_status, first.failures) == (0, ())
    assert said(first.notes, "no such listing (401)") == 2
    assert said(first.notes, "no executions lists") == 1
    assert site.is_complete()
    second = site.sync(spaces=tuple(site.spaces))
    assert (second.exit_status, second.notes) == (0, ())


def test_a_listing_and_task_routes_that_refuse_are_a_refused_token(site: Site) -> None:
    """Only then it is 77."""
    error = site.refused(Fault("401"), spaces=tuple(site.spaces))
    assert isinstance(error, CredentialsError)


def test_agents_that_are_listed_do_not_hide_a_refused_token(site: Site) -> None:
    """Every route of a space says 401, while agents are shown: 77 all the same."""
    error = site.refused(Fault("401", match="/spaces/"))
    assert isinstance(error, CredentialsError)
    assert "UNPOD_SPACES" in error.hint
    error = site.refused(Fault("401", match="/spaces/"), spaces=tuple(site.spaces))
    assert isinstance(error, CredentialsError)


@pytest.mark.usefixtures("synced")
def test_a_listing_that_refuses_from_one_day_on_is_partial_without_spaces_configured(site: Site) -> None:
    """The spaces known are read on, and nothing of them is deleted."""
    behave(site, login_only=frozenset({"spaces"}))
    for space in site.spaces:
        site.world.add_task(space, {"output": {"call_id": "new"}})
    result = site.sync()
    assert result.exit_status == 3
    assert site.is_complete()


def test_one_agent_without_executions_among_others_is_a_failure(site: Site) -> None:
    """As before: only a path that no agent has is no failure."""
    other = site.world.add_agent("Other")
    result = site.sync(Fault("404", match=f"agents/{other}/"))
    assert result.exit_status == 3
    assert any(other in failure for failure in result.failures)


def test_listed_things_of_others_are_noted_and_configured_ones_fail(site: Site) -> None:
    """206 from a listed space and agent: once a note, exit 0; from a configured space: exit 3."""
    mine, foreign = site.spaces
    agent = site.world.add_agent("Somebody else's")
    behave(site, foreign=frozenset({foreign, agent}))
    first, second = site.sync(), site.sync()
    assert (first.exit_status, second.exit_status) == (0, 0)
    assert said(first.notes, f"left out: {foreign}, {agent}") == 1
    assert second.notes == ()
    assert site.is_complete([mine])
    assert site.sync(spaces=(mine, foreign)).exit_status == 3
    assert site.sync(agents=(agent,)).exit_status == 3


def test_nothing_but_things_of_others_is_a_failure(site: Site) -> None:
    """Every space refuses: the organisation or the token is wrong."""
    behave(site, foreign=frozenset(site.spaces))
    assert site.sync().exit_status == 1


def test_an_agent_without_a_handle_is_not_asked_for(site: Site) -> None:
    """It is stored under a name of our own, which the API does not know: no request, exit 0 as ever."""
    site.world.add_agent("Nameless", handle=" ")
    assert site.sync().exit_status == 0
    assert site.ask("select count(*) from agents where agent_handle like 'unkeyed:%'") == [(1,)]
    assert not [r for r in site.simulator.requests if "unkeyed" in r.path]


@pytest.mark.usefixtures("synced")
def test_a_space_that_was_read_and_refuses_now_is_a_failure(site: Site) -> None:
    """Access that was lost freezes a space: that is said every time."""
    behave(site, foreign=frozenset({site.spaces[0]}))
    assert [site.sync().exit_status for _ in range(2)] == [3, 3]


def test_an_assignee_unknown_is_no_agent(site: Site) -> None:
    """No request for its executions, and `sdk_call` is a known word."""
    site.world.edit_task(
        site.world.task_ids(site.spaces[0])[0], {"assignee": "unknown", "execution_type": "sdk_call"}
    )
    result = site.sync()
    assert (result.exit_status, said(result.notes, "sdk_call")) == (0, 0)
    assert not [r for r in site.simulator.requests if "agents/unknown" in r.path]


@pytest.mark.usefixtures("synced")
def test_a_space_that_vanishes_from_the_listing_is_said_once_and_kept(site: Site) -> None:
    """Exit 3 the first time; its freshness says why it stands still; when listed again it is read on."""
    gone, _ = site.spaces
    kept = site.stored(gone)
    behave(site, unlisted=frozenset({gone}))
    first, second = site.sync(), site.sync()
    assert (first.exit_status, second.exit_status) == (3, 0)
    assert any(gone in failure for failure in first.failures)
    assert site.stored(gone) == kept
    why = f"select last_error from sync_freshness where space_token = '{gone}'"
    assert "does not show this space" in site.ask(why)[0][0]
    site.world.add_task(gone, {"output": {"call_id": "new"}})
    behave(site, unlisted=frozenset())
    assert site.sync().exit_status == 0
    assert site.is_complete()
    assert site.ask(why) == [(None,)]


@pytest.mark.usefixtures("synced")
def test_a_listing_that_is_emptied_is_an_error_and_deletes_nothing(site: Site) -> None:
    kept = [site.stored(space) for space in site.spaces]
    behave(site, unlisted=frozenset(site.spaces))
    for _ in range(2):
        assert site.refused().exit_status == 1
    assert [site.stored(space) for space in site.spaces] == kept


@pytest.mark.parametrize("listing", [True, False])
@pytest.mark.usefixtures("synced")
def test_a_space_is_named_by_token_or_name_in_any_case(site: Site, listing: bool) -> None:
    """Also without a listing: what is stored counts."""
    if not listing:
        behave(site, login_only=LISTINGS)
    for word in (site.spaces[1].lower(), "SPACE 0"):
        asked = len(site.simulator.requests)
        assert site.sync(configured=(), spaces=(word,)).exit_status == 0
        paths = {
            r.path for r in site.simulator.requests[asked:] if "/spaces/" in r.path and "tasks" in r.path
        }
        assert paths == {f"/api/v2/platform/spaces/{site.spaces[1]}/tasks/"}


@pytest.mark.parametrize("listing", [True, False])
@pytest.mark.usefixtures("synced")
def test_an_unknown_space_is_78_before_anything_is_read(site: Site, listing: bool) -> None:
    """With the nearest name, from the listing or from what is stored and configured."""
    if not listing:
        behave(site, login_only=LISTINGS)
    site.simulator.requests.clear()
    error = site.refused(configured=("CONFIGURED",), spaces=("Spce 1",))
    assert isinstance(error, ConfigurationError)
    assert (error.exit_status, "Did you mean Space 1?" in error.hint) == (78, True)
    assert not [r for r in site.simulator.requests if "/spaces/" in r.path and "tasks" in r.path]


def test_a_misspelt_configured_space_is_named_and_leaves_nothing(site: Site) -> None:
    """The nearest name is shown, never the misspelt one; once it is corrected, nothing complains any more."""
    for _ in range(2):
        wrong = site.sync(spaces=("Spacee0", site.spaces[1]))
        assert wrong.exit_status == 3
        assert said(wrong.failures, "no space 'Spacee0' (check UNPOD_SPACES). Did you mean space-0?") == 1
    error = site.refused(configured=("Spce 1",), spaces=("Spce 1",))
    assert "Did you mean Space 1?" in error.hint
    complaints = (
        "select count(*) from meta.bookmarks where resource like '%Spacee0%' or last_error is not null"
    )
    assert site.sync(configured=("Spacee0",), spaces=(site.spaces[1],)).exit_status == 0
    assert site.ask(complaints) == [(2,)]
    right = site.sync(spaces=(site.spaces[0], site.spaces[1]))
    assert (right.exit_status, right.failures) == (0, ())
    assert site.ask(complaints) == [(0,)]


def test_without_listing_and_history_a_token_is_believed(site: Site) -> None:
    """There is nothing to compare it with; what can be no token is refused."""
    behave(site, login_only=LISTINGS)
    assert site.sync(configured=(), spaces=(site.spaces[0],)).exit_status == 0
    assert site.refused(configured=(), spaces=("No Token",)).exit_status == 78


@pytest.mark.parametrize("word", ["../agents", "..", ".", "a/b", "a?x=1", "a b", "a\nb", "a%2Fb"])
def test_what_can_be_no_id_is_never_asked_for(site: Site, word: str) -> None:
    assert site.refused(spaces=(word,)).exit_status == 78
    assert site.refused(agents=(word,)).exit_status == 78


def test_ids_out_of_payloads_and_listings_are_rejected_and_counted(site: Site) -> None:
    """A run id, an assignee, a space and an agent that reach for other paths: no request, rows kept, exit 0."""
    mine = site.spaces[0]
    task = site.world.task_ids(mine)[0]
    site.world.edit_task(task, {"run_id": "../../../agents", "assignee": "..", "status": "in_progress"})
    site.world.edit_task(task, {"created": "2026-03-05T10:00:00"})
    site.world.add_space("Odd", token="../agents")
    site.world.add_agent("Odd", handle="a/b")
    for _ in range(2):
        assert site.sync().exit_status == 0
    assert site.ask("select kind, field from meta.rejects where reason like 'no plausible id%' order by all") == [
        ("agent", "handle"), ("space", "token"), ("task", "assignee"), ("task", "run_id")
    ]  # fmt: skip
    assert site.ask(f"select run_id from tasks where task_id = '{task}'") == [("../../../agents",)]
    assert not [r for r in site.simulator.requests if ".." in r.path or "%2" in r.path or "a/b" in r.path]


@pytest.mark.usefixtures("synced")
def test_a_server_that_is_down_is_one_error_with_one_hint(site: Site) -> None:
    """Not one for each list, also when it goes down on the way."""
    for configured in ((), tuple(site.spaces)):
        error = site.refused(base_url="http://127.0.0.1:1", max_attempts=1, spaces=configured)
        assert (error.exit_status, "cannot be reached" in error.message, bool(error.hint)) == (1, True, True)
    for space in site.spaces:
        site.world.add_task(space, {"output": {"call_id": "new"}})
    result = site.sync(Fault("reset", match=f"/(runs|executions)/|{max(site.spaces)}"), max_attempts=1)
    assert (result.exit_status, len(result.failures)) == (3, 1)
    assert "lists failed" in result.failures[0] and "The connection broke." in result.failures[0]

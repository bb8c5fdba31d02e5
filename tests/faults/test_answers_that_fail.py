"""Every way in which an answer can fail, end to end over HTTP: exit statuses, and what is in afterwards."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from tests.faults.kit import TOKEN, Site, build_world, leaks, told
from tests.wire import answer, serving
from unpod_sync.errors import ApiError, CredentialsError, UnavailableError
from unpod_sync.simulator import Fault, Simulator

PASSING = {
    "429": Fault("429", times=3),
    "429 that names the wait": Fault("429", times=3, retry_after=2),
    "500": Fault("500", times=3),
    "502": Fault("502", times=3),
    "503": Fault("503", times=3, retry_after=1),
    "reset": Fault("reset", times=3),
    "truncated": Fault("truncate", times=3),
    "truncated without a word": Fault("truncate_silent", times=3),
    "truncated in chunks": Fault("truncate_silent", times=3, chunked=True),
    "wrong JSON": Fault("bad_json", times=3),
    "HTML with 200": Fault("html_200", times=3),
    "206 with errors": Fault("206_errors", times=3),
    "nothing with 200": Fault("empty_200", times=3),
    "no answer": Fault("hang", times=1, match="tasks"),
    "a byte at a time": Fault("drip", times=1, match="tasks"),
    "a short page": Fault("short_page", times=1, match="tasks"),
    "rows twice": Fault("duplicate_rows", times=2, match="tasks"),
    "no count": Fault("missing_count", times=1, match="tasks"),
}


@pytest.mark.parametrize("name", PASSING)
def test_a_failure_that_passes_costs_nothing(site: Site, name: str) -> None:
    """Asked again, everything comes in and the exit status is 0."""
    result = site.sync(PASSING[name], timeout_seconds=0.6, deadline_seconds=1.2)
    assert (result.exit_status, result.failures) == (0, ())
    assert site.is_complete()


@pytest.mark.parametrize("seed", [1, 2])
def test_one_answer_in_six_fails(site: Site, seed: int) -> None:
    """A whole sync at a server that fails at random still brings everything and says done."""
    result = site.sync(Fault.random(1 / 6, seed=seed))
    assert (result.exit_status, result.failures) == (0, ())
    assert site.is_complete()


@pytest.mark.parametrize("kind", ["500", "429", "bad_json", "html_200", "206_errors", "reset", "hang"])
def test_a_failure_that_lasts_is_an_error(site: Site, kind: str) -> None:
    """Nothing can be read: status 1, an error with a hint, and no secret in it."""
    error = site.refused(Fault(kind), max_attempts=2, timeout_seconds=0.4)
    assert isinstance(error, ApiError)
    assert (error.exit_status, bool(error.hint)) == (1, True)
    assert leaks(site.folder, told(error)) == []


def test_a_refused_token_is_told_apart(site: Site) -> None:
    """401 is status 77, at once."""
    error = site.refused(Fault("401"))
    assert isinstance(error, CredentialsError)
    assert error.exit_status == 77
    assert leaks(site.folder, told(error)) == []


def test_a_token_refused_on_the_way_keeps_what_came(site: Site) -> None:
    """The token dies after the listings: not done, and the next sync is complete."""
    result = site.sync(Fault("401", match="/tasks/"))
    assert result.exit_status in (1, 3)
    assert site.sync().exit_status == 0
    assert site.is_complete()


@pytest.mark.parametrize("status", [206, 403, 404, 500])
@pytest.mark.usefixtures("synced")
def test_a_dead_space_disturbs_no_other(site: Site, status: int) -> None:
    """Status 3; the others' news come in; the dead one keeps its rows and its bookmarks."""
    dead, alive = site.spaces
    bookmarks = "select * exclude (last_error) from meta.bookmarks where space_token = '{}' order by 1"
    before = site.ask(bookmarks.format(dead))
    kept = site.stored(dead)
    for space in (dead, alive):
        site.world.add_task(space, {"output": {"call_id": "new"}})
    result = site.sync(Fault("dead_space", match=f"spaces/{dead}/", status=status), max_attempts=2)
    assert result.exit_status == 3
    assert any(dead in failure for failure in result.failures)
    assert site.is_complete([alive])
    assert site.stored(dead) == kept
    assert site.ask(bookmarks.format(dead)) == before
    assert site.sync().exit_status == 0
    assert site.is_complete()


def test_an_empty_space_beside_a_dead_one_is_partial(tmp_path: Path) -> None:
    """A space without tasks that answers has been read."""
    world = build_world(tasks=2, spaces=1)
    (dead,) = world.spaces
    world.add_space("Empty")
    with Simulator(world, token=TOKEN) as simulator:
        result = Site(simulator, tmp_path).sync(Fault("403", match=f"spaces/{dead['token']}/"))
    assert result.exit_status == 3


@pytest.mark.parametrize("place", [0, 3, 7, 11])
def test_a_poisoned_row_stands_alone(site: Site, place: int) -> None:
    """The row that fails its page at every size is recorded; every other row is in; status 3."""
    space = site.spaces[0]
    poison = site.world.task_ids(space)[place]
    result = site.sync(Fault("poison", task_id=poison), max_attempts=2)
    assert result.exit_status == 3
    assert site.stored(space) == set(site.world.task_ids(space)) - {poison}
    rejects = site.ask("select kind, reason from meta.rejects where field = ''")
    assert [kind for kind, _ in rejects] == ["task"]
    assert "cannot show" in rejects[0][1]
    gives_up = f"select platform_gives_up from platform_run_analytics where space_token = '{space}'"
    assert site.ask(gives_up) == [(True,)], "the platform fails on the same row"
    assert site.sync().exit_status == 0
    assert site.is_complete()
    assert site.ask(gives_up) == [(False,)]


def test_another_host_gets_no_token(site: Site) -> None:
    """A redirect to another host is refused; nothing is sent there."""
    with Simulator(build_world(), token=TOKEN) as thief:
        location = thief.base_url.replace("127.0.0.1", "localhost")
        error = site.refused(Fault("redirect_host", location=location))
        assert thief.requests == []
    assert error.exit_status == 1
    assert leaks(site.folder, told(error)) == []


def test_a_name_nobody_knows(site: Site) -> None:
    """DNS failure: status 1, and the hint says what to check."""
    error = site.refused(base_url="https://unpod.invalid", max_attempts=1)
    assert isinstance(error, UnavailableError)
    assert error.exit_status == 1
    assert error.hint
    assert leaks(site.folder, told(error)) == []


def test_a_certificate_nobody_signed(site: Site, tls: ssl.SSLContext) -> None:
    """TLS failure: status 1, not retried, and no request gets out."""
    with serving(lambda _: answer({"data": []}), tls) as server:
        error = site.refused(base_url=server.url)
        assert server.requests == []
    assert error.exit_status == 1
    assert "certificate" in error.message.lower()
    assert leaks(site.folder, told(error)) == []


@pytest.mark.usefixtures("synced")
def test_data_that_is_no_list_is_a_failure(site: Site) -> None:
    """200 with an object where the list should be: never taken for an empty list."""
    result = site.sync(Fault("data_not_list", match=f"spaces/{site.spaces[0]}/tasks"), max_attempts=2)
    assert result.exit_status == 3
    assert site.is_complete()


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    """A server's own certificate, signed by nobody."""
    folder: Path = tmp_path_factory.mktemp("tls")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    import shutil
    import subprocess

    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make a certificate with")
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=localhost",
            "-keyout",
            str(folder / "key.pem"),
            "-out",
            str(folder / "cert.pem"),
        ],
        check=True,
        capture_output=True,
    )
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context

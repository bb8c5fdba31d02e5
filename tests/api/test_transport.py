"""Where the token may travel: TLS, redirects, proxies, `.netrc`; and that sockets do not outlive us."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.api.options import client_options
from tests.wire import TOKEN, Clock, answer, drip, serving, whole_text
from unpod_sync.api import Client
from unpod_sync.api.failures import Failure, FailureKind
from unpod_sync.api.rate_limit import RequestBudget
from unpod_sync.api.transport import Response, Transport
from unpod_sync.api.urls import check_base_url, redirect_target
from unpod_sync.errors import ConfigurationError, ResponseError, UnavailableError
from unpod_sync.model import agent_executions, space_runs, space_tasks

TASKS = space_tasks("8KZ")
GOOD = answer({"data": []})


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for localhost, made for this run."""
    if shutil.which("openssl") is None:
        pytest.skip("needs the openssl command")
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -batch"
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    key = path.with_name("key.pem")
    subprocess.run([*command.split(), *names, "-keyout", key, "-out", path], check=True, capture_output=True)
    path.write_text(path.read_text() + key.read_text())
    return path


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def client_for(url: str, **options: Any) -> Client:
    clock = Clock()
    return Client(
        url, TOKEN, sleep=clock.sleep, monotonic=clock.monotonic, now=clock.now, **client_options(**options)
    )


def test_untrusted_certificate_is_final_and_gets_no_token(tls: ssl.SSLContext) -> None:
    """One connection, no request, a hint."""
    with serving(lambda _: GOOD, tls) as wire, client_for(wire.url) as client:
        with pytest.raises(UnavailableError, match="certificate of localhost") as caught:
            client.fetch(TASKS, 1, 100)
        assert "REQUESTS_CA_BUNDLE" in caught.value.hint
    assert (wire.connections, len(wire.requests)) == (1, 0)
    assert TOKEN not in whole_text(caught.value)


def test_trusted_certificate_works(
    tls: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A company's own certificates can be named, and a wrong name for them is told."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    with serving(lambda _: GOOD, tls) as wire, client_for(wire.url) as client:
        client.fetch(TASKS, 1, 100)
        client.fetch(TASKS, 2, 100)
    assert wire.connections == 1
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate) + ".none")
    with (
        client_for("https://localhost:1") as client,
        pytest.raises(UnavailableError, match="REQUESTS_CA_BUNDLE"),
    ):
        client.fetch(TASKS, 1, 100)


def test_tls_that_stalls_is_cut(
    tls: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The deadline holds during the answer and during a handshake that drips."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    options = {"deadline_seconds": 0.3, "max_attempts": 1, "timeout": (5.0, 5.0)}
    started = time.monotonic()
    with (
        serving(lambda _: drip, tls) as wire,
        client_for(wire.url, **options) as client,
        pytest.raises(UnavailableError, match=r"in time|seconds"),
    ):
        client.fetch(TASKS, 1, 100)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        dripper = threading.Thread(target=_drip_handshake, args=(listener,))
        dripper.start()
        with (
            client_for(f"https://localhost:{listener.getsockname()[1]}", **options) as client,
            pytest.raises(UnavailableError, match=r"in time|seconds"),
        ):
            client.fetch(TASKS, 1, 100)
        dripper.join()
    assert time.monotonic() - started < 3


def _drip_handshake(listener: socket.socket) -> None:
    conn, _ = listener.accept()
    with conn:
        conn.recv(4096)
        try:
            # The head of a handshake record of 16 KB, of which a byte comes now and then.
            for byte in b"\x16\x03\x03\x40\x00" + b"\x02\x00\x3f\xfc" + bytes(200):
                conn.sendall(bytes([byte]))
                time.sleep(0.05)
        except OSError:
            return


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_to_another_host_is_refused(status: int) -> None:
    """The other host hears nothing."""
    with serving(lambda _: GOOD) as other:
        target = f"http://127.0.0.1:{other.port}/api/?key=hidden"
        with (
            serving(lambda _: answer(b"", status, {"Location": target})) as wire,
            client_for(wire.url) as client,
            pytest.raises(ResponseError, match=r"redirect to http://127\.0\.0\.1") as caught,
        ):
            client.fetch(TASKS, 1, 100)
        assert len(wire.requests) == 1
        assert other.connections == 0
    assert "hidden" not in whole_text(caught.value)


def test_redirect_on_the_same_host_keeps_token_page_and_budget() -> None:
    """Followed by hand, counted like any request, at most three times."""
    moved = answer(b"", 308, {"Location": "/v3/tasks/"})

    def once(request: Any) -> bytes:
        return GOOD if request.path == "/v3/tasks/" else moved

    with serving(once) as wire, client_for(wire.url, budget=RequestBudget(max_requests=2)) as client:
        client.fetch(TASKS, 4, 100)
        assert client.requests_made == 2
    assert wire.requests[1].query == {"page": "4", "page_size": "100"}
    assert wire.requests[1].headers["authorization"] == f"Token {TOKEN}"
    with (
        serving(lambda _: moved) as wire,
        client_for(wire.url) as client,
        pytest.raises(ResponseError, match="more than 3"),
    ):
        client.fetch(TASKS, 1, 100)
    assert len(wire.requests) == 4


@pytest.mark.parametrize(
    ("url", "location", "target"),
    [
        ("https://a.b/x?page=1", "/y?page=2", "https://a.b/y?page=2"),
        ("https://a.b/x?page=1", "https://A.B:443/y", "https://A.B:443/y?page=1"),
        ("http://localhost:80/x", "https://localhost/x", "https://localhost/x"),
        ("https://a.b/x", "http://a.b/x", None),
        ("https://a.b/x", "https://a.b:8443/x", None),
        ("https://a.b/x", "https://a.b.evil/x", None),
        ("https://a.b/x", "//evil/x", None),
        ("https://a.b/x", "https://a.b@evil/x", None),
        ("https://a.b/x", "https://user:pw@a.b/x", None),
        ("https://a.b/x", "javascript:alert(1)", None),
        ("https://a.b/x", "https://[bad/x", None),
        ("https://a.b/x", "https://a.b:99999/x", None),
        ("https://a.b/x", None, None),
    ],
)
def test_redirect_targets(url: str, location: str | None, target: str | None) -> None:
    """Only the same origin, or the same host made secure."""
    found = redirect_target(url, location)
    assert found == target if target else isinstance(found, Failure) and found.kind is FailureKind.REDIRECT


@pytest.mark.parametrize(
    "url",
    [
        "http://unpod.ai",
        "http://10.0.0.1",
        "http://localhost.evil.com",
        "http://127.0.0.1.nip.io",
        "https://user:pw@unpod.ai",
        "https://unpod.ai?x=1",
        "https://unpod.ai#x",
        "ftp://unpod.ai",
        "unpod.ai",
        "",
        "https://",
        "https://[::1",
        "https://unpod.ai:port",
        "https://unpod.ai\\@evil",
        "https://unp od.ai",
    ],
)
def test_unusable_addresses_are_refused(url: str) -> None:
    """Nothing is sent in the clear or to nowhere, and a password in the address is not repeated."""
    with pytest.raises(ConfigurationError) as caught:
        check_base_url(url)
    assert "pw" not in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    "url", ["https://unpod.ai/", "http://127.9.9.9:1/a/", "http://[::1]:80", "http://LOCALHOST"]
)
def test_usable_addresses_lose_their_trailing_slash(url: str) -> None:
    """Loopback may be plain http."""
    assert check_base_url(url) == url.rstrip("/").replace("HTTP", "http")


def test_environment_cannot_redirect_the_token(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`.netrc` never replaces our header, and loopback never goes through a proxy."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine localhost login evil password evil\ndefault login evil password evil\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with serving(lambda _: GOOD) as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        with serving(lambda _: GOOD) as wire, client_for(wire.url) as client:
            client.fetch(TASKS, 1, 100)
        assert proxy.connections == 0
    assert wire.requests[0].headers["authorization"] == f"Token {TOKEN}"


def test_https_goes_through_the_proxy_unseen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy is asked for a tunnel and gets no token; when it fails, the hint names it."""
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with serving(lambda _: answer(b"", 502)) as proxy:
        for name in ("HTTPS_PROXY", "https_proxy"):
            monkeypatch.setenv(name, f"http://user:proxy-secret@127.0.0.1:{proxy.port}")
        with (
            client_for("https://api.invalid") as client,
            pytest.raises(UnavailableError, match="proxy") as caught,
        ):
            client.fetch(TASKS, 1, 100)
        assert proxy.requests
        assert all("authorization" not in request.headers for request in proxy.requests)
    assert "HTTPS_PROXY" in caught.value.hint
    assert "proxy-secret" not in whole_text(caught.value)


def test_cookies_are_not_kept() -> None:
    """Requests stay alike, whichever thread sends them."""
    reply = answer({"data": []}, headers={"Set-Cookie": "a=b; Path=/"})
    with serving(lambda _: reply) as wire, client_for(wire.url) as client:
        client.fetch(TASKS, 1, 1)
        client.fetch(TASKS, 2, 1)
    assert "cookie" not in wire.requests[1].headers


def test_endless_answers_are_bounded_in_memory() -> None:
    """A body beyond the bound is a failure, not a growing heap."""
    with serving(lambda _: answer(b" " * 300_000)) as wire:
        transport = Transport(workers=1, timeout=(1, 1), deadline_seconds=5, max_bytes=100_000)
        outcome = transport.send(wire.url, {})
        assert isinstance(outcome, Failure)
        assert outcome.kind is FailureKind.TOO_LARGE
        transport.close()


def test_idle_connection_closed_by_the_server_is_no_failure() -> None:
    """A connection that died in the pool is replaced without an attempt being lost."""

    def last(conn: socket.socket) -> None:
        conn.sendall(GOOD)

    with serving(lambda request: last if request.number == 1 else GOOD) as wire:
        transport = Transport(workers=1, timeout=(1, 1), deadline_seconds=5)
        assert isinstance(transport.send(wire.url, {}), Response)
        time.sleep(0.05)
        assert isinstance(transport.send(wire.url, {}), Response)
        transport.close()
    assert wire.connections == 2


@pytest.mark.parametrize(
    ("token", "segment"),
    [
        ("8KZ-a_b~c", "8KZ-a_b~c"),
        ("..", "%2E%2E"),
        (".", "%2E"),
        ("../../agents", "..%2F..%2Fagents"),
        ("a/b?page=9#x", "a%2Fb%3Fpage%3D9%23x"),
        ("a%2Fb", "a%252Fb"),
        ("tök en", "t%C3%B6k%20en"),
        ("a@b:c;d\\e", "a%40b%3Ac%3Bd%5Ce"),
    ],
)
def test_an_id_is_one_segment_of_the_path_on_the_wire(token: str, segment: str) -> None:
    """Whatever a payload, a listing or a setting names: nothing of it leaves its place in the path."""
    with (
        serving(lambda _: answer({"data": [], "count": 0})) as wire,
        Client(f"{wire.url}/base", TOKEN) as client,
    ):
        for resource in (space_tasks(token), space_runs(token), agent_executions(token)):
            client.fetch(resource, 1, 100)
            assert resource.name.count(token) == 1
    root = "/base/api/v2/platform"
    assert [request.path for request in wire.requests] == [
        f"{root}/spaces/{segment}/tasks/",
        f"{root}/spaces/{segment}/runs/",
        f"{root}/agents/{segment}/executions/",
    ]

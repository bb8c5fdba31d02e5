"""One request and its whole answer over requests' connection pool, in bounded time.

requests is used below its session: its adapter pools connections and checks certificates, while
redirects, cookies and `.netrc`, which could send the token elsewhere or replace it, never happen.
A read timeout alone does not bound an answer that comes a byte at a time, so a watchdog shuts the
socket when the answer's deadline has passed; the same cut ends a read when the work is given up.
Connecting and the TLS handshake are each bounded as a whole by the connect timeout.
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import math
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit, urlunsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import exceptions as errors
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from unpod_sync.api.failures import Failure, FailureKind

PIECE_BYTES = 1 << 18
WATCH_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Response:
    """A complete answer. `seconds` is the time until the last byte."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float = 0.0


class InFlightRequest:
    """One request in flight: holds the socket it uses, so that another thread can abort it."""

    def __init__(self, deadline: float, owner: object) -> None:
        """`deadline` in `time.monotonic` seconds; `owner` names whose requests are aborted together."""
        self.deadline = deadline
        self.owner = owner
        self.is_aborted = False
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None

    def attach_socket(self, held: object) -> None:
        """Remember the socket in use; TLS inside TLS wraps it once more."""
        found = held if isinstance(held, socket.socket) else getattr(held, "socket", None)
        with self._lock:
            self._socket = found if isinstance(found, socket.socket) else None
            if self.is_aborted:
                self._shut()

    def abort(self) -> None:
        """Shut the socket, which ends a read in another thread."""
        with self._lock:
            self.is_aborted = True
            self._shut()

    def finish(self) -> None:
        """Let the socket go: from now on `abort` does nothing."""
        with self._lock:
            self._socket = None

    def wait_for(self, work: Callable[[], None]) -> None:
        """Do work of ours, whose time does not count."""
        deadline, started = self.deadline, time.monotonic()
        self.deadline = math.inf
        try:
            work()
        finally:
            self.deadline = deadline + time.monotonic() - started

    def _shut(self) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):
                # Not SSLSocket.shutdown, which drops the TLS state under the reader's feet.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


_here = threading.local()


def _attach_socket(held: object) -> None:
    request: InFlightRequest | None = getattr(_here, "request", None)
    if request is not None:
        request.attach_socket(held)


class _PlainConnection(HTTPConnection):
    def request(self, *args: Any, **kwargs: Any) -> None:
        super().request(*args, **kwargs)
        _attach_socket(self.sock)


class _SecureConnection(HTTPSConnection):
    def request(self, *args: Any, **kwargs: Any) -> None:
        super().request(*args, **kwargs)
        _attach_socket(self.sock)


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


_POOLS: dict[str, Any] = {"http": _PlainPool, "https": _SecurePool}


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **kwargs: Any) -> None:
        super().init_poolmanager(connections, maxsize, block, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs)
        if not proxy.lower().startswith("socks"):
            manager.pool_classes_by_scheme = _POOLS
        return manager


def is_loopback(host: str | None) -> bool:
    """Whether the name `host` always means this machine: localhost, 127.0.0.0/8 or ::1."""
    if host is None:
        return False
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Transport:
    """A connection pool for several threads; `send` never raises for what the network does."""

    def __init__(
        self, *, workers: int, timeout: tuple[float, float], deadline_seconds: float, max_bytes: int = 1 << 26
    ) -> None:
        """`timeout` is (connect, read) and `deadline_seconds` the whole answer, all in seconds."""
        self._adapter = _Adapter(pool_connections=4, pool_maxsize=workers)
        self._timeout = (min(timeout[0], deadline_seconds), min(timeout[1], deadline_seconds))
        self._deadline_seconds = deadline_seconds
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._live: set[InFlightRequest] = set()
        self._settings: dict[tuple[str, str], dict[str, Any]] = {}
        self._closed = threading.Event()
        self._watchdog: threading.Thread | None = None

    def send(
        self,
        url: str,
        headers: Mapping[str, str],
        owner: object = None,
        take: Callable[[int], None] = lambda number: None,
    ) -> Response | Failure:
        """GET `url` once and read all of the answer; a failure of the network is a value too.

        `take` is called with the size of each piece before the next is read; while it waits, no deadline passes.
        """
        with self._in_flight(owner) as request:
            started = time.monotonic()
            try:
                status, received, body = self._receive(url, headers, request, take)
            except (
                requests.RequestException,
                errors.HTTPError,
                http.client.HTTPException,
                OSError,
                ValueError,
            ) as error:
                return _failure_of(error, urlsplit(url), request, self._deadline_seconds)
            if body is None:
                return Failure(
                    FailureKind.TOO_LARGE, f"the answer is larger than {self._max_bytes >> 20} MiB", status
                )
        return Response(status, received, body, time.monotonic() - started)

    def abort(self, owner: object = None) -> None:
        """Break off the requests of `owner`, or all when None."""
        with self._lock:
            mine = [request for request in self._live if owner is None or request.owner is owner]
        for request in mine:
            request.abort()

    def close(self) -> None:
        """Break off everything and close every connection."""
        self._closed.set()
        self.abort()
        if self._watchdog is not None:
            self._watchdog.join()
        self._adapter.close()

    def _receive(
        self, url: str, headers: Mapping[str, str], request: InFlightRequest, take: Callable[[int], None]
    ) -> tuple[int, Mapping[str, str], bytes | None]:
        prepared = requests.Request("GET", url, headers=dict(headers)).prepare()
        parts = urlsplit(url)
        # requests decodes %2E, and servers take a bare .. for the folder above: the path goes out as it was given.
        prepared.url = urlunsplit(urlsplit(str(prepared.url))._replace(path=parts.path or "/"))
        settings = self._environment(parts)
        response = self._adapter.send(prepared, stream=True, timeout=self._timeout, **settings)
        raw, is_packed = response.raw, "Content-Encoding" in response.headers
        try:
            pieces, total = [], 0
            # read1 takes what one system call gives: large pieces, yet no waiting for a full one.
            while piece := raw.read1(PIECE_BYTES, decode_content=is_packed):
                pieces.append(piece)
                total += len(piece)
                if total > self._max_bytes:
                    return response.status_code, response.headers, None
                request.wait_for(lambda: take(len(piece)))
            request.finish()
            if request.is_aborted:
                raise TimeoutError
            return response.status_code, response.headers, b"".join(pieces)
        finally:
            response.close()

    def _environment(self, url: SplitResult) -> dict[str, Any]:
        """Proxies and certificates as the environment wants them, read once per host."""
        origin = (url.scheme, url.netloc)
        if origin not in self._settings:
            with requests.Session() as session:
                settings = dict(session.merge_environment_settings(url.geturl(), {}, True, None, None))
            settings.pop("stream", None)
            if url.scheme == "http" or is_loopback(url.hostname):
                # A proxy would read the token, and could not reach our loopback anyway.
                settings["proxies"] = {}
            self._settings[origin] = settings
        return self._settings[origin]

    @contextlib.contextmanager
    def _in_flight(self, owner: object) -> Iterator[InFlightRequest]:
        request = InFlightRequest(time.monotonic() + self._deadline_seconds, owner)
        with self._lock:
            self._live.add(request)
            if self._watchdog is None and not self._closed.is_set():
                self._watchdog = threading.Thread(target=self._watch, name="unpod-watchdog", daemon=True)
                self._watchdog.start()
        _here.request = request
        try:
            yield request
        finally:
            _here.request = None
            request.finish()
            with self._lock:
                self._live.discard(request)

    def _watch(self) -> None:
        while not self._closed.wait(WATCH_SECONDS):
            now = time.monotonic()
            with self._lock:
                late = [request for request in self._live if request.deadline <= now]
            for request in late:
                request.abort()


#: OpenSSL's reasons for an answer that is no TLS: plain http behind an https:// address.
_NO_TLS = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "UNKNOWN_PROTOCOL"})

#: Exceptions of requests, urllib3 or the system, and the failure each is; the first match counts.
_FAILURES: tuple[tuple[tuple[type[BaseException], ...], FailureKind, str], ...] = (
    ((ssl.SSLCertVerificationError,), FailureKind.TLS, "the certificate of {host} is not trusted"),
    (
        (requests.exceptions.ProxyError, errors.ProxyError),
        FailureKind.PROXY,
        "the proxy for {host} could not be used",
    ),
    (
        (errors.NameResolutionError, socket.gaierror, UnicodeError),
        FailureKind.DNS,
        "the name {host} cannot be resolved",
    ),
    ((errors.NewConnectionError, ConnectionRefusedError), FailureKind.REFUSED, "no connection to {host}"),
    (
        (errors.TimeoutError, TimeoutError, requests.Timeout),
        FailureKind.TIMEOUT,
        "{host} did not answer in time",
    ),
    ((errors.DecodeError,), FailureKind.BROKEN, "the compressed answer is damaged"),
    (
        (errors.IncompleteRead, http.client.IncompleteRead),
        FailureKind.CONNECTION,
        "the answer ended too early",
    ),
    ((ssl.SSLError, errors.SSLError), FailureKind.CONNECTION, "the TLS connection to {host} failed"),
    (
        (requests.exceptions.InvalidURL, requests.exceptions.InvalidHeader),
        FailureKind.REQUEST,
        "the address is not valid",
    ),
)


def _failure_of(error: BaseException, url: SplitResult, request: InFlightRequest, deadline: float) -> Failure:
    """Which kind of failure an exception is; its text is never used."""
    host = url.hostname or "the server"
    if request.is_aborted:
        return Failure(FailureKind.TIMEOUT, f"the answer was not complete after {deadline:g} seconds")
    causes = list(_causes(error))
    for exceptions, kind, text in _FAILURES:
        if any(isinstance(cause, exceptions) for cause in causes):
            if ssl.SSLError in exceptions and any(
                getattr(cause, "reason", "") in _NO_TLS for cause in causes
            ):
                return Failure(FailureKind.TLS, f"{host} does not speak TLS at this address")
            return Failure(kind, text.format(host=host))
    if type(error) is OSError and error.errno is None:
        # How requests reports that the certificate bundle is missing.
        return Failure(FailureKind.TLS, "the certificate file named in REQUESTS_CA_BUNDLE cannot be read")
    return Failure(FailureKind.CONNECTION, f"{host} closed the connection")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The exception and what it wraps: libraries keep the cause in `args`, `reason` or `__cause__`."""
    waiting, seen = [error], set[int]()
    while waiting and len(seen) < 30:
        cause = waiting.pop(0)
        if id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        inner = (*cause.args, getattr(cause, "reason", None), cause.__cause__, cause.__context__)
        waiting.extend(one for one in inner if isinstance(one, BaseException))

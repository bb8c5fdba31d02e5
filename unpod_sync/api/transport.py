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
import urllib3
from requests.adapters import HTTPAdapter
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
    """One request under way: holds the socket it uses, so that another thread can cut it."""

    def __init__(self, deadline: float, owner: object) -> None:
        """`deadline` in `time.monotonic` seconds; `owner` names whose requests are cut together."""
        self.deadline = deadline
        self.owner = owner
        self.is_cut = False
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None

    def hold(self, held: object) -> None:
        """Remember the socket in use; TLS inside TLS wraps it once more."""
        found = held if isinstance(held, socket.socket) else getattr(held, "socket", None)
        with self._lock:
            self._socket = found if isinstance(found, socket.socket) else None
            if self.is_cut:
                self._shut()

    def cut(self) -> None:
        """Shut the socket, which wakes whoever reads from it."""
        with self._lock:
            self.is_cut = True
            self._shut()

    def finish(self) -> None:
        """Let the socket go: from now on a cut does nothing."""
        with self._lock:
            self._socket = None

    def wait_for(self, work: Callable[[], None]) -> None:
        """Work of ours that the server is not to blame for: its time does not count."""
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


def _hold(held: object) -> None:
    exchange: InFlightRequest | None = getattr(_here, "exchange", None)
    if exchange is not None:
        exchange.hold(held)


class _PlainConnection(HTTPConnection):
    def request(self, *args: Any, **kwargs: Any) -> None:
        super().request(*args, **kwargs)
        _hold(self.sock)


class _SecureConnection(HTTPSConnection):
    def request(self, *args: Any, **kwargs: Any) -> None:
        super().request(*args, **kwargs)
        _hold(self.sock)


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
    """Whether `host` is this machine by its very name: localhost, 127.0.0.0/8 or ::1."""
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
        with self._exchange(owner) as exchange:
            started = time.monotonic()
            try:
                status, received, body = self._exchange_bytes(url, headers, exchange, take)
            except (
                requests.RequestException,
                urllib3.exceptions.HTTPError,
                http.client.HTTPException,
                OSError,
                ValueError,
            ) as error:
                return _trouble(error, urlsplit(url), exchange, self._deadline_seconds)
            if body is None:
                return Failure(
                    FailureKind.TOO_LARGE, f"the answer is larger than {self._max_bytes >> 20} MiB", status
                )
        return Response(status, received, body, time.monotonic() - started)

    def cut(self, owner: object = None) -> None:
        """Break off the requests of `owner`, or all when None."""
        with self._lock:
            mine = [exchange for exchange in self._live if owner is None or exchange.owner is owner]
        for exchange in mine:
            exchange.cut()

    def close(self) -> None:
        """Break off everything and close every connection."""
        self._closed.set()
        self.cut()
        if self._watchdog is not None:
            self._watchdog.join()
        self._adapter.close()

    def _exchange_bytes(
        self, url: str, headers: Mapping[str, str], exchange: InFlightRequest, take: Callable[[int], None]
    ) -> tuple[int, Mapping[str, str], bytes | None]:
        request = requests.Request("GET", url, headers=dict(headers)).prepare()
        parts = urlsplit(url)
        # requests decodes %2E, and servers take a bare .. for the folder above: the path goes out as it was given.
        request.url = urlunsplit(urlsplit(str(request.url))._replace(path=parts.path or "/"))
        settings = self._environment(parts)
        response = self._adapter.send(request, stream=True, timeout=self._timeout, **settings)
        raw, is_packed = response.raw, "Content-Encoding" in response.headers
        try:
            pieces, total = [], 0
            # read1 takes what one system call gives: large pieces, yet no waiting for a full one.
            while piece := raw.read1(PIECE_BYTES, decode_content=is_packed):
                pieces.append(piece)
                total += len(piece)
                if total > self._max_bytes:
                    return response.status_code, response.headers, None
                exchange.wait_for(lambda: take(len(piece)))
            exchange.finish()
            if exchange.is_cut:
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
    def _exchange(self, owner: object) -> Iterator[InFlightRequest]:
        exchange = InFlightRequest(time.monotonic() + self._deadline_seconds, owner)
        with self._lock:
            self._live.add(exchange)
            if self._watchdog is None and not self._closed.is_set():
                self._watchdog = threading.Thread(target=self._watch, name="unpod-watchdog", daemon=True)
                self._watchdog.start()
        _here.exchange = exchange
        try:
            yield exchange
        finally:
            _here.exchange = None
            exchange.finish()
            with self._lock:
                self._live.discard(exchange)

    def _watch(self) -> None:
        while not self._closed.wait(WATCH_SECONDS):
            now = time.monotonic()
            with self._lock:
                late = [exchange for exchange in self._live if exchange.deadline <= now]
            for exchange in late:
                exchange.cut()


#: OpenSSL's words for an answer that is no TLS: plain http behind an https:// address.
_NO_TLS = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "UNKNOWN_PROTOCOL"})


def _trouble(error: BaseException, url: SplitResult, exchange: InFlightRequest, deadline: float) -> Failure:
    """Which kind of failure an exception of requests, urllib3 or the system is; its text is never used."""
    causes = list(_causes(error))

    def among(*kinds: type[BaseException]) -> bool:
        return any(isinstance(cause, kinds) for cause in causes)

    host = url.hostname or "the server"
    errors = urllib3.exceptions
    if exchange.is_cut:
        return Failure(FailureKind.TIMEOUT, f"the answer was not complete after {deadline:g} seconds")
    if among(ssl.SSLCertVerificationError):
        return Failure(FailureKind.TLS, f"the certificate of {host} is not trusted")
    if among(requests.exceptions.ProxyError, errors.ProxyError):
        return Failure(FailureKind.PROXY, f"the proxy for {host} could not be used")
    if among(errors.NameResolutionError, socket.gaierror, UnicodeError):
        return Failure(FailureKind.DNS, f"the name {host} cannot be resolved")
    if among(errors.NewConnectionError, ConnectionRefusedError):
        return Failure(FailureKind.REFUSED, f"no connection to {host}")
    if among(errors.TimeoutError, TimeoutError, requests.Timeout):
        return Failure(FailureKind.TIMEOUT, f"{host} did not answer in time")
    if among(errors.DecodeError):
        return Failure(FailureKind.BROKEN, "the compressed answer is damaged")
    if among(errors.IncompleteRead, http.client.IncompleteRead):
        return Failure(FailureKind.CONNECTION, "the answer ended too early")
    if any(getattr(cause, "reason", "") in _NO_TLS for cause in causes):
        return Failure(FailureKind.TLS, f"{host} does not speak TLS at this address")
    if among(ssl.SSLError, errors.SSLError):
        return Failure(FailureKind.CONNECTION, f"the TLS connection to {host} failed")
    if among(requests.exceptions.InvalidURL, requests.exceptions.InvalidHeader):
        return Failure(FailureKind.REQUEST, "the address is not valid")
    if type(error) is OSError and error.errno is None:
        # requests' way to say that the certificate bundle is missing.
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

"""One connection: requests in, responses out, in a single write each, or broken as a fault wants it."""

from __future__ import annotations

import gzip
import math
import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, Protocol
from urllib.parse import parse_qsl, urlsplit

from unpod_sync.simulator.faults import Fault
from unpod_sync.simulator.responses import Response, message_response

_REASONS: Final = {200: "OK", 206: "Partial Content", 301: "Moved Permanently", 302: "Found"}
_BROKEN: Final = frozenset({"hang", "reset", "truncate", "truncate_silent", "drip"})
_DRIP_PAUSE: Final = 0.2


class Backend(Protocol):
    """What answers the requests of a server."""

    latency_seconds: float
    gzip: bool
    now: Callable[[], datetime] | None
    stopping: threading.Event

    def respond(
        self, path: str, query: Mapping[str, str], headers: Mapping[str, str]
    ) -> tuple[Response, Fault | None, dict[str, str]]:
        """The response to an API request, the fault that struck it, and more headers."""


class Handler(BaseHTTPRequestHandler):
    """Speaks HTTP/1.1 for a backend."""

    protocol_version = "HTTP/1.1"
    server_version = "simulator"
    disable_nagle_algorithm = True
    wbufsize = 0

    server: Server

    @property
    def backend(self) -> Backend:
        """What answers."""
        return self.server.backend

    def do_GET(self) -> None:
        """Answer an API request."""
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        if self.backend.latency_seconds:
            time.sleep(self.backend.latency_seconds)
        headers = {name.lower(): value for name, value in self.headers.items()}
        response, fault, extra = self.backend.respond(parts.path, query, headers)
        if response.status == 301 and parts.query:
            extra = {**extra, "Location": f"{response.headers['Location']}?{parts.query}"}
        self._send(response, extra, fault)

    def do_POST(self) -> None:
        """Nothing can be posted."""
        self._write(message_response(405, f'Method "{self.command}" not allowed.'), {})
        self.close_connection = True  # with the body unread

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing; `Simulator.requests` has them."""

    def handle(self) -> None:
        """Serve the connection until it ends, however it ends."""
        try:
            super().handle()
        except OSError:
            self.close_connection = True

    # -- writing -----------------------------------------------------------------------------

    def _send(self, response: Response, extra: dict[str, str], fault: Fault | None) -> None:
        if fault is None or fault.kind not in _BROKEN:
            self._write(response, extra)
            return
        if fault.kind == "hang":
            self.backend.stopping.wait(fault.seconds)
        elif fault.kind == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif fault.kind == "truncate":
            self.connection.sendall(self._head(response, extra, len(response.body)) + _half(response.body))
        elif fault.kind == "truncate_silent":
            self._send_cut(response, extra, chunked=fault.chunked)
        elif self._drip(response, extra, fault.seconds):
            return
        self.close_connection = True
        self.server.shutdown_request(self.request)

    def _write(self, response: Response, extra: dict[str, str]) -> None:
        body = response.body
        if self.backend.gzip and "gzip" in self.headers.get("Accept-Encoding", ""):
            body = gzip.compress(body, compresslevel=1)
            extra = {**extra, "Content-Encoding": "gzip"}
        self.connection.sendall(self._head(response, extra, len(body)) + body)

    def _head(self, response: Response, extra: dict[str, str], length: int | None) -> bytes:
        lines = [
            f"HTTP/1.1 {response.status} {_REASONS.get(response.status, 'Simulated')}",
            f"Date: {self.date_time_string(now().timestamp() if (now := self.backend.now) else None)}",
            f"Content-Type: {response.content_type}",
        ]
        if length is not None:
            lines.append(f"Content-Length: {length}")
        lines += [f"{name}: {value}" for name, value in {**response.headers, **extra}.items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def _send_cut(self, response: Response, extra: dict[str, str], *, chunked: bool) -> None:
        body = _half(response.body)
        if chunked:
            extra = {**extra, "Transfer-Encoding": "chunked"}
            body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        self.connection.sendall(self._head(response, {**extra, "Connection": "close"}, None) + body)

    def _drip(self, response: Response, extra: dict[str, str], seconds: float | None) -> bool:
        """Send a byte now and then, and after `seconds` the rest; whether the connection can go on."""
        self.connection.sendall(self._head(response, extra, len(response.body)))
        until = math.inf if seconds is None else time.monotonic() + seconds
        for place in range(len(response.body)):
            if time.monotonic() >= until:
                self.connection.sendall(response.body[place:])
                return True
            self.connection.sendall(response.body[place : place + 1])
            if self.backend.stopping.wait(_DRIP_PAUSE):
                break
        return False


def _half(body: bytes) -> bytes:
    return body[: max(1, len(body) // 2)]


class Server(ThreadingHTTPServer):
    """Gives each connection a thread, and remembers the connections to wake them at the end."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], backend: Backend) -> None:
        """Bound to the address."""
        super().__init__(address, Handler)
        self.backend = backend
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()

    def process_request(self, request: Any, client_address: Any) -> None:
        """A connection begins."""
        with self._open_lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """A connection ends."""
        with self._open_lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        """Wake the threads that wait for another request on a kept-alive connection."""
        with self._open_lock:
            waiting = list(self._open)
        for connection in waiting:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

"""One connection: requests in, responses out, in a single write each, or broken as a fault wants it."""

from __future__ import annotations

import gzip
import ipaddress
import socket
import struct
import time
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, urlsplit

from unpod_sync.simulator.faults import Fault
from unpod_sync.simulator.responses import ListResponse, Response, message_response

if TYPE_CHECKING:
    from unpod_sync.simulator.server import Simulator

_REASONS: Final = {200: "OK", 206: "Partial Content", 301: "Moved Permanently", 302: "Found"}
_DRIP_PAUSE: Final = 0.2
_MAX_PIECES: Final = 1000 if hasattr(socket.socket, "sendmsg") else 0


class Handler(BaseHTTPRequestHandler):
    """Speaks HTTP/1.1 for the simulator that the server belongs to."""

    protocol_version = "HTTP/1.1"
    server_version = "simulator"
    disable_nagle_algorithm = True
    wbufsize = 0

    @property
    def simulator(self) -> Simulator:
        """The simulator this connection belongs to."""
        return self.server.simulator  # type: ignore[attr-defined, no-any-return]

    def do_GET(self) -> None:
        """Response an API request, or a control that only reads."""
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        if parts.path.startswith("/_simulator/"):
            self._control(parts.path, query, b"")
            return
        if self.simulator.latency_seconds:
            time.sleep(self.simulator.latency_seconds)
        headers = {name.lower(): value for name, value in self.headers.items()}
        response, fault, extra = self.simulator.respond(parts.path, query, headers)
        if response.status == 301 and parts.query:
            extra = {**extra, "Location": f"{response.headers['Location']}?{parts.query}"}
        try:
            self._send(response, extra, fault)
        except OSError:
            self.close_connection = True

    def do_POST(self) -> None:
        """Only controls are posted."""
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if not parts.path.startswith("/_simulator/"):
            self._write(message_response(405, f'Method "{self.command}" not allowed.'), {})
            return
        self._control(parts.path, dict(parse_qsl(parts.query)), body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing; `Simulator.requests` remembers."""

    def handle(self) -> None:
        """Serve the connection until it ends, however it ends."""
        try:
            super().handle()
        except OSError:
            self.close_connection = True

    def _control(self, path: str, query: dict[str, str], body: bytes) -> None:
        if not ipaddress.ip_address(self.client_address[0]).is_loopback:
            self._write(message_response(403, "controls are for this machine only"), {})
            return
        self._write(self.simulator.control(path, query, body), {})

    # -- writing -----------------------------------------------------------------------------

    def _send(self, response: Response, extra: dict[str, str], fault: Fault | None) -> None:
        kind = "" if fault is None else fault.kind
        if isinstance(response, ListResponse) and kind:
            response = response.whole()
        if kind == "hang":
            self._wait(None if fault is None else fault.seconds)
            self._close_now()
        elif kind == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._close_now()
        elif kind == "truncate":
            self.connection.sendall(self._head(response, extra, len(response.body)) + _half(response.body))
            self._close_now()
        elif kind == "truncate_silent":
            self._send_cut(response, extra, chunked=fault is not None and fault.chunked)
            self._close_now()
        elif kind == "drip":
            self._drip(response, extra, None if fault is None else fault.seconds)
        else:
            self._write(response, extra)

    def _write(self, response: Response, extra: dict[str, str]) -> None:
        if isinstance(response, ListResponse):
            if not self.simulator.gzip and len(response.pieces) < _MAX_PIECES:
                self._write_pieces(response, extra)
                return
            response = response.whole()
        body = response.body
        if self.simulator.gzip and "gzip" in self.headers.get("Accept-Encoding", ""):
            body = gzip.compress(body, compresslevel=1)
            extra = {**extra, "Content-Encoding": "gzip"}
        self.connection.sendall(self._head(response, extra, len(body)) + body)

    def _write_pieces(self, response: ListResponse, extra: dict[str, str]) -> None:
        length = sum(map(len, response.pieces))
        pieces = (self._head(response, extra, length), *response.pieces)
        sent = self.connection.sendmsg(pieces)
        if sent < length + len(pieces[0]):
            self.connection.sendall(b"".join(pieces)[sent:])

    def _head(self, response: Response, extra: dict[str, str], length: int | None) -> bytes:
        lines = [
            f"HTTP/1.1 {response.status} {_REASONS.get(response.status, 'Simulated')}",
            f"Date: {self.date_time_string(now().timestamp() if (now := self.simulator.now) else None)}",
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

    def _drip(self, response: Response, extra: dict[str, str], seconds: float | None) -> None:
        self.connection.sendall(self._head(response, extra, len(response.body)))
        until = None if seconds is None else time.monotonic() + seconds
        for place in range(len(response.body)):
            if until is not None and time.monotonic() >= until:
                self.connection.sendall(response.body[place:])
                return
            self.connection.sendall(response.body[place : place + 1])
            if self.simulator.stopping.wait(_DRIP_PAUSE):
                break
        self._close_now()

    def _wait(self, seconds: float | None) -> None:
        self.simulator.stopping.wait(seconds)

    def _close_now(self) -> None:
        self.close_connection = True
        self.server.shutdown_request(self.request)


def _half(body: bytes) -> bytes:
    return body[: max(1, len(body) // 2)]

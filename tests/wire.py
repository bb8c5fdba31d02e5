"""A bare HTTP server over real sockets, for answers that no well-behaved server gives."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

TOKEN = "sentinel-4f2a91c07b"


@dataclass
class Request:
    number: int
    path: str
    query: dict[str, str]
    headers: dict[str, str]

    @property
    def page(self) -> int:
        return int(self.query["page"])

    @property
    def size(self) -> int:
        return int(self.query["page_size"])


Handler = Callable[[Request], "bytes | Callable[[socket.socket], None]"]


def answer(
    body: Any, status: int = 200, headers: dict[str, str] | None = None, *, kind: str = "application/json"
) -> bytes:
    """One complete HTTP answer; a body that is not bytes is sent as JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Told", f"Content-Type: {kind}", f"Content-Length: {len(data)}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data


def rows_of(request: Request, total: int) -> bytes:
    """A page of a list of the numbers from 0 to `total`."""
    start = (request.page - 1) * request.size
    rows = [{"n": n} for n in range(start, min(start + request.size, total))]
    return answer({"count": total, "data": rows})


def hang(conn: socket.socket) -> None:
    """Never answer: wait until the other side goes away."""
    conn.settimeout(20)
    with suppress(OSError):
        conn.recv(1)


def drip(conn: socket.socket, text: bytes = b"HTTP/1.1 200 OK\r\nX: ") -> None:
    """Answer a byte now and then, without end."""
    conn.sendall(text)
    with suppress(OSError):
        for _ in range(400):
            conn.sendall(b"x")
            time.sleep(0.05)


@dataclass
class Wire:
    """The running server: `requests` are those it got, `url` its address."""

    listener: socket.socket
    handler: Handler
    tls: ssl.SSLContext | None = None
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _open: set[socket.socket] = field(default_factory=set)
    _threads: list[threading.Thread] = field(default_factory=list)
    _closed: bool = False

    @property
    def port(self) -> int:
        return int(self.listener.getsockname()[1])

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://localhost:{self.port}"

    def accept(self) -> None:
        while True:
            try:
                conn, _ = self.listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self.serve, args=(conn,))
            with self._lock:
                if self._closed:
                    conn.close()
                    return
                self.connections += 1
                self._open.add(conn)
                self._threads.append(thread)
            thread.start()

    def serve(self, conn: socket.socket) -> None:
        wrapped = conn
        try:
            conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.tls:
                wrapped = self.tls.wrap_socket(conn, server_side=True)
                with self._lock:
                    self._open.add(wrapped)
            while (request := self.read(wrapped)) is not None:
                reply = self.handler(request)
                if callable(reply):
                    reply(wrapped)
                    return
                wrapped.sendall(reply)
        except OSError:
            pass
        finally:
            with self._lock:
                self._open -= {conn, wrapped}
            wrapped.close()
            conn.close()

    def read(self, conn: socket.socket) -> Request | None:
        data = b""
        while b"\r\n\r\n" not in data:
            piece = conn.recv(65536)
            if not piece:
                return None
            data += piece
        first, *lines = data.split(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
        url = urlsplit(first.split(" ")[1])
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        with self._lock:
            request = Request(len(self.requests) + 1, url.path, dict(parse_qsl(url.query)), headers)
            self.requests.append(request)
        return request

    def close(self) -> None:
        with self._lock:
            self._closed = True
            open_ones = list(self._open)
        for one in (self.listener, *open_ones):
            with suppress(OSError):
                socket.socket.shutdown(one, socket.SHUT_RDWR)
        self.listener.close()
        for thread in self._threads:
            thread.join(5)


@contextmanager
def serving(handler: Handler, tls: ssl.SSLContext | None = None) -> Iterator[Wire]:
    """A server for the length of a with block."""
    wire = Wire(socket.create_server(("127.0.0.1", 0), backlog=64), handler, tls)
    acceptor = threading.Thread(target=wire.accept)
    acceptor.start()
    try:
        yield wire
    finally:
        wire.close()
        acceptor.join(5)


class Clock:
    """A clock that moves only when someone sleeps."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.slept: list[float] = []
        self._lock = threading.Lock()

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return datetime(2025, 3, 1, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.seconds += seconds
            self.slept.append(seconds)


def whole_text(error: BaseException) -> str:
    """Everything an exception could put into a log: its traceback and all it holds, causes too."""
    texts, waiting, seen = [], [error], set[int]()
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        texts += [*traceback.format_exception(one), repr(one), repr(vars(one)), repr(one.args)]
        waiting += [inner for inner in (one.__cause__, one.__context__) if inner is not None]
    return "\n".join(texts)

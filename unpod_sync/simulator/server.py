"""The simulator: a world served over real HTTP, with faults on request."""

from __future__ import annotations

import json
import math
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from http.server import ThreadingHTTPServer
from types import MappingProxyType, TracebackType
from typing import Any, Self

from unpod_sync.simulator.faults import Fault, FaultState
from unpod_sync.simulator.faulty_responses import faulty_response
from unpod_sync.simulator.handler import Handler
from unpod_sync.simulator.responses import (
    Response,
    access_response,
    html_response,
    json_response,
    message_response,
    rate_response,
)
from unpod_sync.simulator.routes import Page, Route, ServerBehaviour, find_route, page_response, read_page
from unpod_sync.simulator.world import World

NEEDS_ORG_HANDLE = frozenset({"spaces", "agents"})
"""The listings that refuse a request without Org-Handle; `organizations/` tells which there are."""


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One request as the simulator saw it. `status` is None before the response, and when none was sent."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    status: int | None
    at: float
    fault: str | None = None


class RateLimit:
    """So many requests a minute, counted in windows of a minute from the first request."""

    def __init__(self, per_minute: int | None) -> None:
        """None is no limit."""
        self.per_minute = per_minute
        self._lock = threading.Lock()
        self._window_start = -math.inf
        self._used = 0

    def take(self) -> tuple[bool, dict[str, str], float]:
        """Whether the request is allowed, the headers that say so, and the seconds until the next window."""
        if self.per_minute is None:
            return True, {}, 0.0
        with self._lock:
            now = time.monotonic()
            if now - self._window_start >= 60:
                self._window_start, self._used = now, 0
            allowed = self._used < self.per_minute
            self._used += allowed
            wait = self._window_start + 60 - now
            headers = {
                "X-RateLimit-Limit": str(self.per_minute),
                "X-RateLimit-Remaining": str(self.per_minute - self._used),
                "X-RateLimit-Reset": str(math.ceil(time.time() + wait)),
            }
            return allowed, headers, wait


class Simulator:
    """Serves a world on a local port while the `with` block lasts."""

    on_request: Callable[[RequestRecord], None] | None = None
    now: Callable[[], datetime] | None = None  # the server's clock, aware; None: this machine's
    _server: _Server | None = None
    _thread: threading.Thread | None = None

    def __init__(
        self,
        world: World,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        token: str = "simulator-token-0",  # noqa: S107 — no secret, the documented default
        org_handle: str = "sim-org",
        default_page_size: int = 20,
        max_page_size: int = 100,
        latency_seconds: float = 0.0,
        faults: Sequence[Fault] = (),
        rate_limit_per_minute: int | None = None,
        projection: str = "full",
        ignore_page: frozenset[str] = frozenset(),
        count_offset: int = 0,
        login_only: frozenset[str] = frozenset(),
        missing_routes: frozenset[str] = frozenset(),
        foreign: frozenset[str] = frozenset(),
        gzip: bool = False,
        keep_requests: bool = True,
    ) -> None:
        """Nothing listens before `start`. Every option has a harmless default."""
        self.world = world
        self.token = token
        self.org_handle = org_handle
        self.latency_seconds = latency_seconds
        self.gzip = gzip
        self.requests: list[RequestRecord] = []
        self.request_counts: dict[str, int] = {}
        self.stopping = threading.Event()
        refusals = (login_only, missing_routes, foreign)
        self._behaviour = ServerBehaviour(
            default_page_size, max_page_size, projection, ignore_page, count_offset, *refusals
        )
        self._rate = RateLimit(rate_limit_per_minute)
        self._state = FaultState(faults)
        self._keep_requests = keep_requests
        self._lock = threading.Lock()
        self._address = (host, port)

    # -- life --------------------------------------------------------------------------------

    def start(self) -> Self:
        """Bind the port and answer from a thread of its own."""
        self.stopping.clear()
        self._server = _Server(self._address, Handler)
        self._server.simulator = self
        self._address = (self._address[0], self._server.server_address[1])
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name="simulator", daemon=True
        )
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop answering, let hanging requests go, free the port."""
        self.stopping.set()
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._thread.join()
            self._server.close_connections()
            self._server.server_close()
            self._server = self._thread = None

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    @property
    def port(self) -> int:
        """The port it listens on, once started."""
        return self._address[1]

    @property
    def base_url(self) -> str:
        """Where the API is, without a trailing slash."""
        return f"http://{self._address[0]}:{self._address[1]}"

    # -- what tests turn ---------------------------------------------------------------------

    @property
    def faults(self) -> tuple[Fault, ...]:
        """The faults now on. Assign a new sequence to change them; that also resets their `times`."""
        return self._state.faults

    @faults.setter
    def faults(self, faults: Sequence[Fault]) -> None:
        self._state = FaultState(faults)

    @property
    def fault_hits(self) -> list[int]:
        """How often each fault has struck, in the order of `faults`."""
        return list(self._state.hits)

    @property
    def behaviour(self) -> ServerBehaviour:
        """Page sizes, projection and the other peculiarities; assign `dataclasses.replace(sim.behaviour, …)`."""
        return self._behaviour

    @behaviour.setter
    def behaviour(self, behaviour: ServerBehaviour) -> None:
        self._behaviour = behaviour

    def limit_rate(self, per_minute: int | None) -> None:
        """Set or lift the rate limit; the window begins anew."""
        self._rate = RateLimit(per_minute)

    # -- answering ---------------------------------------------------------------------------

    def respond(
        self, path: str, query: Mapping[str, str], headers: Mapping[str, str]
    ) -> tuple[Response, Fault | None, dict[str, str]]:
        """The response to an API request, the fault that struck it, and the headers every response carries."""
        record = RequestRecord(
            "GET",
            path,
            MappingProxyType(dict(query)),
            MappingProxyType(dict(headers)),
            None,
            time.monotonic(),
        )
        if self.on_request is not None:
            self.on_request(record)
        response, fault, extra = self._decide(path, query, headers)
        silent = fault is not None and fault.kind in {"hang", "reset"}
        self._remember(record, None if silent else response.status, fault)
        return response, fault, extra

    def _decide(
        self, path: str, query: Mapping[str, str], headers: Mapping[str, str]
    ) -> tuple[Response, Fault | None, dict[str, str]]:
        route = find_route(path)
        if isinstance(route, Response):
            return route, None, {}
        if route.name in self._behaviour.missing_routes:
            return html_response(404, "Not Found"), None, {}
        allowed, extra, wait = self._rate.take()
        if not allowed:
            return rate_response(math.ceil(wait)), None, extra
        refusal = self._refusal(route, headers)
        if refusal is not None:
            return refusal, None, extra
        state = self._state
        page = read_page(self.world, route, query, self._behaviour, state.poison_ids())
        poisoned = page.poisoned if isinstance(page, Page) else frozenset[str]()
        target = path + "?" + "&".join(f"{name}={value}" for name, value in query.items())
        fault = state.strike(target, poisoned)
        honest = page_response(page) if isinstance(page, Page) else page
        if fault is None:
            return honest, None, extra
        return faulty_response(fault, honest, page, target), fault, extra

    def _refusal(self, route: Route, headers: Mapping[str, str]) -> Response | None:
        if headers.get("authorization") != f"Token {self.token}":
            return message_response(401, "Invalid or missing API token")
        if route.name in self._behaviour.login_only:
            return json_response(401, {"message": "Invalid token.", "status_code": 401, "data": None})
        handle = headers.get("org-handle")
        if handle is None:
            return (
                message_response(400, "Org-Handle header is required")
                if route.name in NEEDS_ORG_HANDLE
                else None
            )
        if handle != self.org_handle and route.name in NEEDS_ORG_HANDLE:
            return access_response("You don't have access to this organization")
        return None

    def _remember(self, record: RequestRecord, status: int | None, fault: Fault | None) -> None:
        route = find_route(record.path)
        name = route.name if isinstance(route, Route) else "unknown"
        with self._lock:
            self.request_counts[name] = self.request_counts.get(name, 0) + 1
            if self._keep_requests:
                kind = None if fault is None else fault.kind
                self.requests.append(
                    RequestRecord(
                        record.method, record.path, record.query, record.headers, status, record.at, kind
                    )
                )

    # -- control from another process ----------------------------------------------------------

    def control(self, path: str, query: Mapping[str, str], body: bytes) -> Response:
        """The endpoints under /_simulator/, for whoever runs the simulator as a process of its own."""
        from datetime import timedelta

        if path == "/_simulator/advance":
            try:
                hours = float(query.get("hours", "1"))
            except ValueError:
                return message_response(400, "hours must be a number")
            self.world.advance(timedelta(hours=hours))
            return json_response(200, {"now": self.world.now.isoformat()})
        if path == "/_simulator/faults":
            try:
                specs: list[dict[str, Any]] = json.loads(body or b"[]")
                self.faults = [Fault(**spec) for spec in specs]
            except (ValueError, TypeError) as error:
                return message_response(400, str(error))
            return json_response(200, {"faults": len(self.faults)})
        if path == "/_simulator/requests":
            return json_response(
                200, {"requests": self.request_counts, "total": sum(self.request_counts.values())}
            )
        return message_response(404, "no such control")


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    simulator: Simulator

    def __init__(self, address: tuple[str, int], handler: type[Handler]) -> None:
        super().__init__(address, handler)
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._open_lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._open_lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        """Wake the threads that wait for another request on a kept-alive connection."""
        with self._open_lock:
            waiting = list(self._open)
        for connection in waiting:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

"""The simulator: a world served over real HTTP, with faults on request."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType, TracebackType
from typing import Any, Self

from unpod_sync.simulator.faults import Fault, FaultState
from unpod_sync.simulator.faulty_responses import faulty_response
from unpod_sync.simulator.handler import Server
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
"""The listings that refuse a request without Org-Handle; `organizations/` lists them."""


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
    _server: Server | None = None
    _thread: threading.Thread | None = None

    def __init__(
        self,
        world: World,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        token: str = "simulator-token-0",  # noqa: S107 — no secret, the documented default
        org_handle: str = "sim-org",
        latency_seconds: float = 0.0,
        faults: Sequence[Fault] = (),
        rate_limit_per_minute: int | None = None,
        gzip: bool = False,
        keep_requests: bool = True,
        **behaviour: Any,
    ) -> None:
        """Nothing listens before `start`. `behaviour` are fields of `ServerBehaviour`, to begin with."""
        self.world = world
        self.token = token
        self.org_handle = org_handle
        self.latency_seconds = latency_seconds
        self.gzip = gzip
        self.requests: list[RequestRecord] = []
        self.request_counts: dict[str, int] = {}
        self.stopping = threading.Event()
        self.behaviour = ServerBehaviour(**behaviour)
        """Page sizes, projection and the other peculiarities; assign `dataclasses.replace(…)` of it."""
        self._rate = RateLimit(rate_limit_per_minute)
        self._state = FaultState(faults)
        self._keep_requests = keep_requests
        self._lock = threading.Lock()
        self._address = (host, port)

    # -- life --------------------------------------------------------------------------------

    def start(self) -> Self:
        """Bind the port and answer from a thread of its own."""
        self.stopping.clear()
        self._server = Server(self._address, self)
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

    # -- answering ---------------------------------------------------------------------------

    def respond(
        self, path: str, query: Mapping[str, str], headers: Mapping[str, str]
    ) -> tuple[Response, Fault | None, dict[str, str]]:
        """The response to an API request, the fault that struck it, and the headers every response carries."""
        asked = MappingProxyType(dict(query)), MappingProxyType(dict(headers))
        record = RequestRecord("GET", path, *asked, None, time.monotonic())
        if self.on_request is not None:
            self.on_request(record)
        response, fault, extra = self._decide(path, query, headers)
        kind = None if fault is None else fault.kind
        status = None if kind in {"hang", "reset"} else response.status
        route = find_route(path)
        name = route.name if isinstance(route, Route) else "unknown"
        with self._lock:
            self.request_counts[name] = self.request_counts.get(name, 0) + 1
            if self._keep_requests:
                self.requests.append(replace(record, status=status, fault=kind))
        return response, fault, extra

    def _decide(
        self, path: str, query: Mapping[str, str], headers: Mapping[str, str]
    ) -> tuple[Response, Fault | None, dict[str, str]]:
        route = find_route(path)
        if isinstance(route, Response):
            return route, None, {}
        if route.name in self.behaviour.missing_routes:
            return html_response(404, "Not Found"), None, {}
        allowed, extra, wait = self._rate.take()
        if not allowed:
            return rate_response(math.ceil(wait)), None, extra
        refusal = self._refusal(route, headers)
        if refusal is not None:
            return refusal, None, extra
        state = self._state
        page = read_page(self.world, route, query, self.behaviour, state.poison_ids())
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
        if route.name in self.behaviour.login_only:
            return json_response(401, {"message": "Invalid token.", "status_code": 401, "data": None})
        handle = headers.get("org-handle")
        if route.name not in NEEDS_ORG_HANDLE or handle == self.org_handle:
            return None
        if handle is None:
            return message_response(400, "Org-Handle header is required")
        return access_response("You don't have access to this organization")

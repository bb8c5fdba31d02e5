"""From a path and its parameters to a page of the world: the API's routes, paging and refusals."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import unquote

from msgspec.json import encode

from unpod_sync.simulator import defaults
from unpod_sync.simulator.responses import (
    Response,
    access_response,
    errors_response,
    html_response,
    list_response,
    message_response,
)
from unpod_sync.simulator.rows import JsonObject, StoredRow, newest
from unpod_sync.simulator.space import Space
from unpod_sync.simulator.world import World

RESOURCES: Final = frozenset(
    {"spaces", "agents", "organizations", "runs", "tasks", "run_tasks", "executions"}
)
"""The lists that can be told to ignore `page`."""

_PREFIX: Final = "/api/v2/platform/"
_ROUTES: Final = tuple(
    (name, re.compile(pattern))
    for name, pattern in (
        ("organizations", r"organizations/"),
        ("spaces", r"spaces/"),
        ("agents", r"agents/"),
        ("runs", r"spaces/(?P<space>[^/]+)/runs/"),
        ("run_tasks", r"spaces/(?P<space>[^/]+)/runs/(?P<run>[^/]+)/tasks/"),
        ("tasks", r"spaces/(?P<space>[^/]+)/tasks/"),
        ("executions", r"agents/(?P<agent>[^/]+)/executions/"),
        ("agent_tasks", r"agents/(?P<agent>[^/]+)/tasks/"),
    )
)
_MESSAGES: Final = {
    "organizations": "Organizations Fetched Successfully",
    "spaces": "Spaces Fetched Successfully",
    "agents": "Agents Fetched Successfully",
    "runs": "Runs Fetched Successfully",
    "run_tasks": "Tasks Fetched Successfully",
    "tasks": "Tasks Fetched Successfully",
    "executions": "Executions fetched successfully",
    "agent_tasks": "Tasks Fetched Successfully",
}
_PROJECTIONS: Final[dict[str, Callable[[JsonObject], JsonObject]]] = {
    "documented": defaults.documented_form,
    "minimal": defaults.minimal_form,
}


LISTINGS: Final = frozenset({"spaces", "agents", "organizations"})
"""The lists that show what there is; some servers give them to a login only."""


@dataclass(frozen=True, slots=True)
class ServerBehaviour:
    """How the simulated server behaves where servers differ.

    `login_only`: listings that response 401 to an API token. `missing_routes`: resources whose path does not
    exist (a web page with 404). `foreign`: space tokens and agent handles of other organisations, listed all
    the same, whose own lists response an access 206. `unlisted`: space tokens that `spaces/` leaves out.
    """

    default_page_size: int = 20
    max_page_size: int = 100
    projection: str = "full"
    ignore_page: frozenset[str] = frozenset()
    count_offset: int = 0
    login_only: frozenset[str] = frozenset()
    missing_routes: frozenset[str] = frozenset()
    foreign: frozenset[str] = frozenset()
    unlisted: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Refuse names nobody knows."""
        if unknown := self.login_only - LISTINGS:
            raise ValueError(f"unknown listings in login_only: {', '.join(sorted(unknown))}")
        if unknown := self.missing_routes - RESOURCES:
            raise ValueError(f"unknown resources in missing_routes: {', '.join(sorted(unknown))}")
        if self.projection not in {"full", *_PROJECTIONS}:
            raise ValueError(f"unknown projection {self.projection!r}: full, documented or minimal")
        if unknown := self.ignore_page - RESOURCES:
            raise ValueError(f"unknown resources in ignore_page: {', '.join(sorted(unknown))}")


@dataclass(frozen=True, slots=True)
class Route:
    """What a path asks for."""

    name: str
    space: str = ""
    run: str = ""
    agent: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a list: rows ready to be sent."""

    message: str
    count: int
    items: list[bytes]
    poisoned: frozenset[str] = frozenset()


def find_route(path: str) -> Route | Response:
    """The route of a path, or the redirect or refusal that it earns."""
    slashed = path if path.endswith("/") else path + "/"
    inside = slashed.removeprefix(_PREFIX)
    if inside != slashed:
        for name, pattern in _ROUTES:
            found = pattern.fullmatch(inside)
            if found:
                if slashed != path:
                    return Response(301, b"", content_type="text/html", headers={"Location": slashed})
                return Route(name, **{key: unquote(value) for key, value in found.groupdict().items()})
    return html_response(404, "Not Found")


def read_page(
    world: World, route: Route, query: Mapping[str, str], behaviour: ServerBehaviour, poison: set[str]
) -> Page | Response:
    """The page asked for, read from the world in one piece and with the count that is told, or a refusal."""
    if route.space in behaviour.foreign or route.agent in behaviour.foreign:
        return access_response()
    bounds = _bounds(route.name, query, behaviour)
    if isinstance(bounds, Response):
        return bounds
    with world.lock:
        page = _page(world, route, bounds, behaviour, poison)
    if isinstance(page, Page):
        return replace(page, count=max(0, page.count + behaviour.count_offset))
    return page


def _page(
    world: World, route: Route, bounds: tuple[int, int | None], behaviour: ServerBehaviour, poison: set[str]
) -> Page | Response:
    if route.space:
        space = world.space(route.space)
        return access_response() if space is None else _space_page(space, route, bounds, behaviour, poison)
    if route.name == "agent_tasks":
        return _agent_tasks(world, route, bounds)
    return _objects_page(world, route, bounds, behaviour)


def page_response(page: Page) -> Response:
    """The page as it is sent."""
    return list_response(page.message, page.count, page.items)


def _bounds(
    name: str, query: Mapping[str, str], behaviour: ServerBehaviour
) -> tuple[int, int | None] | Response:
    """First and last place of the page, counted from the newest; without a last place, everything."""
    size = _number(query.get("page_size"), behaviour.default_page_size)
    page = _number(query.get("page"), 1)
    if name in behaviour.ignore_page or size == 0:
        return 0, None
    if page < 1 or size < 0:
        return errors_response("Negative indexing is not supported: skip value must be non-negative")
    size = min(size, behaviour.max_page_size)
    return (page - 1) * size, page * size


def _number(text: str | None, default: int) -> int:
    try:
        return default if text is None else int(text)
    except ValueError:
        return default


def _space_page(
    space: Space, route: Route, bounds: tuple[int, int | None], behaviour: ServerBehaviour, poison: set[str]
) -> Page:
    rows: Sequence[StoredRow] = space.runs
    if route.name != "runs":
        rows = space.tasks if route.name == "tasks" else space.run_tasks(route.run)
    shown = newest(rows, *bounds)
    found = poison and poison.intersection(row.task_id for row in shown)
    project = _PROJECTIONS.get(behaviour.projection) if route.name == "run_tasks" else None
    if project is None:
        items = [row.encoded() for row in shown]
    else:
        items = [row.projected(behaviour.projection, project) for row in shown]
    return Page(_MESSAGES[route.name], len(rows), items, frozenset(found))


def _objects_page(
    world: World, route: Route, bounds: tuple[int, int | None], behaviour: ServerBehaviour
) -> Page | Response:
    if route.name == "executions" and not _knows_agent(world, route.agent):
        return message_response(404, "Agent not found")
    lists: dict[str, Callable[[], list[JsonObject]]] = {
        "organizations": lambda: world.organizations,
        "spaces": lambda: [space for space in world.spaces if space["token"] not in behaviour.unlisted],
        "agents": lambda: world.agents,
        "executions": lambda: world.executions(route.agent),
    }
    objects = lists[route.name]()
    first, last = bounds
    return Page(_MESSAGES[route.name], len(objects), [encode(item) for item in objects[first:last]])


def _agent_tasks(world: World, route: Route, bounds: tuple[int, int | None]) -> Page | Response:
    if not _knows_agent(world, route.agent):
        return message_response(404, "Agent not found")
    rows = sorted(_rows_of(world, route.agent), key=lambda row: row.key, reverse=True)
    first, last = bounds
    items = [row.projected("agent", defaults.agent_task_form) for row in rows[first:last]]
    return Page(_MESSAGES[route.name], len(rows), items)


def _rows_of(world: World, agent_handle: str) -> Iterator[StoredRow]:
    for space in world.live_spaces():
        for row in space.tasks:
            if row.payload().get("assignee") == agent_handle:
                yield row


def _knows_agent(world: World, handle: str) -> bool:
    return any(agent["handle"] == handle for agent in world.agents)

"""From a path and its parameters to a page of the world: the API's routes, paging and refusals."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
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

_PREFIX: Final = "/api/v2/platform/"
_ROUTES: Final = {
    "organizations": ("organizations/", "Organizations Fetched Successfully"),
    "spaces": ("spaces/", "Spaces Fetched Successfully"),
    "agents": ("agents/", "Agents Fetched Successfully"),
    "runs": ("spaces/(?P<space>[^/]+)/runs/", "Runs Fetched Successfully"),
    "run_tasks": ("spaces/(?P<space>[^/]+)/runs/(?P<run>[^/]+)/tasks/", "Tasks Fetched Successfully"),
    "tasks": ("spaces/(?P<space>[^/]+)/tasks/", "Tasks Fetched Successfully"),
    "executions": ("agents/(?P<agent>[^/]+)/executions/", "Executions fetched successfully"),
}
RESOURCES: Final = frozenset(_ROUTES)
"""The lists that a client reads."""

LISTINGS: Final = frozenset({"spaces", "agents", "organizations"})
"""The lists that show what there is; some servers give them to a login only."""

_PROJECTIONS: Final[Mapping[str, Callable[[JsonObject], JsonObject]]] = {
    "full": lambda task: task,
    "documented": defaults.documented_form,
    "minimal": defaults.minimal_form,
}


@dataclass(frozen=True, slots=True)
class ServerBehaviour:
    """How the simulated server behaves where servers differ.

    `login_only`: listings that answer 401 to an API token. `missing_routes`: resources whose path does not
    exist (a web page with 404). `foreign`: space tokens and agent handles of other organisations, listed all
    the same, whose own lists answer an access 206. `unlisted`: space tokens that `spaces/` leaves out.
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
        """Refuse unknown names."""
        for name, allowed, kind in (
            ("login_only", LISTINGS, "listings"),
            ("missing_routes", RESOURCES, "resources"),
            ("ignore_page", RESOURCES, "resources"),
        ):
            if unknown := getattr(self, name) - allowed:
                raise ValueError(f"unknown {kind} in {name}: {', '.join(sorted(unknown))}")
        if self.projection not in _PROJECTIONS:
            raise ValueError(f"unknown projection {self.projection!r}: one of {', '.join(_PROJECTIONS)}")


@dataclass(frozen=True, slots=True)
class Route:
    """What a path asks for."""

    name: str
    space: str = ""
    run: str = ""
    agent: str = ""


Bounds = tuple[int, int | None]


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
        for name, (pattern, _) in _ROUTES.items():
            found = re.fullmatch(pattern, inside)
            if found:
                if slashed != path:
                    return Response(301, b"", content_type="text/html", headers={"Location": slashed})
                return Route(name, **{key: unquote(value) for key, value in found.groupdict().items()})
    return html_response(404, "Not Found")


def read_page(
    world: World, route: Route, query: Mapping[str, str], behaviour: ServerBehaviour, poison: set[str]
) -> Page | Response:
    """The page asked for, read from the world in one piece and with the count that is sent, or a refusal."""
    if route.space in behaviour.foreign or route.agent in behaviour.foreign:
        return access_response()
    bounds = _bounds(route.name, query, behaviour)
    if isinstance(bounds, Response):
        return bounds
    with world.lock:
        space = world.space(route.space)
        if route.space:
            page = _rows_page(space, route, bounds, behaviour, poison) if space else access_response()
        elif route.agent and not any(agent["handle"] == route.agent for agent in world.agents):
            page = message_response(404, "Agent not found")
        else:
            objects = _objects(world, route, behaviour)
            items = [encode(item) for item in objects[slice(*bounds)]]
            page = Page(_ROUTES[route.name][1], len(objects), items)
    if isinstance(page, Page):
        return replace(page, count=max(0, page.count + behaviour.count_offset))
    return page


def page_response(page: Page) -> Response:
    """The page as it is sent."""
    return list_response(page.message, page.count, page.items)


def _bounds(name: str, query: Mapping[str, str], behaviour: ServerBehaviour) -> Bounds | Response:
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


def _rows_page(
    space: Space, route: Route, bounds: Bounds, behaviour: ServerBehaviour, poison: set[str]
) -> Page | Response:
    rows: Sequence[StoredRow] = space.runs
    if route.name != "runs":
        rows = space.tasks if route.name == "tasks" else space.run_tasks(route.run)
    shown = newest(rows, *bounds)
    found = poison and poison.intersection(row.task_id for row in shown)
    if route.name == "run_tasks" and behaviour.projection != "full":
        items = [encode(_PROJECTIONS[behaviour.projection](row.payload())) for row in shown]
    else:
        items = [row.encoded() for row in shown]
    return Page(_ROUTES[route.name][1], len(rows), items, frozenset(found))


def _objects(world: World, route: Route, behaviour: ServerBehaviour) -> list[JsonObject]:
    """A list that has no rows of its own, newest first."""
    match route.name:
        case "organizations":
            return world.organizations
        case "spaces":
            return [space for space in world.spaces if space["token"] not in behaviour.unlisted]
        case "agents":
            return world.agents
    return world.executions(route.agent)

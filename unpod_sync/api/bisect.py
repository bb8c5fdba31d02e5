"""A page that keeps failing, split into smaller pages until the bad rows stand alone.

The server validates whole pages: one row it cannot show fails its page at every size
(`docs/api-behaviour.md`, section 2). The rest of the page can still be had.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace

from unpod_sync.api import Client
from unpod_sync.errors import ApiError, ResponseError, UnavailableError
from unpod_sync.model import Page, Resource

MOST_BYTES = 1 << 28
"""Of the pieces of one page; rows beyond count as unreadable, since a page's rows are held together."""

PIECE_ATTEMPTS = 2
ROW_ATTEMPTS = 4
"""A piece is tried twice, since its page has already failed after every retry. The last word on a
single row is spoken more slowly: on a server that also fails at random, two failures prove little."""


@dataclass(frozen=True, slots=True)
class PartialPage:
    """What could be saved of a failing page.

    `page` has the readable rows in the server's order under the failing page's own number and
    size; its `sequence` is that of the first piece that came, the oldest. `bad_positions` are the
    offsets of the unreadable rows from the start of the list, rising from 0.
    """

    page: Page
    bad_positions: tuple[int, ...]


@dataclass(slots=True)
class _Search:
    """The pieces read so far; no piece is read twice, save a single row that failed a quick look."""

    client: Client
    resource: Resource
    read: dict[tuple[int, int], Page | None] = field(default_factory=dict)
    pages: list[Page] = field(default_factory=list)
    bad: list[int] = field(default_factory=list)
    is_past_end: bool = False
    known: frozenset[int] = frozenset()

    def look(self, offset: int, size: int, attempts: int = PIECE_ATTEMPTS) -> Page | None:
        """The rows from `offset`, which `size` must divide; None when the piece fails like its page."""
        known = self.read.get((offset, size))
        if known is not None or ((offset, size) in self.read and size > 1):
            return known
        try:
            page: Page | None = self.client.fetch(self.resource, offset // size + 1, size, attempts=attempts)
        except (ResponseError, UnavailableError):
            page = None
        if page is not None and len(page.rows) > size:
            # The server ignores page_size: no piece can be told from the next.
            page = None
        self.read[offset, size] = page
        return page

    def holds_known(self, offset: int, size: int) -> bool:
        """Whether a row of this piece is known to be unreadable."""
        return not self.known.isdisjoint(range(offset, offset + size))

    def split(self, offset: int, size: int) -> None:
        """Read the rows of a piece that failed, smaller piece by smaller piece."""
        part = size // _smallest_factor(size)
        for start in range(offset, offset + size, part):
            if self.is_past_end:
                return
            self.take(start, part)

    def take(self, offset: int, size: int) -> None:
        """Read one piece, splitting it when it fails, or at once when a row in it has failed before."""
        if sum(page.bytes for page in self.pages) > MOST_BYTES:
            self.bad.extend(range(offset, offset + size))
            return
        is_known = self.holds_known(offset, size)
        if is_known and size > 1:
            self.split(offset, size)
            return
        attempts = 1 if is_known else ROW_ATTEMPTS if size == 1 else PIECE_ATTEMPTS
        page = self.look(offset, size, attempts)
        if page is not None:
            self.pages.append(page)
            self.is_past_end = not page.rows
        elif size == 1:
            self.bad.append(offset)
        else:
            self.split(offset, size)


def bisect_page(
    client: Client,
    resource: Resource,
    page: int,
    size: int,
    error: ApiError,
    known: Collection[int] = (),
) -> PartialPage:
    """Read what can be read of a page that failed with `error` after all its retries.

    `known` are the offsets of rows that an earlier search found unreadable: the pieces beside them are read
    at once, and they themselves are tried one more time.
    The pieces' sizes divide the page's (100, 50, 25, 5, 1), so that each is a page of its own; a page of
    one row is tried once more. `error` itself is raised when it is of a kind that smaller pages cannot
    cure, and when the list is dead: neither half nor any of three single rows can be read.
    Errors of other kinds that come up on the way (BudgetError, CredentialsError …) are raised.
    """
    if not isinstance(error, (ResponseError, UnavailableError)):
        raise error
    offset = (page - 1) * size
    search = _Search(client, resource, read={(offset, size): None}, known=frozenset(known))
    if not _is_alive(search, offset, size):
        raise error
    search.take(offset, size)
    return PartialPage(_joined(search.pages, resource, page, size), tuple(search.bad))


def _is_alive(search: _Search, offset: int, size: int) -> bool:
    """Whether any row of the page can be read, found out with a handful of requests.

    The halves (or the first two parts) tell at once unless each holds a bad row; only then are
    three single rows tried. Of a page of one row the neighbours tell.
    """
    if size == 1:
        return any(search.look(start, 1) is not None for start in (offset, offset + 1, max(0, offset - 1)))
    part = size // _smallest_factor(size)
    probes = [(offset, part), (offset + part, part)]
    probes += [(offset + size * quarter // 4, 1) for quarter in (1, 2, 3)]
    return any(
        search.look(start, length) is not None
        for start, length in probes
        if not search.holds_known(start, length)
    )


def _joined(pages: list[Page], resource: Resource, page: int, size: int) -> Page:
    """The pieces' rows as one page."""
    empty = Page(resource, page, size, [], None)
    if not pages:
        return empty
    rows = [row for piece in pages for row in piece.rows]
    count = next((piece.count for piece in pages if piece.count is not None), None)
    return replace(pages[0], number=page, size=size, rows=rows, count=count)


def _smallest_factor(size: int) -> int:
    """The least divisor above 1: the gentlest split that keeps every piece a page of its own."""
    return next(factor for factor in range(2, size + 1) if size % factor == 0)

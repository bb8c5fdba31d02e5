"""The definitions of the numbers, as the published file itself holds them."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from unpod_sync.errors import UsageError
from unpod_sync.suggest import did_you_mean


@dataclass(frozen=True, slots=True)
class Metric:
    """One number: the view and column it stands in, and how it is computed."""

    view: str
    name: str
    definition: str
    source: str
    caveat: str | None


@dataclass(frozen=True, slots=True)
class View:
    """A view: its grain, and its metrics in the order of its columns."""

    name: str
    comment: str | None
    metrics: list[Metric]


def definitions(connection: duckdb.DuckDBPyConnection, name: str | None = None) -> list[View]:
    """All views with their metrics; with `name` that view, or the metrics of that name.

    `view.metric` names one exactly. Raises `UsageError` when there is no such name.
    """
    views = _views(connection)
    if name is None:
        return views
    view_name, _, metric_name = name.lower().rpartition(".")
    whole = [view for view in views if view.name == metric_name and not view_name]
    if whole:
        return whole
    found = [
        View(view.name, view.comment, chosen)
        for view in views
        if view_name in ("", view.name) and (chosen := [m for m in view.metrics if m.name == metric_name])
    ]
    if found:
        return found
    known = sorted({view.name for view in views} | {metric.name for view in views for metric in view.metrics})
    hint = did_you_mean(metric_name, known) or "All of them: `unpod-sync metrics`"
    raise UsageError(f"there is no view or metric {name!r}", hint)


def _views(connection: duckdb.DuckDBPyConnection) -> list[View]:
    comments = connection.execute(
        "select view_name, comment from duckdb_views() where schema_name = 'main' and not internal"
    ).fetchall()
    metrics = [
        Metric(*row)
        for row in connection.execute(
            "select view_name, name, definition, source_fields, caveat from meta.metrics"
        ).fetchall()
    ]
    named = {metric.view for metric in metrics}
    return [
        View(name, comment, [metric for metric in metrics if metric.view == name])
        for name, comment in sorted(comments)
        if name in named
    ]

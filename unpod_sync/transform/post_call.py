"""What was made of the call afterwards: summary, outcome, score, callback (`sql/README.md`)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pyarrow as pa

from unpod_sync.transform.columns import Columns, RecordColumns, Values, given_text, nested, spelled
from unpod_sync.transform.compute import pc
from unpod_sync.transform.json_codec import embedded, encode_all, encode_text
from unpod_sync.transform.parse import (
    ParseError,
    canonical_outcome,
    is_missing,
    read_score,
    read_text,
    read_time,
)

ANALYSIS = "output.post_call_data"
SUMMARY = f"{ANALYSIS}.summary"
PROFILE = f"{ANALYSIS}.profile_summary"
OUTCOMES = (f"{SUMMARY}.status", f"{ANALYSIS}.outcome", f"{PROFILE}.outcome")


def analysis(batch: RecordColumns) -> Columns:
    """Summary, sentiment, labels, follow-ups and the analysis itself as JSON."""
    posts = batch.raw(ANALYSIS)
    labels = [
        _labels(batch, index, value) for index, value in enumerate(batch.raw(f"{ANALYSIS}.classification"))
    ]
    sentiments = [
        nested(value, ("sentiment", "label", "value")) for value in batch.raw(f"{ANALYSIS}.sentiment")
    ]
    return {
        "summary": pa.array(_summaries(batch), pa.string()),
        "sentiment": pa.array(
            [text.strip().lower() if text and not is_missing(text) else None
             for text in batch.texts("sentiment", sentiments).to_pylist()],
            pa.string(),
        ),
        "labels": pa.array(labels, pa.string()),
        "has_analysis": pa.array([_has_analysis(post) for post in posts], pa.bool_()),
        "input_json": _json_texts(list(map(spelled, batch.raw("input")))),
        "post_call_json": _json_texts(list(map(spelled, posts))),
        "structured_data_json": _structured(batch),
    }  # fmt: skip


def _summaries(batch: RecordColumns) -> list[str | None]:
    """The first summary that says something; a text where an object is usual is the summary itself."""
    names = ("summary", "summary_text", "text")
    columns = [
        batch.raw(path) for path in (SUMMARY, ANALYSIS, "output.call_summary", "output.summary", PROFILE)
    ]
    found: list[str | None] = []
    for index, values in enumerate(zip(*columns, strict=True)):
        text = None
        usual = values[0].get("summary") if type(values[0]) is dict else None
        if type(usual) is str and not is_missing(usual):
            found.append(read_text(usual))
            continue
        for position, value in enumerate(values):
            if value is None or (position == 1 and isinstance(value, dict)):
                continue
            candidate = _named(value, names)
            if isinstance(candidate, str) and not is_missing(candidate):
                text = read_text(candidate)
                break
            if not is_missing(candidate) and position != 1:
                batch.reject(index, "summary", value, "no text inside")
        found.append(text)
    return found


def _named(value: Any, names: tuple[str, ...]) -> Any:
    """The first of the names an object (also as JSON text) has a value under; other values as they are."""
    if isinstance(value, str):
        inner = embedded(value)
        value = inner if isinstance(inner, dict) else value
    if isinstance(value, dict):
        return next((value[name] for name in names if not is_missing(value.get(name))), None)
    return value


def _labels(batch: RecordColumns, index: int, classification: Any) -> str | None:
    labels = _named(classification, ("labels", "label", "label_names"))
    if isinstance(labels, str):
        return None if is_missing(labels) else read_text(labels)
    if isinstance(labels, list):
        try:
            texts = [given_text(nested(label, ("label", "name", "value"))) for label in labels]
            return ", ".join(text for text in texts if text is not None) or None
        except ParseError:
            pass
    if labels is not None:
        batch.reject(index, "labels", labels, "not a list of labels")
    return None


def _has_analysis(value: Any) -> bool:
    """Whether an analysis says anything: an object with some content at any depth, or a text."""
    value = spelled(value)
    return (
        _has_content(value) if isinstance(value, dict) else isinstance(value, str) and not is_missing(value)
    )


def _has_content(value: Any) -> bool:
    if isinstance(value, dict | list):
        inner = value.values() if isinstance(value, dict) else value
        # What says something at once is looked for first: nearly every analysis has such a field.
        return any(type(v) is str and v != "" for v in inner) or any(map(_has_content, inner))
    return value is not None and value != ""


def _json_texts(values: Values) -> pa.Array:
    """Each value as JSON text, NULL for null."""
    texts = iter(encode_all([value for value in values if value is not None]))
    return pa.array([None if value is None else next(texts) for value in values], pa.string())


def _structured(batch: RecordColumns) -> pa.Array:
    """structured_data as JSON text; text that is no JSON, as sent."""
    values = [spelled(value) for value in batch.raw(f"{ANALYSIS}.structured_data")]
    objects = _json_texts([value if isinstance(value, dict | list) else None for value in values])
    if {dict, list, type(None)}.issuperset(map(type, values)):
        return objects
    sent = [
        None if isinstance(value, dict | list) or is_missing(value) else read_text(value) for value in values
    ]
    return pc.coalesce(objects, pa.array(sent, pa.string()))


def outcome(batch: RecordColumns) -> Columns:
    """Outcome and success score with their labels."""
    labels = batch.labels("outcome", OUTCOMES, canonical_outcome)
    evaluators = batch.raw(f"{ANALYSIS}.success_evaluator")
    scores: list[tuple[float | None, float | None]] = []
    for index, value in enumerate(evaluators):
        try:
            scores.append(read_score(value))
        except ParseError as refusal:
            batch.reject(index, "success_score", value, str(refusal))
            scores.append((None, None))
    return {
        "outcome": pa.array(list(map(canonical_outcome, labels)), pa.string()),
        "outcome_label": pa.array(labels, pa.string()),
        "success_score": pa.array([score for score, _ in scores], pa.float64()),
        "success_score_scale": pa.array([scale for _, scale in scores], pa.float64()),
        "success_label": batch.texts("success_label", [_as_sent(value) for value in evaluators]),
    }


def _as_sent(value: Any) -> Any:
    return encode_text(value) if isinstance(value, dict | list) else value


def callback(batch: RecordColumns) -> Columns:
    """When the contact asked to be called back; a time that cannot be read stays in the label.

    A model wrote the contact's words down: a time without a zone is in the configured one.
    """
    times: list[datetime | None] = []
    labels: list[str | None] = []
    sources = zip(
        batch.raw(f"{SUMMARY}.callback_datetime"),
        batch.raw(f"{PROFILE}.callback_time"),
        batch.objects(f"{ANALYSIS}.follow_up"),
        strict=True,
    )
    for index, (asked, profile, follow_up) in enumerate(sources):
        required = follow_up.get("required")
        is_required = required is True or (
            isinstance(required, str) and required.strip().lower() in ("true", "yes")
        )
        candidates = (asked, profile, follow_up.get("time") if is_required else None)
        value = next((value for value in candidates if not is_missing(value)), None)
        moment = None
        try:
            moment = read_time(value, batch.zone)
        except ParseError as refusal:
            batch.reject(index, "callback_at", value, str(refusal))
        times.append(moment)
        labels.append(_as_sent(value))
    return {
        "callback_at": pa.array(times, pa.timestamp("us")),
        "callback_label": batch.texts("callback_label", labels),
    }

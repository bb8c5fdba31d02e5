"""The columns that are more than a value at a path: one function per group, in `DERIVATIONS`.

Definitions are those of `METRICS.md`; the platform's own rules, of `API_FACTS.md` section 7.
A function takes the batch, with the columns before it in `batch.arrays`, and gives its columns.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from unpod_sync.batch import Batch, Values, dict_of, given_text
from unpod_sync.jsontext import embedded, encode_all, encode_text
from unpod_sync.normalize import (
    Refused,
    contact_key,
    fold,
    fold_call_type,
    fold_outcome,
    id_time,
    is_missing,
    looks_like_number,
    read_number,
    read_score,
    read_text,
    read_time,
)

LONGEST_CALL = 12 * 3600.0
LONGEST_IN_SPANS = 100
QUARTER = 900  # every zone's offset holds for whole quarter hours
DAY = 86400

ANALYSIS = "output.post_call_data"
SUMMARY = f"{ANALYSIS}.summary"
PROFILE = f"{ANALYSIS}.profile_summary"
NUMBER_KEYS = ("contact_number", "phone", "phone_number", "mobile", "mobile_number", "number", "contact")
SURE_NUMBER_KEYS = NUMBER_KEYS[:5]
NAME_KEYS = ("name", "customer_name", "contact_name", "full_name", "fullName")
INDIAN_ZONES = ("Asia/Kolkata", "Asia/Calcutta")
AMERICAN_ZONES = ("America/", "US/", "Canada/", "EST", "CST", "MST", "PST", "Pacific/Honolulu")

# What the functions below read, so that a batch can read it at one visit; see `Batch`.
DERIVED_PATHS = (
    "created", "created_at", "execution_type", "input", "output", "user_info",
    *(f"output.{key}" for key in (
        "call_status", "call_summary", "call_type", "cost", "data", "duration", "error", "message", "metadata",
        "post_call_data", "referenced_task", "summary", "transcript", "type",
    )),
    "output.metadata.cost", "output.metadata.type", "input.call_type",
    *(f"{ANALYSIS}.{key}" for key in (
        "classification", "follow_up", "outcome", "profile_summary", "sentiment", "structured_data",
        "success_evaluator", "summary",
    )),
    f"{SUMMARY}.status", f"{SUMMARY}.callback_datetime", f"{PROFILE}.outcome", f"{PROFILE}.callback_time",
)  # fmt: skip

Columns = dict[str, pa.Array]


def shapes(batch: Batch) -> Columns:
    """No column: notes the objects of a task that are something else."""
    for path in ("input", "output", "output.metadata", "user_info"):
        for index, (value, read) in enumerate(zip(batch.raw(path), batch.objects(path), strict=True)):
            if read or isinstance(value, dict) or is_missing(value):
                continue
            if not (path == "output" and isinstance(value, str)):  # text is the output's message
                batch.reject(index, path, value, "not an object")
    return {}


def created(batch: Batch) -> Columns:
    """Creation as sent; from the time-based id only where it is missing (truncated to seconds alike)."""
    values = batch.values("created|created_at")
    if None in values or any(map(is_missing, values)):
        values = [
            _iso(id_time(record.id) or id_time(str(record.value.get("run_id")))) if is_missing(value) else value
            for record, value in zip(batch.records, values, strict=True)
        ]
    return {"created_at": batch.times("created_at", values)}


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def contact(batch: Batch) -> Columns:
    """Name and number of the contact: from the input, else as far as the output tells them."""
    inputs, outputs = batch.objects("input"), batch.objects("output")
    country = zone_country(batch.zone.key)
    numbers: Values = []
    names: Values = []
    for index, (given, output) in enumerate(zip(inputs, outputs, strict=True)):
        number = given.get("contact_number")
        if type(number) is not str or is_missing(number):
            number = _number(batch, index, given, output)
        numbers.append(number)
        name = given.get("name")
        names.append(name if type(name) is str and not is_missing(name) else _name(given, output))
    return {
        "contact_number": batch.texts("contact_number", numbers),
        "contact_name": batch.texts("contact_name", names),
        "contact_key": pa.array([contact_key(number, country) for number in numbers], pa.string()),
    }


def _number(batch: Batch, index: int, given: dict[str, Any], output: dict[str, Any]) -> str | None:
    customer = dict_of(output.get("customer"))
    candidates = [(given.get(key), key in SURE_NUMBER_KEYS) for key in NUMBER_KEYS]
    candidates.append((output.get("contact_number"), False))
    candidates += [(customer.get(key), False) for key in ("number", "contact_number", "phone")]
    for value, sure in candidates:
        try:
            text = given_text(value)
        except Refused as refusal:
            batch.reject(index, "contact_number", value, str(refusal))
            continue
        if text is not None and (sure or looks_like_number(text)):
            return text
    return None


def _name(given: dict[str, Any], output: dict[str, Any]) -> str | None:
    customer = output.get("customer")
    parts = [given.get("first_name", given.get("firstName")), given.get("last_name", given.get("lastName"))]
    joined = " ".join(part for part in parts if isinstance(part, str) and not is_missing(part))
    candidates = [*(given.get(key) for key in NAME_KEYS), joined]
    candidates.append(customer.get("name") if isinstance(customer, dict) else customer)
    for value in candidates:
        if isinstance(value, str) and not is_missing(value) and not looks_like_number(value):
            return value
    return None


def zone_country(zone: str) -> str:
    """The country code that national numbers of a time zone take: 91, 1 or none."""
    if zone in INDIAN_ZONES:
        return "91"
    return "1" if zone.startswith(AMERICAN_ZONES) else ""


def call(batch: Batch) -> Columns:
    """Type, status, cost, error and message of the call."""
    places = ("output.call_type", "output.type", "output.metadata.type", "input.call_type")
    types = _first_labels(batch, "call_type", places, fold_call_type)
    statuses = [
        value if type(value) is str else _nested(value, ("status", "value", "name", "label"))
        for value in batch.raw("output.call_status")
    ]
    labels = batch.texts("call_status", statuses)
    errors = [
        value if type(value) is str else _nested(value, ("message", "error", "detail", "reason"))
        for value in batch.raw("output.error")
    ]
    return {
        "call_type": pa.array(list(map(fold_call_type, types)), pa.string()),
        "call_type_label": pa.array(types, pa.string()),
        "call_status": pa.array(list(map(fold, labels.to_pylist())), pa.string()),
        "call_status_label": labels,
        "cost": _cost(batch),
        "error_message": batch.texts("error_message", errors),
        "output_message": batch.texts("output_message", _output_messages(batch)),
        "referenced_task_id": batch.texts(
            "referenced_task_id", [_nested(value, ("task_id", "id")) for value in batch.raw("output.referenced_task")]
        ),
    }


def _nested(value: Any, names: tuple[str, ...]) -> Any:
    """The named text inside an object; anything else as it is."""
    if not isinstance(value, dict):
        return value
    return next((value[name] for name in names if isinstance(value.get(name), str)), value or None)


def _first_labels(
    batch: Batch, field: str, paths: tuple[str, ...], fold_label: Callable[[str | None], str | None]
) -> list[str | None]:
    """The first text that says something, of several paths, for each record.

    `fold_label` knows: it gives None for a placeholder, and remembers the labels it has seen.
    """
    found: list[str | None] = []
    for index, values in enumerate(zip(*(batch.raw(path) for path in paths), strict=True)):
        text: str | None = None
        if type(values[0]) is str and fold_label(values[0]) is not None:
            found.append(read_text(values[0]))
            continue
        for value in values:
            if value is None or value == "":
                continue
            try:
                text = given_text(value)
            except Refused as refusal:
                batch.reject(index, field, value, str(refusal))
            if text is not None:
                break
        found.append(text)
    return found


def _cost(batch: Batch) -> pa.Array:
    costs = batch.read("cost", batch.raw("output.cost"), read_number)
    if None in costs:
        others = batch.raw("output.metadata.cost")
        indices = [index for index, cost in enumerate(costs) if cost is None and others[index] is not None]
        for index in indices:
            try:
                costs[index] = read_number(others[index])
            except Refused as refusal:
                batch.reject(index, "cost", others[index], str(refusal))
    return pa.array(costs, pa.float64())


def _output_messages(batch: Batch) -> Values:
    messages = [
        message if message is not None else data if isinstance(data, str) else None
        for message, data in zip(batch.raw("output.message"), batch.raw("output.data"), strict=True)
    ]
    for index, value in enumerate(batch.raw("output")):
        if isinstance(value, str) and not is_missing(value) and not batch.objects("output")[index]:
            messages[index] = value if embedded(value) is None else None
    return messages


def duration(batch: Batch) -> Columns:
    """Seconds of the call: as sent when plausible, else end - start when that is, else NULL."""
    sent = batch.raw("output.duration")
    started = batch.arrays["started_at"].cast(pa.int64()).to_pylist()
    ended = batch.arrays["ended_at"].cast(pa.int64()).to_pylist()
    seconds: list[float | None] = []
    for index, (value, start, end) in enumerate(zip(sent, started, ended, strict=True)):
        span = None if start is None or end is None else (end - start) / 1_000_000
        reason = None
        try:
            number = read_number(value)
        except Refused as refusal:
            number, reason = None, str(refusal)
        if number:
            reason = _implausible(number, span)
            if reason is None:
                seconds.append(number)
                continue
        if span is not None and not 0 <= span <= LONGEST_CALL:
            about = f"ended_at - started_at is {span:g} s"
            reason, value = (f"{reason}; {about}", value) if reason else (f"implausible: {about}", span)
            span = None
        if reason:
            batch.reject(index, "duration_seconds", value, reason)
        seconds.append(span)
    return {"duration_seconds": pa.array(seconds, pa.float64())}


def _implausible(number: float, span: float | None) -> str | None:
    if number < 0:
        return "negative duration"
    if number > LONGEST_CALL:
        return "implausible: over 12 hours"
    if span is not None and 0 < span * LONGEST_IN_SPANS < number:
        return "implausible: over 100 times ended_at - started_at"
    return None


def analysis(batch: Batch) -> Columns:
    """Summary, sentiment, labels, follow-ups and the analysis itself as JSON."""
    posts = batch.raw(ANALYSIS)
    labels = [
        _labels(batch, index, value) for index, value in enumerate(batch.raw(f"{ANALYSIS}.classification"))
    ]
    sentiments = [_nested(value, ("sentiment", "label", "value")) for value in batch.raw(f"{ANALYSIS}.sentiment")]
    return {
        "summary": pa.array(_summaries(batch), pa.string()),
        "sentiment": pa.array(
            [text.strip().lower() if text and not is_missing(text) else None
             for text in batch.texts("sentiment", sentiments).to_pylist()],
            pa.string(),
        ),
        "labels": pa.array(labels, pa.string()),
        "has_analysis": pa.array([_has_content(post) for post in posts], pa.bool_()),
        "input_json": _json_texts(list(map(_spelled, batch.raw("input")))),
        "post_call_json": _json_texts(list(map(_spelled, posts))),
        "structured_data_json": _structured(batch),
    }  # fmt: skip


def _summaries(batch: Batch) -> list[str | None]:
    """The first summary that says something; a text where an object is usual is the summary itself."""
    names = ("summary", "summary_text", "text")
    columns = [batch.raw(path) for path in (SUMMARY, ANALYSIS, "output.call_summary", "output.summary", PROFILE)]
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


def _labels(batch: Batch, index: int, classification: Any) -> str | None:
    labels = _named(classification, ("labels", "label", "label_names"))
    if isinstance(labels, str):
        return None if is_missing(labels) else read_text(labels)
    if isinstance(labels, list):
        try:
            texts = [given_text(_nested(label, ("label", "name", "value"))) for label in labels]
            return ", ".join(text for text in texts if text is not None) or None
        except Refused:
            pass
    if labels is not None:
        batch.reject(index, "labels", labels, "not a list of labels")
    return None


def _has_content(value: Any) -> bool:
    """Whether a value holds anything at all, at any depth."""
    if isinstance(value, dict):
        return any(map(_has_content, value.values()))
    if isinstance(value, list):
        return any(map(_has_content, value))
    return value is not None and value != ""


def _spelled(value: Any) -> Any:
    """The object or list that a text spells as JSON; anything else as it is."""
    if type(value) is not str:
        return value
    inner = embedded(value)
    return value if inner is None else inner


def _json_texts(values: Values) -> pa.Array:
    """Each value as JSON text, NULL for null."""
    texts = iter(encode_all([value for value in values if value is not None]))
    return pa.array([None if value is None else next(texts) for value in values], pa.string())


def _structured(batch: Batch) -> pa.Array:
    """structured_data as JSON text; text that is no JSON, as sent."""
    values = [_spelled(value) for value in batch.raw(f"{ANALYSIS}.structured_data")]
    objects = _json_texts([value if isinstance(value, dict | list) else None for value in values])
    if {dict, list, type(None)}.issuperset(map(type, values)):
        return objects
    sent = [None if isinstance(value, dict | list) or is_missing(value) else read_text(value) for value in values]
    return pc.coalesce(objects, pa.array(sent, pa.string()))


def outcome(batch: Batch) -> Columns:
    """Outcome and success score with their labels."""
    places = (f"{SUMMARY}.status", f"{ANALYSIS}.outcome", f"{PROFILE}.outcome")
    labels = _first_labels(batch, "outcome", places, fold_outcome)
    evaluators = batch.raw(f"{ANALYSIS}.success_evaluator")
    scores: list[tuple[float | None, float | None]] = []
    for index, value in enumerate(evaluators):
        try:
            scores.append(read_score(value))
        except Refused as refusal:
            batch.reject(index, "success_score", value, str(refusal))
            scores.append((None, None))
    return {
        "outcome": pa.array(list(map(fold_outcome, labels)), pa.string()),
        "outcome_label": pa.array(labels, pa.string()),
        "success_score": pa.array([score for score, _ in scores], pa.float64()),
        "success_score_scale": pa.array([scale for _, scale in scores], pa.float64()),
        "success_label": batch.texts("success_label", [_as_sent(value) for value in evaluators]),
    }


def _as_sent(value: Any) -> Any:
    return encode_text(value) if isinstance(value, dict | list) else value


def callback(batch: Batch) -> Columns:
    """When the contact asked to be called back; a time that cannot be read stays in the label."""
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
        is_required = required is True or (isinstance(required, str) and required.strip().lower() in ("true", "yes"))
        candidates = (asked, profile, follow_up.get("time") if is_required else None)
        value = next((value for value in candidates if not is_missing(value)), None)
        moment = None
        try:
            moment = read_time(value)
        except Refused as refusal:
            batch.reject(index, "callback_at", value, str(refusal))
        times.append(moment)
        labels.append(_as_sent(value))
    return {
        "callback_at": pa.array(times, pa.timestamp("us")),
        "callback_label": batch.texts("callback_label", labels),
    }


def flags(batch: Batch) -> Columns:
    """Whether the call was dialled at all, and whether a voicemail answered."""
    started = batch.arrays["started_at"].is_valid().to_pylist()
    reasons, errors, messages, statuses = (
        batch.arrays[name].to_pylist() for name in ("call_end_reason", "error_message", "output_message", "call_status")
    )
    raw_errors = batch.raw("output.error")
    dialed = [
        is_started or not is_missing(reason) or bool(error)
        for is_started, reason, error in zip(started, reasons, raw_errors, strict=True)
    ]
    voicemail = [
        status == "voicemail" or any(text is not None and "voicemail" in text.lower() for text in texts)
        for status, *texts in zip(statuses, reasons, errors, messages, strict=True)
    ]
    return {"is_dialed": pa.array(dialed, pa.bool_()), "is_voicemail": pa.array(voicemail, pa.bool_())}


def platform(batch: Batch) -> Columns:
    """What the platform's own analytics sees, by its rules to the letter (`API_FACTS.md` section 7).

    Absent keys are read as empty objects there, so only a null or a text makes it give up.
    """
    statuses: list[str | None] = []
    scores: list[float | None] = []
    gives_up: list[bool] = []
    for record, output in zip(batch.records, batch.objects("output"), strict=True):
        post = output.get("post_call_data", {})
        summary = post.get("summary", {}) if isinstance(post, dict) else {}
        status = summary.get("status") if isinstance(summary, dict) else None
        statuses.append(read_text(status) if isinstance(status, str) else None)
        scores.append(_platform_score(post.get("success_evaluator") if isinstance(post, dict) else None))
        stuck = post is None or isinstance(post, str) or summary is None or isinstance(summary, str)
        gives_up.append(stuck and record.value.get("execution_type") == "call")
    transcripts = batch.raw("output.transcript")
    return {
        "platform_status": pa.array(statuses, pa.string()),
        "platform_has_transcript": pa.array([isinstance(t, list | str) and bool(t) for t in transcripts], pa.bool_()),
        "platform_success_score": pa.array(scores, pa.float64()),
        "platform_gives_up": pa.array(gives_up, pa.bool_()),
    }


def _platform_score(value: Any) -> float | None:
    if not value or not isinstance(value, str | int | float):
        return None
    try:
        score = float(value)
    except (ValueError, OverflowError):
        return None
    return score if math.isfinite(score) else None


def local_times(batch: Batch) -> Columns:
    """Dates, hour and weekday in the configured zone, so that readers need no time-zone data."""
    created_at = _local_seconds(batch, "created_at")
    started_at = _local_seconds(batch, "started_at")
    days = [None if second is None else second // DAY for second in started_at]
    return {
        "created_local_date": _dates([None if second is None else second // DAY for second in created_at]),
        "started_local_date": _dates(days),
        "started_local_hour": pa.array([None if s is None else s % DAY // 3600 for s in started_at], pa.int64()),
        # 1 January 1970 was a Thursday, ISO weekday 4.
        "started_local_weekday": pa.array([None if day is None else (day + 3) % 7 + 1 for day in days], pa.int64()),
    }


def _dates(days: list[int | None]) -> pa.Array:
    return pa.array(days, pa.int32()).cast(pa.date32())


def _local_seconds(batch: Batch, name: str) -> list[int | None]:
    moments = batch.arrays[name].cast(pa.int64()).to_pylist()
    zone = batch.zone
    return [
        None if moment is None else (second := moment // 1_000_000) + _offset(zone, second // QUARTER)
        for moment in moments
    ]


@lru_cache(maxsize=65536)
def _offset(zone: ZoneInfo, quarter: int) -> int:
    """Seconds to add to UTC in this quarter hour since 1970."""
    offset = datetime.fromtimestamp(quarter * QUARTER, zone).utcoffset()
    return int(offset.total_seconds()) if offset else 0


def execution_run(batch: Batch) -> Columns:
    """The run of an execution, from its key `agent_handle/run_id`."""
    runs = [record.id.removeprefix(f"{record.agent_handle}/") for record in batch.records]
    return {"run_id": pa.array(runs, pa.string())}


DERIVATIONS: dict[str, tuple[Callable[[Batch], Columns], ...]] = {
    "task": (
        shapes, created, contact, call, duration, analysis, outcome, callback, flags, platform, local_times,
    ),
    "run": (created,),
    "execution": (execution_run,),
}  # fmt: skip

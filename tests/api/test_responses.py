"""Decoding and judging answers, without a network."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unpod_sync.api.failures import Failure, FailureKind, LogRedactor
from unpod_sync.api.responses import NOTHING, Content, decode, parse_response
from unpod_sync.api.transport import Response

NOW = datetime(2025, 3, 1, tzinfo=UTC)


def read(body: Any, status: int = 200, *, kind: str = "task", page: int = 1) -> Content | Failure:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return parse_response(Response(status, {}, data), kind=kind, page=page, now=NOW, scrub=LogRedactor())


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"123456789012345678901234567890", 123456789012345678901234567890),
        (b"-9223372036854775809", -9223372036854775809),
        (b"\xef\xbb\xbf[1]", [1]),
        (b'"a\x01\nb"', "a\x01\nb"),
        (b'"a\xffb"', "a\ufffdb"),
        (rb'{"\udc00":["\ud800x","\ud83d\ude00"]}', {"\ufffd": ["\ufffdx", "😀"]}),
        (b"[Infinity, -Infinity, 1e999]", [math.inf, -math.inf, math.inf]),
        (b" [] \n", []),
        (b"", NOTHING),
        (b"[1", NOTHING),
        (b"[1] x", NOTHING),
        (b"[" * 100_000, NOTHING),
        (b"9" * 5000, NOTHING),
    ],
)
def test_decoding_takes_what_servers_send(body: bytes, value: Any) -> None:
    """Big integers exact; odd text repaired; what is no JSON is told, not raised."""
    assert decode(body) == value


def test_nan_is_read_as_nan() -> None:
    """Not JSON, yet Python servers write it."""
    assert math.isnan(decode(b'{"a": NaN}')["a"])


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_break_the_decoding(body: bytes) -> None:
    """Whatever comes, and what comes out can be written as UTF-8."""
    value = decode(body)
    if value is not NOTHING:
        json.dumps(value, ensure_ascii=False).encode()


@pytest.mark.parametrize(
    ("count", "read_as"),
    [
        (5, 5),
        (0, 0),
        (None, None),
        ("5", None),
        (-1, None),
        (True, None),
        (1.5, None),
        (10**30, None),
        (10**10, 10**10),
        (2**63 - 1, None),
    ],
)
def test_count_is_a_claim(count: Any, read_as: int | None) -> None:
    """Anything but a plain number is no claim."""
    assert read({"data": [], "count": count}) == Content([], read_as)
    assert read({"data": []}) == Content([], None)


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        ({"data": [], "errors": "x"}, 206, FailureKind.PARTIAL),
        ({"data": []}, 206, FailureKind.ACCESS),
        ({"message": "x", "errors": None}, 206, FailureKind.ACCESS),
        (b"<html>", 206, FailureKind.ACCESS),
        ({"status_code": 404, "data": {}}, 200, FailureKind.ACCESS),
        (b"<!doctype html>", 404, FailureKind.NO_ROUTE),
        ({"message": "Agent not found"}, 404, FailureKind.ACCESS),
        ({"status_code": "403"}, 200, FailureKind.ACCESS),
        ({"status_code": 200, "data": {}}, 200, FailureKind.BROKEN),
        ({"status_code": True, "data": {}}, 200, FailureKind.BROKEN),
        ({"status_code": 99, "data": {}}, 200, FailureKind.BROKEN),
        ({"data": []}, 201, FailureKind.BROKEN),
        ({"data": []}, 304, FailureKind.REDIRECT),
        ({"data": []}, 418, FailureKind.REQUEST),
        ({"data": []}, 599, FailureKind.SERVER),
        ({"results": []}, 200, FailureKind.BROKEN),
        ([], 200, FailureKind.BROKEN),
        (None, 200, FailureKind.BROKEN),
    ],
)
def test_failures_are_told_apart(body: Any, status: int, kind: FailureKind) -> None:
    """Only a 200 whose data is a list is a page."""
    outcome = read(body, status)
    assert isinstance(outcome, Failure)
    assert outcome.kind is kind


def test_rows_win_over_an_inner_status() -> None:
    """With a list in data the body's own status does not matter."""
    assert read({"status_code": 206, "data": [1]}) == Content([b"1"], None)
    assert read({"results": [1], "data": None}, kind="space") == Content([b"1"], None)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "the answer is empty (200)"),
        (b" <!DOCTYPE html>", "a web page came instead of JSON (200)"),
        (b"{", "the answer is not valid JSON (200)"),
        ({"message": "Odd"}, "the answer has no list in `data` (200): “Odd”"),
        ({"error": {"message": "Odd"}}, "the answer has no list in `data` (200): “Odd”"),
        ({"message": {"row": "Ravi"}}, "the answer has no list in `data` (200)"),
    ],
)
def test_texts_say_what_came(body: Any, text: str) -> None:
    """Never a row, at most the server's message."""
    outcome = read(body)
    assert isinstance(outcome, Failure)
    assert outcome.text == text

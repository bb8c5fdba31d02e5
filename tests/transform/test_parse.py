"""Single values: every written form, and the refusals."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unpod_sync.transform.contact import contact_key, looks_like_number
from unpod_sync.transform.parse import (
    ParseError,
    canonical_call_type,
    canonical_label,
    canonical_outcome,
    canonical_role,
    id_time,
    read_integer,
    read_number,
    read_score,
    read_text,
    read_time,
    shorten,
)


def utc(*parts):
    """A moment in UTC as the warehouse holds it: without a zone."""
    return datetime(*parts)  # noqa: DTZ001


NOON = utc(2026, 3, 2, 12, 0, 8)


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2026-03-02T12:00:08", NOON),
        ("2026-03-02 12:00:08", NOON),
        ("2026-03-02T12:00:08Z", NOON),
        (" 2026-03-02t12:00:08z ", NOON),
        ("2026-03-02T17:30:08+05:30", NOON),
        ("2026-03-02 17:30:08 +0530", NOON),
        ("2026-03-02 08:00:08-04", NOON),
        ("2026-03-02 12:00:08+00:00", NOON),
        ("2026-03-02 12:00:08 UTC", NOON),
        ("2026-03-02 12:00:08 PM", NOON),
        ("2026-03-02 12:00", NOON.replace(second=0)),
        ("2026-03-02 1:05 pm", utc(2026, 3, 2, 13, 5)),
        ("2026-03-02, 12:05 AM", utc(2026, 3, 2, 0, 5)),
        ("2026-03-02 12:00:08.5", NOON.replace(microsecond=500_000)),
        ("2026-03-02T12:00:08.675013", NOON.replace(microsecond=675_013)),
        ("2026-03-02T12:00:08.675013999Z", NOON.replace(microsecond=675_013)),
        ("2026-03-02", utc(2026, 3, 2)),
        ("20260302", utc(2026, 3, 2)),
        ("Mon, 02 Mar 2026 12:00:08 GMT", NOON),
        ("2 Mar 2026 17:30:08 +0530", NOON),
        (1772452808, NOON),
        (1772452808.25, NOON.replace(microsecond=250_000)),
        (1772452808000, NOON),
        (1772452808123, NOON.replace(microsecond=123_000)),
        ("1772452808", NOON),
        ("1772452808000", NOON),
        ({"$date": 1772452808000}, NOON),
        ({"$date": "2026-03-02T12:00:08Z"}, NOON),
        ({"$date": {"$numberLong": "1772452808000"}}, NOON),
    ],
)
def test_a_time_is_read_in_every_written_form_as_utc(written, moment):
    assert read_time(written) == moment


@pytest.mark.parametrize("nothing", [None, "", "  ", "-", "NULL", "None", "null", "N/A", "n/a"])
def test_a_placeholder_is_missing_and_not_refused(nothing):
    assert read_time(nothing) is None
    assert read_number(nothing) is None
    assert read_integer(nothing) is None
    assert canonical_label(nothing) is None
    assert canonical_outcome(nothing) is None


@pytest.mark.parametrize(
    "odd",
    [
        "tomorrow",
        "2026-02-30 10:00:00",
        "2026-13-01",
        "10:00",
        True,
        12,
        -1,
        1e300,
        float("nan"),
        float("inf"),
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59-12:00",
        [],
        {},
        {"$date": {"$date": 1}},
        {"$date": None},
        "2026-03-02 13:00 PM",
        "Mon, 02 Mar 2026 12:00:08 IST",
        "1",
        "99999999999999999999",
    ],
)
def test_what_is_no_time_is_refused(odd):
    with pytest.raises(ParseError):
        read_time(odd)


def test_the_time_inside_an_id_is_read():
    assert id_time("R31746801161611f180010a0b0c0d0e0f") == utc(2026, 3, 2, 9)
    assert id_time("31746801-1616-11f1-8001-0a0b0c0d0e0f") == utc(2026, 3, 2, 9)


@pytest.mark.parametrize(
    "identifier", ["", "T1", "T31746801161641f180010a0b0c0d0e0f", "T" + "0" * 32, "65f0c0ffee0000000000aa01"]
)
def test_an_id_without_a_time_gives_none(identifier):
    assert id_time(identifier) is None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("012025550172", "012025550172"),
        (12025550101, "12025550101"),
        (12025550101.0, "12025550101"),
        (0.5, "0.5"),
        (True, "true"),
        (None, None),
        ("", ""),
        ("a\x00b", "a\x00b"),
        ("a\ud800b", "a\ufffdb"),
        ("नमस्ते", "नमस्ते"),
    ],
)
def test_text_stays_as_it_is_and_numbers_become_their_digits(value, text):
    assert read_text(value) == text


@pytest.mark.parametrize("value", [{}, [], {"a": 1}, float("nan"), float("inf")])
def test_what_is_no_text_is_refused(value):
    with pytest.raises(ParseError):
        read_text(value)


@pytest.mark.parametrize(
    ("value", "number"),
    [(1, 1.0), (0.139, 0.139), (" 0.25 ", 0.25), ("-3", -3.0), ("1e3", 1000.0), (".5", 0.5)],
)
def test_a_number_is_read_also_from_text(value, number):
    assert read_number(value) == number


@pytest.mark.parametrize(
    "value",
    [True, "nan", "inf", "1_000", "12 s", "1,5", float("nan"), float("-inf"), 10**400, "1e999", [], {}, "٣"],
)
def test_what_is_no_finite_number_is_refused(value):
    with pytest.raises(ParseError):
        read_number(value)


def test_an_integer_is_read_when_it_is_whole_and_fits():
    assert [read_integer(value) for value in (3, 3.0, "3", " +3 ", "3.0", None)] == [3, 3, 3, 3, 3, None]
    assert read_integer("9007199254740993") == 9007199254740993
    for odd in (True, 2.5, "2.5", 2**63, "9" * 20, 1e30, "x", [1]):
        with pytest.raises(ParseError):
            read_integer(odd)


@pytest.mark.parametrize(
    ("label", "folded"),
    [
        ("notConnected", "not_connected"),
        ("not-connected", "not_connected"),
        ("Not Connected", "not_connected"),
        ("NOT_CONNECTED", "not_connected"),
        ("droped", "dropped"),
        ("callDispatched", "call_dispatched"),
        (" Completed ", "completed"),
        ("partially_completed", "partially_completed"),
        ("in  progress", "in_progress"),
    ],
)
def test_labels_fold_to_lower_case_with_underscores(label, folded):
    assert canonical_label(label) == folded


def test_call_types_and_roles_have_one_spelling():
    types = ("outboundPhoneCall", "inboundPhoneCall", "outbound", "Inbound", "sdk", "webCall")
    assert [*map(canonical_call_type, types)] == ["outbound", "inbound", "outbound", "inbound", "sdk", "web"]
    roles = (
        "assistant",
        "AI",
        "bot",
        "Agent",
        "user",
        "Customer",
        "human",
        "system",
        "tool",
        "function",
        "Coach",
    )
    assert [*map(canonical_role, roles)] == [
        "agent",
        "agent",
        "agent",
        "agent",
        "user",
        "user",
        "user",
        "system",
        "tool",
        "tool",
        "coach",
    ]


@pytest.mark.parametrize(
    ("label", "outcome"),
    [
        ("Interested", "interested"),
        ("InterestedIn", "interested"),
        ("interested", "interested"),
        ("Call Back", "call_back"),
        ("callback", "call_back"),
        ("Callback Requested", "call_back"),
        ("Send Details", "send_details"),
        ("Information Sent", "send_details"),
        ("Not Interested", "not_interested"),
        ("not-interested", "not_interested"),
        ("Not Connected", "not_connected"),
        ("notConnected", "not_connected"),
        ("Abandoned", "abandoned"),
        ("Dropped", "dropped"),
        ("droped", "dropped"),
        ("Error", "error"),
        ("Connected", "other"),
        ("Unknown", "other"),
        ("wants a call next spring", "other"),
    ],
)
def test_outcomes_fold_to_the_documented_ones(label, outcome):
    assert canonical_outcome(label) == outcome


@pytest.mark.parametrize(
    ("value", "score", "scale"),
    [
        (7, 7.0, None),
        ("8", 8.0, None),
        ("8/10", 8.0, 10.0),
        (" 8 / 10 ", 8.0, 10.0),
        ("80%", 80.0, 100.0),
        ("8 out of 10", 8.0, 10.0),
        ("Good", None, None),
        (None, None, None),
        ('{"score": 5}', 5.0, None),
        ({"score": "7/10"}, 7.0, 10.0),
        ({"reason": "none"}, None, None),
        (85, 85.0, None),
    ],
)
def test_a_score_is_read_with_the_scale_it_names(value, score, scale):
    assert read_score(value) == (score, scale)


def test_spellings_of_one_number_share_a_key():
    american = (
        "+1 202-555-0101",
        "12025550101",
        "012025550101",
        "2025550101",
        "(202) 555-0101",
        "0012025550101",
        "+1 (202) 555-0101 x12",
        "tel:+12025550101",
        "1.202.555.0101",
    )
    assert {contact_key(number) for number in american} == {"12025550101"}
    indian = (
        "+91 98765 43210",
        "919876543210",
        "09876543210",
        "9876543210",
        "+91 (0)9876543210",
        "0091-9876543210",
    )
    assert {contact_key(number) for number in indian} == {"919876543210"}


def test_the_time_zone_decides_where_ten_digits_fit_two_countries():
    assert contact_key("6465550101") == contact_key("6465550101", "91") == "916465550101"
    assert contact_key("6465550101", "1") == "16465550101"


def test_numbers_that_may_differ_keep_their_own_keys():
    keys = [
        contact_key(n) for n in ("+12025550101", "+912025550101", "+442025550101", "25550101", "+2025550101")
    ]
    assert len(set(keys)) == len(keys)
    assert [contact_key(none) for none in (None, "", "Contact 39", "000", "anonymous")] == [None] * 5


@given(st.text(max_size=40), st.sampled_from(["", "1", "91"]))
def test_a_key_is_digits_and_its_own_key(number, country):
    key = contact_key(number, country)
    assert key is None or (key.isdecimal() and key.isascii() and contact_key("+" + key, country) == key)


def test_a_name_is_not_taken_for_a_number():
    assert looks_like_number("+1 202-555-0101") and looks_like_number("911")
    assert not any(map(looks_like_number, ("Contact 39", "", "12", "unknown", "N/A")))


def test_the_text_of_a_reject_is_short_and_whole():
    assert shorten({"a": "x" * 300}) == '{"a":"' + "x" * 194
    assert shorten("\ud800") == "\ufffd"


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(ANYTHING)
def test_no_value_raises_anything_but_a_refusal(value):
    for read in (read_time, read_number, read_integer, read_text, read_score):
        try:
            read(value)
        except ParseError as refusal:
            assert str(refusal)

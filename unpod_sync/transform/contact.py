"""The contact of a task: name and number, from the input, otherwise from the output."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import pyarrow as pa

from unpod_sync.transform.columns import Columns, RecordColumns, Values, dict_of, given_text
from unpod_sync.transform.parse import ParseError, is_missing

# The names of a contact's fields, for the columns here and for `forget` and `redact`.
SURE_NUMBER_KEYS = ("contact_number", "phone", "phone_number", "mobile", "mobile_number")  # of `input`
NUMBER_KEYS = (*SURE_NUMBER_KEYS, "number", "contact")
CUSTOMER_NUMBER_KEYS = ("number", "contact_number", "phone")  # of `output.customer`
OUTPUT_KEYS = ("contact_number", "customer", "customer_number", "number", "phone", "email")
# A key with one of these words may hold a number.
NUMBER_WORDS = frozenset((
    "phone", "mobile", "number", "contact", "whatsapp", "telephone", "tel", "msisdn", "cell", "caller", "callee",
    "customer",
))  # fmt: skip
NAME_KEYS = ("name", "customer_name", "contact_name", "full_name", "fullName")
NAME_FIELDS = frozenset(
    {*(key.lower() for key in NAME_KEYS), "first_name", "last_name", "firstname", "lastname", "surname"}
)
INDIAN_ZONES = ("Asia/Kolkata", "Asia/Calcutta")
AMERICAN_ZONES = ("America/", "US/", "Canada/", "EST", "CST", "MST", "PST", "Pacific/Honolulu")

_PHONE = re.compile(r"(?:tel:|sip:)?[\d\s()+./\-\u00a0\u2010-\u2015]+", re.IGNORECASE)
PSEUDONYM = re.compile(r"(number|email|name)-[0-9a-f]{24}")  # what `redact_hash` puts in place of a value
_PLAIN_NUMBER = re.compile(r"\+?[0-9]+")
_EXTENSION = re.compile(r"(?:ext|extn|extension|[x#;,@]).*", re.IGNORECASE | re.DOTALL)


def contact(batch: RecordColumns) -> Columns:
    """Name and number of the contact: from the input, otherwise from the output."""
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


def _number(batch: RecordColumns, index: int, given: dict[str, Any], output: dict[str, Any]) -> str | None:
    customer = dict_of(output.get("customer"))
    candidates = [(given.get(key), key in SURE_NUMBER_KEYS) for key in NUMBER_KEYS]
    candidates.append((output.get("contact_number"), False))
    candidates += [(customer.get(key), False) for key in CUSTOMER_NUMBER_KEYS]
    for value, sure in candidates:
        try:
            text = given_text(value)
        except ParseError as refusal:
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


def looks_like_number(text: str) -> bool:
    """Whether a text is a telephone number: its signs only, and at least three digits; or its hash."""
    if text.startswith("number-"):
        return bool(PSEUDONYM.fullmatch(text))
    return bool(_PHONE.fullmatch(text.strip())) and sum(map(str.isdecimal, text)) >= 3


@lru_cache(maxsize=65536)
def contact_key(number: str | None, country: str = "") -> str | None:
    """The digits of a number, with the country code where it can be derived; None without digits.

    Signs, extensions, the prefixes + and 00, and leading zeros are removed. Ten remaining digits are
    a national number of India or North America. If both are possible, `country` ("91" or "1", from
    the configured time zone) decides; without it, a number that begins with 6 to 9 counts as an
    Indian mobile, and another one of the North American form as North American. All other numbers
    keep their digits, so that different numbers never get one key. A hashed number is its own key.
    """
    if number is None:
        return None
    if number.startswith("number-") and PSEUDONYM.fullmatch(number):
        return number
    if _PLAIN_NUMBER.fullmatch(number):
        main, digits = number, number.lstrip("+0")
    else:
        main = _EXTENSION.sub("", number.strip().lower().removeprefix("tel:").removeprefix("sip:"))
        digits = "".join(str(int(sign)) for sign in main if sign.isdecimal()).lstrip("0")
    if not digits or (len(digits) < 7 and any(sign.isalpha() for sign in main)):
        return None
    if main.lstrip(" (").startswith(("+", "00")):
        # A trunk zero written after the country code, +91 (0)98…, is not part of the number.
        return "91" + digits[3:] if len(digits) == 13 and digits.startswith("910") else digits
    if len(digits) != 10:
        return digits
    indian, american = digits[0] in "6789", digits[0] in "23456789" and digits[3] in "23456789"
    if american and (country == "1" or not indian):
        return "1" + digits
    return "91" + digits if indian else digits

"""Who was called: name and number, from the input, else as far as the output tells them."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from unpod_sync.transform.columns import Columns, RecordColumns, Values, dict_of, given_text
from unpod_sync.transform.parse import ParseError, contact_key, is_missing, looks_like_number

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


def contact(batch: RecordColumns) -> Columns:
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

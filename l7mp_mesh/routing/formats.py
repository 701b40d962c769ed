"""The type names of draft-snell-json-test-07, section 2.2.12."""

from __future__ import annotations

import re
from datetime import date
from typing import Final

from l7mp_mesh.ports.tree import Missing, Value

MAX_TEXT: Final = 2048
"""A longer string is none of the formats."""

CLOCK: Final = r"(?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d+)?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)"

DATE: Final = re.compile(r"(\d{4})-(\d\d)-(\d\d)", re.ASCII)
"""RFC 3339 full-date."""
TIME: Final = re.compile(CLOCK, re.ASCII)
"""RFC 3339 full-time."""
DATE_TIME: Final = re.compile(rf"(\d{{4}})-(\d\d)-(\d\d)[Tt ]{CLOCK}", re.ASCII)
"""RFC 3339 date-time."""
LANG: Final = re.compile(
    r"(?:[a-z]{2,3}(?:-[a-z]{3}){0,3}|[a-z]{4,8})(?:-[a-z]{4})?(?:-(?:[a-z]{2}|\d{3}))?"
    r"(?:-(?:[a-z0-9]{5,8}|\d[a-z0-9]{3}))*(?:-[0-9a-wy-z](?:-[a-z0-9]{2,8})+)*(?:-x(?:-[a-z0-9]{1,8})+)?"
    r"|x(?:-[a-z0-9]{1,8})+",
    re.ASCII | re.IGNORECASE,
)
"""RFC 5646 language tag."""
LANG_RANGE: Final = re.compile(r"(?:\*|[a-z]{1,8})(?:-(?:\*|[a-z0-9]{1,8}))*", re.ASCII | re.IGNORECASE)
"""RFC 4647 extended language range."""
IRI_CHARACTERS: Final = r"(?:[^\x00-\x20\x7f-\x9f<>\"{}|\\^`%]|%[0-9A-Fa-f]{2})+"
"""What an RFC 3987 IRI reference is made of."""

PATTERNS: Final[dict[str, re.Pattern[str]]] = {
    "date": DATE,
    "time": TIME,
    "date-time": DATE_TIME,
    "lang": LANG,
    "lang-range": LANG_RANGE,
    "iri": re.compile(IRI_CHARACTERS),
    "absolute-iri": re.compile("[A-Za-z][A-Za-z0-9+.-]*:" + IRI_CHARACTERS),
}

JSON_TYPES: Final = ("number", "string", "boolean", "object", "array", "null", "undefined")


def is_type(value: Value, name: str) -> bool:
    """True when `value` is of the type; an unknown name is no type at all."""
    if name in PATTERNS:
        return isinstance(value, str) and len(value) <= MAX_TEXT and _is_format(value, name)
    return name in JSON_TYPES and _is_json_type(value, name)


def _is_json_type(value: Value, name: str) -> bool:
    if isinstance(value, Missing):
        return name == "undefined"
    if isinstance(value, bool):
        return name == "boolean"
    if isinstance(value, (int, float)):
        return name == "number"
    if isinstance(value, str):
        return name == "string"
    # As typeof in JavaScript: null and arrays are objects, too.
    if isinstance(value, list):
        return name in ("array", "object")
    return name == "object" or (value is None and name == "null")


def _is_format(text: str, name: str) -> bool:
    found = PATTERNS[name].fullmatch(text)
    return found is not None and (name not in ("date", "date-time") or _has_date(found))


def _has_date(found: re.Match[str]) -> bool:
    """The first three groups are a day of the calendar."""
    try:
        date(int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        return False
    return True

"""What the operations of predicates compare with."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_network

from l7mp_mesh.control.native.reader import Cursor
from l7mp_mesh.model.match import Op
from l7mp_mesh.model.value import Frozen, Json
from l7mp_mesh.routing.regex import BadRegex, Regex

TYPES = (
    "number", "string", "boolean", "object", "undefined", "array", "null", "date", "time", "date-time",
    "lang", "lang-range", "iri", "absolute-iri",
)  # fmt: skip
"""Values of the operation `type`."""


def check_value(op: Op, cursor: Cursor) -> tuple[Frozen] | None:
    """The value that `op` compares with, in a tuple of its own; None when a problem was reported."""
    check = _CHECKS.get(op)
    if check is not None and not check(cursor):
        return None
    if op is Op.RANGE:
        return (_range(cursor.value),)
    return (cursor.frozen(),)


def _is_text(cursor: Cursor) -> bool:
    return cursor.text() is not None


def _is_number(cursor: Cursor) -> bool:
    return cursor.number() is not None


def _is_list(cursor: Cursor) -> bool:
    return cursor.items() is not None


def _is_type(cursor: Cursor) -> bool:
    if cursor.value in TYPES:
        return True
    cursor.expected("one of " + ", ".join(TYPES))
    return False


def _is_regex(cursor: Cursor) -> bool:
    pattern = cursor.text()
    if pattern is None:
        return False
    try:
        Regex(pattern)
    except BadRegex as error:
        cursor.refuse(f"not a regular expression: {error.why}")
        return False
    return True


def _is_range(cursor: Cursor) -> bool:
    if isinstance(cursor.value, list):
        items = cursor.items() or []
        ends = [item.number() for item in items]
        if len(items) == len(("start", "end")) and None not in ends:
            return True
        cursor.expected("two numbers")
        return False
    fields = cursor.fields()
    if fields is None:
        return False
    given = (fields.require("start"), fields.require("end"))
    fields.finish()
    return all([one is not None and one.number() is not None for one in given])  # noqa: C419 - report both


def _range(value: Json) -> tuple[Frozen, ...]:
    ends = [value["start"], value["end"]] if isinstance(value, dict) else value
    assert isinstance(ends, list)
    return tuple(end for end in ends if isinstance(end, int | float))


def _is_cidr(cursor: Cursor) -> bool:
    text = cursor.text()
    if text is None:
        return False
    try:
        ip_network(text, strict=False)
    except ValueError as error:
        cursor.refuse(f"not an address range: {error}")
        return False
    return True


_CHECKS: dict[Op, Callable[[Cursor], bool]] = {
    Op.STARTS: _is_text,
    Op.ENDS: _is_text,
    Op.LESS: _is_number,
    Op.MORE: _is_number,
    Op.IN: _is_list,
    Op.INTERSECTS: _is_list,
    Op.MATCHES: _is_regex,
    Op.FULL_MATCH: _is_regex,
    Op.TYPE: _is_type,
    Op.RANGE: _is_range,
    Op.CIDR: _is_cidr,
}

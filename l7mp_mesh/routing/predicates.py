"""Predicates as objects that answer yes or no.

A missing field or a value of the wrong type is "no match", and so is a predicate that makes no sense (a bad
pattern, a prefix that is no string): nothing here raises, whatever the configuration or the peer says.

Regular expressions are RE2's, and search at most MAX_SUBJECT characters: a longer value does not match.
"""

from __future__ import annotations

from typing import Final

from l7mp_mesh.model.match import All, Always, AnyOf, Compare, NoneOf, Op, Predicate
from l7mp_mesh.model.value import thaw
from l7mp_mesh.ports.attributes import Json
from l7mp_mesh.routing.fields import Field, field
from l7mp_mesh.routing.leaf import (
    AllTests,
    AnyTest,
    Constant,
    Contained,
    Contains,
    Defined,
    Ends,
    Equal,
    Exact,
    In,
    Intersects,
    Less,
    More,
    NoTest,
    OfType,
    Range,
    Starts,
    Test,
)
from l7mp_mesh.routing.patterns import compile_cidr, compile_pattern

__all__ = ["ALWAYS", "NEVER", "Test", "compile_predicate"]

ALWAYS: Final = Constant(answer=True)
NEVER: Final = Constant(answer=False)

RANGE_ENDS: Final = 2


def compile_predicate(predicate: Predicate) -> Test:
    """`predicate` as a test."""
    if isinstance(predicate, Compare):
        made = _compile_compare(predicate)
        return NEVER if made is None else made
    if isinstance(predicate, Always):
        return ALWAYS
    tests = [compile_predicate(part) for part in predicate.of]
    if isinstance(predicate, All):
        return tests[0] if len(tests) == 1 else AllTests(tests)
    if isinstance(predicate, AnyOf):
        return AnyTest(tests) if tests else ALWAYS
    assert isinstance(predicate, NoneOf)
    return NoTest(tests)


def _compile_compare(compare: Compare) -> Test | None:
    """The test, or None when it can never be true."""
    where = field(compare.field)
    value = thaw(compare.value)
    op = compare.op
    ignore_case = compare.ignore_case
    if op in (Op.DEFINED, Op.UNDEFINED):
        return Defined(where, wanted=op is Op.DEFINED)
    if op in (Op.TEST, Op.STARTS) and isinstance(value, str):
        key = Exact if op is Op.TEST else Starts
        return key(where, compare.field, value, ignore_case=ignore_case)
    if op in (Op.TEST, Op.CONTAINS, Op.CONTAINED):
        kind = Equal if op is Op.TEST else Contains if op is Op.CONTAINS else Contained
        return kind(where, value, ignore_case=ignore_case)
    if isinstance(value, str):
        return _compile_text(op, where, value, ignore_case=ignore_case)
    if isinstance(value, list):
        return _compile_array(op, where, value, ignore_case=ignore_case)
    return _compile_bound(op, where, value)


def _compile_bound(op: Op, where: Field, value: Json) -> Test | None:
    if op not in (Op.LESS, Op.MORE) or not isinstance(value, (int, float)) or isinstance(value, bool):
        return None
    return Less(where, value) if op is Op.LESS else More(where, value)


def _compile_text(op: Op, where: Field, value: str, *, ignore_case: bool) -> Test | None:
    if op is Op.ENDS:
        return Ends(where, value, ignore_case=ignore_case)
    if op is Op.TYPE:
        return OfType(where, value)
    if op in (Op.MATCHES, Op.FULL_MATCH):
        return compile_pattern(where, value, whole=op is Op.FULL_MATCH, ignore_case=ignore_case)
    return compile_cidr(where, value) if op is Op.CIDR else None


def _compile_array(op: Op, where: Field, value: list[Json], *, ignore_case: bool) -> Test | None:
    if op is Op.IN:
        return In(where, value, ignore_case=ignore_case)
    if op is Op.INTERSECTS:
        return Intersects(where, value, ignore_case=ignore_case)
    if op is Op.RANGE and len(value) == RANGE_ENDS:
        start, end = value
        if isinstance(start, (int, float)) and isinstance(end, (int, float)):
            return Range(where, start, end)
    return None

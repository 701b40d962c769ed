# ruff: noqa: E501 - one row of the table per line
"""The match of a rule: both languages, every operation."""

from __future__ import annotations

import pytest

from l7mp_mesh.control.native import parsed
from l7mp_mesh.control.native.predicate import decode_match, encode_match
from l7mp_mesh.control.native.reader import Cursor, Report
from l7mp_mesh.model.match import All, Always, AnyOf, Compare, NoneOf, Op, Predicate
from l7mp_mesh.model.value import FrozenObject, Json


def decode(value: Json) -> tuple[Predicate | None, list[tuple[str, str]]]:
    report = Report(parsed(value), strict=False)
    made = decode_match(Cursor(value, ("match",), report))
    return made, [(problem.path, problem.why) for problem in report.problems()]


GOOD: list[tuple[Json, Predicate]] = [
    ("*", Always()),
    ("anything", Always()),
    ({}, All(())),
    ({"op": "contains", "path": "/a", "value": "x"}, Compare(Op.CONTAINS, "/a", "x")),
    ({"op": "contains", "path": "/a", "value": 1}, Compare(Op.CONTAINS, "/a", 1)),
    ({"op": "starts", "path": "/a/b", "value": "x"}, Compare(Op.STARTS, "/a/b", "x")),
    ({"op": "ends", "path": "/a/b/", "value": "x"}, Compare(Op.ENDS, "/a/b", "x")),
    ({"op": "defined", "path": "/a"}, Compare(Op.DEFINED, "/a")),
    ({"op": "undefined", "path": "/a"}, Compare(Op.UNDEFINED, "/a")),
    ({"op": "less", "path": "/a", "value": 1.5}, Compare(Op.LESS, "/a", 1.5)),
    ({"op": "more", "path": "/a", "value": -1}, Compare(Op.MORE, "/a", -1)),
    ({"op": "in", "path": "/a", "value": [1, "x"]}, Compare(Op.IN, "/a", (1, "x"))),
    ({"op": "contained", "path": "/a", "value": None}, Compare(Op.CONTAINED, "/a", None)),
    ({"op": "intersects", "path": "/a", "value": []}, Compare(Op.INTERSECTS, "/a", ())),
    ({"op": "matches", "path": "/a", "value": "^x+$"}, Compare(Op.MATCHES, "/a", "^x+$")),
    ({"op": "regex", "path": "/a", "value": "[[x]"}, Compare(Op.FULL_MATCH, "/a", "[[x]")),
    ({"op": "test", "path": "/a", "value": {"x": [1]}}, Compare(Op.TEST, "/a", FrozenObject((("x", (1,)),)))),
    ({"op": "test", "path": "/a", "value": None}, Compare(Op.TEST, "/a", None)),
    ({"op": "type", "path": "/a", "value": "date-time"}, Compare(Op.TYPE, "/a", "date-time")),
    (
        {"op": "cidr", "path": "/IP/src_addr", "value": "10.1.0.0/8"},
        Compare(Op.CIDR, "/IP/src_addr", "10.1.0.0/8"),
    ),
    ({"op": "range", "path": "/a", "value": [1, 2.5]}, Compare(Op.RANGE, "/a", (1, 2.5))),
    ({"op": "range", "path": "/a", "value": {"start": 1, "end": 2}}, Compare(Op.RANGE, "/a", (1, 2))),
    (
        {"op": "TEST", "path": "/a", "value": 1, "ignore_case": True},
        Compare(Op.TEST, "/a", 1, ignore_case=True),
    ),
    ({"op": "test", "path": "/", "value": 1}, Compare(Op.TEST, "/", 1)),
    ({"op": "and", "apply": []}, All(())),
    ({"op": "or", "apply": []}, AnyOf(())),
    ({"op": "not", "apply": []}, NoneOf(())),
    (
        {"op": "or", "apply": ["*", {"op": "defined", "path": "/a"}]},
        AnyOf((Always(), Compare(Op.DEFINED, "/a"))),
    ),
    (
        {
            "op": "and",
            "path": "/HTTP",
            "apply": [
                {"op": "defined"},
                {"op": "starts", "path": "/url/path", "value": "/a"},
                {"op": "not", "path": "headers", "apply": [{"op": "defined", "path": "/x"}]},
            ],
        },
        All(
            (
                Compare(Op.DEFINED, "/HTTP"),
                Compare(Op.STARTS, "/HTTP/url/path", "/a"),
                NoneOf((Compare(Op.DEFINED, "/HTTP/headers/x"),)),
            )
        ),
    ),
    ({"HTTP": {"path": {"prefix": "auth/"}}}, All((Compare(Op.STARTS, "/HTTP/url/path", "/auth/"),))),
    ({"HTTP": {"path": {"exact": "/a"}}}, All((Compare(Op.TEST, "/HTTP/url/path", "/a"),))),
    ({"HTTP": {"path": "a"}}, All((Compare(Op.TEST, "/HTTP/url/path", "/a"),))),
    ({"HTTP": {"url": {"path": {"suffix": ".js"}}}}, All((Compare(Op.ENDS, "/HTTP/url/path", ".js"),))),
    (
        {"HTTP": {"method": "GET", "headers": {"X-A": {"present": True}, "range": {"present": False}}}},
        All(
            (
                Compare(Op.TEST, "/HTTP/method", "GET"),
                Compare(Op.DEFINED, "/HTTP/headers/x-a"),
                Compare(Op.UNDEFINED, "/HTTP/headers/range"),
            )
        ),
    ),
    (
        {"labels": {"x": {"contains": "A", "regex": ".*", "ignore_case": True}}},
        All(
            (
                Compare(Op.CONTAINS, "/labels/x", "A", ignore_case=True),
                Compare(Op.FULL_MATCH, "/labels/x", ".*", ignore_case=True),
            )
        ),
    ),
    ({"a": {"safe_regex": {"google_re2": {}, "regex": "x"}}}, All((Compare(Op.FULL_MATCH, "/a", "x"),))),
    ({"a": {"safe_regex": "x"}}, All((Compare(Op.FULL_MATCH, "/a", "x"),))),
    ({"a": {"range": {"start": 1, "end": 9}}}, All((Compare(Op.RANGE, "/a", (1, 9)),))),
    ({"a": {"cidr": "::1/128"}}, All((Compare(Op.CIDR, "/a", "::1/128"),))),
    (
        {"IP": {"src_addr": {"cidr": {"address_prefix": "10.0.0.0", "prefix_len": 8}}}},
        All((Compare(Op.CIDR, "/IP/src_addr", "10.0.0.0/8"),)),
    ),
    ({"TCP": {"dst_port": 80}}, All((Compare(Op.TEST, "/TCP/dst_port", 80),))),
    ({"a": None, "b": False}, All((Compare(Op.TEST, "/a", None), Compare(Op.TEST, "/b", False)))),
]


@pytest.mark.parametrize(("value", "predicate"), GOOD)
def test_a_match_is_understood(value: Json, predicate: Predicate) -> None:
    assert decode(value) == (predicate, [])


@pytest.mark.parametrize("predicate", [predicate for _, predicate in GOOD])
def test_a_predicate_comes_back_from_its_own_dump(predicate: Predicate) -> None:
    assert decode(encode_match(predicate)) == (predicate, [])


BAD: list[tuple[Json, str, str]] = [
    (1, "match", "Property match is invalid: expected an object (a set of key-value pairs), got 1"),
    ({"path": "/a", "value": 1}, "match.op", "Property op is required"),
    ({"op": "starts", "path": "/a"}, "match.value", "Property value is required"),
    ({"op": "starts", "path": "/a", "value": 80}, "match.value", "Property value is invalid: expected a string, got 80"),
    ({"op": "less", "value": True}, "match.value", "Property value is invalid: expected a number, got true"),
    ({"op": "in", "value": 1}, "match.value", "Property value is invalid: expected a list, got 1"),
    ({"op": "and"}, "match.apply", "Property apply is required"),
    ({"op": "or", "apply": {}}, "match.apply", "Property apply is invalid: expected a list, got an object"),
    ({"op": "not", "apply": [1]}, "match.apply[0]", "Property apply[0] is invalid: expected an object (a set of key-value pairs), got 1"),
    ({"op": "defined", "path": 1}, "match.path", "Property path is invalid: expected a string, got 1"),
    ({"op": "test", "value": 1, "ignore_case": "x"}, "match.ignore_case", 'Property ignore_case is invalid: expected true or false, got "x"'),
    ({"op": "matches", "value": "("}, "match.value", "Property value is invalid: not a regular expression: missing ): ("),
    ({"op": "regex", "value": "(a)\\1"}, "match.value", "Property value is invalid: not a regular expression: invalid escape sequence: \\1"),
    ({"op": "matches", "value": "a(?=b)"}, "match.value", "Property value is invalid: not a regular expression: invalid perl operator: (?="),
    ({"op": "matches", "value": "\ud800"}, "match.value", "Property value is invalid: not a regular expression: surrogates not allowed"),
    ({"op": "cidr", "value": "x"}, "match.value", "Property value is invalid: not an address range: 'x' does not appear to be an IPv4 or IPv6 network"),
    ({"op": "range", "value": [1]}, "match.value", "Property value is invalid: expected two numbers, got a list"),
    ({"op": "range", "value": {"start": 1}}, "match.value.end", "Property end is required"),
    ({"a": [1]}, "match.a", "Property a is invalid: expected a value or a matcher (exact, prefix, suffix, contains, regex, safe_regex, present, range, cidr), got a list"),
    ({"a": {"ignore_case": True}}, "match.a", "Property a is invalid: expected a matcher (exact, prefix, suffix, contains, regex, safe_regex, present, range, cidr), got an object"),
    ({"a": {"prefix": 1}}, "match.a.prefix", "Property prefix is invalid: expected a string, got 1"),
    ({"a": {"present": "x"}}, "match.a.present", 'Property present is invalid: expected true or false, got "x"'),
]  # fmt: skip


@pytest.mark.parametrize(("value", "path", "why"), BAD)
def test_a_match_that_makes_no_sense_is_refused(value: Json, path: str, why: str) -> None:
    made, problems = decode(value)
    assert made is None
    assert (path, why) in problems


def test_an_unknown_operation_names_the_known_ones() -> None:
    made, ((path, why),) = decode({"op": "like", "path": "/a", "value": 1})
    assert made is None
    assert path == "match.op"
    assert why.startswith("Property op is invalid: expected one of contains, starts, ends")
    assert why.endswith('and, or, not, got "like"')


def test_all_bad_parts_are_reported() -> None:
    made, problems = decode({"op": "and", "apply": [{"op": "less", "value": "x"}, {"op": "in", "value": 1}]})
    assert made is None
    assert [path for path, _ in problems] == ["match.apply[0].value", "match.apply[1].value"]

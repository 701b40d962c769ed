"""Every operation, on every type of JSON, with and without case."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.attributes import request, session, tree_of

from l7mp_mesh.model.match import All, Always, AnyOf, Compare, NoneOf, Op, Predicate
from l7mp_mesh.model.value import Frozen, freeze
from l7mp_mesh.ports.attributes import Json
from l7mp_mesh.routing.predicates import compile_predicate

ABSENT = object()


def holds(op: Op, data: object, value: Json = None, *, ignore_case: bool = False) -> bool:
    tree: dict[str, Json] = {} if data is ABSENT else {"x": data}  # type: ignore[dict-item]
    return compile_predicate(Compare(op, "/x", freeze(value), ignore_case)).matches(tree_of(tree))


YES = [
    (Op.CONTAINS, "abcd", "bc"),
    (Op.CONTAINS, "abcd", ""),
    (Op.CONTAINS, [1, {"a": [2]}], {"a": [2]}),
    (Op.CONTAINS, [None], None),
    (Op.STARTS, "abcd", "ab"),
    (Op.ENDS, "abcd", "cd"),
    (Op.ENDS, "testtest", "test"),
    (Op.ENDS, "abcd", ""),
    (Op.DEFINED, None, None),
    (Op.DEFINED, 0, None),
    (Op.UNDEFINED, ABSENT, None),
    (Op.LESS, 1, 2),
    (Op.LESS, 1.5, 2),
    (Op.MORE, 3, 2),
    (Op.IN, "b", ["a", "b"]),
    (Op.IN, {"a": 1, "b": 2}, [{"b": 2, "a": 1}]),
    (Op.IN, None, [None]),
    (Op.CONTAINED, ["a", 80], 80),
    (Op.INTERSECTS, [1, 2], [2, 3]),
    (Op.MATCHES, "abcd", "b."),
    (Op.MATCHES, "abcd", "^a.*d$"),
    (Op.FULL_MATCH, "abcd", "a.*d"),
    (Op.FULL_MATCH, "ab", "a|ab"),
    (Op.FULL_MATCH, "Ä\udcff", ".."),
    (Op.TEST, "a", "a"),
    (Op.TEST, 1, 1.0),
    (Op.TEST, None, None),
    (Op.TEST, True, True),
    (Op.TEST, [1, [2]], [1, [2]]),
    (Op.TEST, {"a": {"x": 1}, "b": None}, {"b": None, "a": {"x": 1}}),
    (Op.CIDR, "10.1.2.3", "10.0.0.0/8"),
    (Op.CIDR, "::ffff:10.1.2.3", "10.0.0.0/8"),
    (Op.CIDR, "10.1.2.3", "10.9.9.9/8"),
    (Op.CIDR, "10.1.2.3", "10.1.2.3"),
    (Op.CIDR, "fd00::1", "fd00::/8"),
    (Op.CIDR, "1.2.3.4", "0.0.0.0/0"),
    (Op.RANGE, 5, [5, 6]),
    (Op.RANGE, -1, [-2, 0]),
]

NO = [
    (Op.CONTAINS, "abcd", "x"),
    (Op.CONTAINS, 80, 8),
    (Op.CONTAINS, 80, "8"),
    (Op.CONTAINS, "80", 8),
    (Op.CONTAINS, {"a": 1}, "a"),
    (Op.CONTAINS, [True], 1),
    (Op.CONTAINS, ABSENT, "a"),
    (Op.STARTS, "abcd", "b"),
    (Op.STARTS, 80, 8),
    (Op.STARTS, 80, "8"),
    (Op.STARTS, ["a"], "a"),
    (Op.STARTS, None, ""),
    (Op.ENDS, "abcd", "xabcd"),
    (Op.ENDS, "abcd", "ab"),
    (Op.ENDS, 80, "0"),
    (Op.ENDS, ABSENT, ""),
    (Op.DEFINED, ABSENT, None),
    (Op.UNDEFINED, None, None),
    (Op.LESS, 2, 2),
    (Op.LESS, "1", 2),
    (Op.LESS, True, 2),
    (Op.LESS, 1, "2"),
    (Op.LESS, 1, True),
    (Op.LESS, ABSENT, 2),
    (Op.MORE, 2, 2),
    (Op.MORE, True, 0),
    (Op.MORE, None, -1),
    (Op.IN, "c", ["a", "b"]),
    (Op.IN, "a", "abc"),
    (Op.IN, 1, [True]),
    (Op.IN, ABSENT, [None]),
    (Op.CONTAINED, "abc", "a"),
    (Op.CONTAINED, {"a": 1}, "a"),
    (Op.INTERSECTS, [1], [2]),
    (Op.INTERSECTS, [], []),
    (Op.INTERSECTS, "a", ["a"]),
    (Op.INTERSECTS, ["a"], "a"),
    (Op.MATCHES, "abcd", "x"),
    (Op.MATCHES, "abcd", "("),
    (Op.MATCHES, "abcd", "a{99999999999999999999}"),
    (Op.MATCHES, "abcd", "(" * 5000),
    (Op.MATCHES, 80, "8"),
    (Op.MATCHES, "8", 8),
    (Op.MATCHES, "a" * 65537, "a"),
    (Op.FULL_MATCH, "abcd", "b"),
    (Op.FULL_MATCH, "abcd\n", "abcd"),
    (Op.TEST, True, 1),
    (Op.TEST, 1, True),
    (Op.TEST, 0, False),
    (Op.TEST, 0, None),
    (Op.TEST, "1", 1),
    (Op.TEST, 1, "1"),
    (Op.TEST, "A", "a"),
    (Op.TEST, [1], [1, 2]),
    (Op.TEST, [True], [1]),
    (Op.TEST, {"a": 1}, {"a": 1, "b": 2}),
    (Op.TEST, {"a": 1}, {"b": 1}),
    (Op.TEST, {}, []),
    (Op.TEST, ABSENT, None),
    (Op.CIDR, "11.1.2.3", "10.0.0.0/8"),
    (Op.CIDR, "fd00::1", "10.0.0.0/8"),
    (Op.CIDR, "::1", "0.0.0.0/0"),
    (Op.CIDR, "host", "10.0.0.0/8"),
    (Op.CIDR, "10.1.2.3", "10.0.0.0/99"),
    (Op.CIDR, 167838211, "10.0.0.0/8"),
    (Op.CIDR, "10.1.2.3", 10),
    (Op.RANGE, 6, [5, 6]),
    (Op.RANGE, "5", [5, 6]),
    (Op.RANGE, True, [0, 2]),
    (Op.RANGE, 5, [5]),
    (Op.RANGE, 5, ["5", "6"]),
    (Op.RANGE, 5, 5),
    (Op.TYPE, 5, 5),
    (Op.TYPE, 5, "integer"),
]


@pytest.mark.parametrize(("op", "data", "value"), YES)
def test_it_matches(op: Op, data: object, value: Json) -> None:
    assert holds(op, data, value)


@pytest.mark.parametrize(("op", "data", "value"), NO)
def test_it_does_not_match(op: Op, data: object, value: Json) -> None:
    assert not holds(op, data, value)


@pytest.mark.parametrize(
    ("op", "data", "value"),
    [
        (Op.CONTAINS, "aBCd", "Bc"),
        (Op.CONTAINS, ["X"], "x"),
        (Op.STARTS, "ABcd", "aB"),
        (Op.ENDS, "abCD", "Cd"),
        (Op.IN, ["A"], [["a"], "b"]),
        (Op.CONTAINED, [{"k": "V"}], {"k": "v"}),
        (Op.INTERSECTS, ["A"], ["a"]),
        (Op.MATCHES, "ABC", "b"),
        (Op.FULL_MATCH, "ABC", "a.c"),
        (Op.TEST, "ABC", "abC"),
        (Op.TEST, {"k": ["V", 1]}, {"k": ["v", 1]}),
    ],
)
def test_case_counts_unless_it_is_ignored(op: Op, data: Json, value: Json) -> None:
    assert not holds(op, data, value)
    assert holds(op, data, value, ignore_case=True)


def test_the_case_of_keys_always_counts() -> None:
    assert not holds(Op.TEST, {"K": 1}, {"k": 1}, ignore_case=True)


@pytest.mark.parametrize(
    ("data", "types"),
    [
        (1, {"number"}),
        (1.5, {"number"}),
        (True, {"boolean"}),
        (None, {"null", "object"}),
        ([], {"array", "object"}),
        ({}, {"object"}),
        (ABSENT, {"undefined"}),
        ("two words", {"string"}),
        ("2024-02-29", {"string", "date", "iri", "lang-range?"}),
        ("12:30:00Z", {"string", "time", "iri"}),
        ("2024-02-29T12:30:00.5+02:00", {"string", "date-time", "iri"}),
        ("en-US", {"string", "lang", "lang-range", "iri"}),
        ("*-CH", {"string", "lang-range", "iri"}),
        ("http://a/\u0151?q#f", {"string", "iri", "absolute-iri"}),
        ("/relative/%41", {"string", "iri"}),
        ("/bad/%4", {"string"}),
        ("2023-02-29 ", {"string"}),
        ("", {"string"}),
    ],
)
def test_a_value_has_these_types_and_no_other(data: object, types: set[str]) -> None:
    names = {
        *("number", "string", "boolean", "object", "undefined", "array", "null", "date", "time", "date-time"),
        *("lang", "iri", "absolute-iri"),
    }
    if not isinstance(data, str) or "lang-range?" not in types:
        names.add("lang-range")
    assert {name for name in names if holds(Op.TYPE, data, name)} == types & names


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("2023-02-29", "date"),
        ("2023-2-1", "date"),
        ("24:00:00Z", "time"),
        ("12:30:00", "time"),
        ("2023-02-29T12:30:00Z", "date-time"),
        ("2024-02-28", "date-time"),
        ("e", "lang"),
        ("en_US", "lang"),
        ("toolongtag", "lang-range"),
        ("no scheme", "iri"),
        ("1a:b", "absolute-iri"),
    ],
)
def test_a_text_is_not_of_the_format(text: str, name: str) -> None:
    assert not holds(Op.TYPE, text, name)


T = Always()
F = Compare(Op.DEFINED, "/nothing")


@pytest.mark.parametrize(
    ("predicate", "expected"),
    [
        (All(), True),
        (AnyOf(), True),
        (NoneOf(), True),
        (All((T, T)), True),
        (All((T, F)), False),
        (All((F,)), False),
        (AnyOf((F, T)), True),
        (AnyOf((F, F)), False),
        (NoneOf((F, F)), True),
        (NoneOf((F, T)), False),
        (NoneOf((NoneOf((T,)),)), True),
        (All((AnyOf((F, T)), NoneOf((F,)))), True),
    ],
)
def test_predicates_combine(predicate: Predicate, expected: bool) -> None:
    assert compile_predicate(predicate).matches(session()) is expected


def test_predicates_read_the_request() -> None:
    path = Compare(Op.STARTS, "/HTTP/url/path", "/a?")
    assert compile_predicate(path).matches(request(b"/a?x"))
    assert not compile_predicate(path).matches(session())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(op=st.sampled_from(Op), data=JSON, value=JSON.map(freeze), ignore_case=st.booleans())
def test_no_value_makes_a_predicate_raise(op: Op, data: Json, value: Frozen, ignore_case: bool) -> None:
    test = compile_predicate(Compare(op, "/x", value, ignore_case))
    assert test.matches(tree_of({"x": data})) in (True, False)

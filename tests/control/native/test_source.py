"""Text to values and positions."""

from __future__ import annotations

import pytest

from l7mp_mesh.control.native import Format, Source, parse
from l7mp_mesh.control.native.node import MAX_DEPTH, Path
from l7mp_mesh.model.value import Json


def faults(source: Source) -> list[tuple[int, int, str]]:
    return [(fault.mark.line, fault.mark.column, fault.why) for fault in source.faults]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: on", {"a": "on"}),
        ("a: no", {"a": "no"}),
        ("a: off", {"a": "off"}),
        ("a: y", {"a": "y"}),
        ("a: true", {"a": True}),
        ("a: False", {"a": False}),
        ("a: 12:30", {"a": "12:30"}),
        ("a: 2001-01-01", {"a": "2001-01-01"}),
        ("a: 1_000", {"a": "1_000"}),
        ("a: 010", {"a": 10}),
        ("a: 0o10", {"a": 8}),
        ("a: 0x1F", {"a": 31}),
        ("a: -1.5e3", {"a": -1500.0}),
        ("a: 1.", {"a": 1.0}),
        ("a: ~", {"a": None}),
        ("a:", {"a": None}),
        ("a: '1'", {"a": "1"}),
        ("a: !!str 1", {"a": "1"}),
        ('a: !!int "1"', {"a": 1}),
        ("80: x", {"80": "x"}),
        ("on: x", {"on": "x"}),
        ("a: &x [1, 2]\nb: *x", {"a": [1, 2], "b": [1, 2]}),
        ("a: &x {p: 1, q: 2}\nb: {<<: *x, q: 3}", {"a": {"p": 1, "q": 2}, "b": {"q": 3, "p": 1}}),
        ("- {<<: [{a: 1}, {a: 2, b: 2}]}", [{"a": 1, "b": 2}]),
        ("", None),
        ("\ufeffa: 1", {"a": 1}),
        (b"\xef\xbb\xbfa: 1", {"a": 1}),
        ('{"a": 1, "b": [true, null, 1.5, "x"]}', {"a": 1, "b": [True, None, 1.5, "x"]}),
        ("{a: 1}", {"a": 1}),
        ("[\t1]", [1]),
    ],
)
def test_a_text_has_a_value(text: str | bytes, value: Json) -> None:
    source = parse(text)
    assert faults(source) == []
    assert source.value == value


@pytest.mark.parametrize(
    ("text", "line", "column", "why"),
    [
        ("a: 1\na: 2", 2, 1, '"a" is given twice'),
        ('{"a": 1,\n "a": 2}', 2, 2, '"a" is given twice'),
        ("a: [1\nb: 2", 2, 2, "not YAML: while parsing a flow sequence, did not find expected ',' or ']'"),
        ("a: *x", 1, 4, "alias *x has no anchor before it, or is inside it"),
        ("a: &x [*x]", 1, 8, "alias *x has no anchor before it, or is inside it"),
        ("a: 1\n---\nb: 2", 2, 1, "a second document: expected one per file"),
        ("a: !point 1", 1, 4, "unknown tag !point"),
        ("a: !!set {x}", 1, 4, "unknown tag tag:yaml.org,2002:set"),
        ("a: .inf", 1, 4, ".inf is no finite number"),
        ("a: 1e999", 1, 4, "1e999 is no finite number"),
        ("? [1]\n: 2", 1, 3, "a key must be a plain word"),
        ("x: &x y\n*x : 2", 2, 1, "a key must be a plain word"),
        (b"a: 1\nb\xc3\xa4: \xff", 2, 5, "not UTF-8: invalid start byte"),
        ("a: \ud800", 1, 1, "half of a surrogate pair in the text"),
        ("a: {<<: 1, <<: [2]}", 1, 17, "<< takes objects"),
    ],
)
def test_a_bad_text_says_where(text: str | bytes, line: int, column: int, why: str) -> None:
    assert faults(parse(text)) == [(line, column, why)]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"a": NaN}', "not JSON: NaN is no number"),
        ('{"a": 1e999}', "a number is too large"),
        (f'{{"a": {"9" * 500}}}', "a number is too large"),
        ('{"a": "\\ud800"}', "not JSON: half of a surrogate pair in a string"),
        ("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), f"nested deeper than {MAX_DEPTH} levels"),
    ],
)
def test_json_that_others_could_not_read_is_refused(text: str, why: str) -> None:
    assert faults(parse(text, form=Format.JSON)) == [(1, 1, why)]


def test_broken_json_says_where() -> None:
    assert faults(parse('{"a": 1,\n  b: 2}', form=Format.JSON)) == [
        (2, 3, "not JSON: Expecting property name enclosed in double quotes")
    ]


@pytest.mark.parametrize("text", ["[" * 100_000, "- " * 100_000, "{a: " * 100_000, '{"a":' * 100_000])
def test_deep_nesting_is_refused(text: str) -> None:
    (fault,) = parse(text).faults
    assert "nested" in fault.why or "depth" in fault.why or "not YAML" in fault.why


def test_deep_nesting_by_aliases_is_refused() -> None:
    lines = ["a0: &a0 [1]", *(f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 100))]
    (fault,) = parse("\n".join(lines)).faults
    assert fault.why == f"nested deeper than {MAX_DEPTH} levels"


def test_an_alias_bomb_is_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    (fault,) = parse("\n".join(lines)).faults
    assert fault.why == "aliases stand for more than 100000 values"


TEXT = """\
a:
  b: [10, {c: x}]
  "d e": "f"
"""


@pytest.mark.parametrize(
    ("path", "place", "key"),
    [
        ((), (1, 1), (1, 1)),
        (("a",), (2, 3), (1, 1)),
        (("a", "b"), (2, 6), (2, 3)),
        (("a", "b", 0), (2, 7), (2, 7)),
        (("a", "b", 1, "c"), (2, 15), (2, 12)),
        (("a", "d e"), (3, 10), (3, 3)),
        (("a", "gone"), (2, 3), (2, 3)),
    ],
)
def test_every_value_and_key_of_yaml_can_be_located(
    path: Path, place: tuple[int, int], key: tuple[int, int]
) -> None:
    source = parse(TEXT)
    assert (source.position(path), source.position(path, key=True)) == (place, key)


JSON_TEXT = """\
{"a": {
  "b": [10, {"c": "x, y: }"}],
  "d\\"e": "f"
}}
"""


@pytest.mark.parametrize(
    ("path", "place", "key"),
    [
        ((), (1, 1), (1, 1)),
        (("a",), (1, 7), (1, 2)),
        (("a", "b"), (2, 8), (2, 3)),
        (("a", "b", 0), (2, 9), (2, 9)),
        (("a", "b", 1, "c"), (2, 19), (2, 14)),
        (("a", 'd"e'), (3, 11), (3, 3)),
        (("a", "gone"), (1, 7), (1, 7)),
    ],
)
def test_every_value_and_key_of_json_can_be_located(
    path: Path, place: tuple[int, int], key: tuple[int, int]
) -> None:
    source = parse(JSON_TEXT, form=Format.JSON)
    assert source.faults == ()
    assert (source.position(path), source.position(path, key=True)) == (place, key)


def test_what_an_alias_stands_for_is_located_at_its_anchor() -> None:
    source = parse("a: &x {p: 1}\nb: *x\nc: {<<: *x}")
    assert source.position(("b", "p")) == (1, 11)
    assert source.position(("c", "p")) == (1, 11)

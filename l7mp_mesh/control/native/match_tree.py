"""Match trees: keys walk the metadata until a matcher, as in `{HTTP: {path: {prefix: "/auth/"}}}`.

Source: concept document, example 1; the matchers' words are those of envoy.type.matcher.v3.StringMatcher.
"""

from __future__ import annotations

from collections.abc import Collection

from l7mp_mesh.control.native.comparison import check_value
from l7mp_mesh.control.native.reader import Cursor, Fields
from l7mp_mesh.model.match import All, Compare, Op, Predicate
from l7mp_mesh.model.value import Frozen

MATCHERS = {
    "exact": Op.TEST,
    "prefix": Op.STARTS,
    "suffix": Op.ENDS,
    "contains": Op.CONTAINS,
    "regex": Op.FULL_MATCH,
    "safe_regex": Op.FULL_MATCH,
    "present": Op.DEFINED,
    "range": Op.RANGE,
    "cidr": Op.CIDR,
}
"""Words that end the walk."""

_CASE = "ignore_case"
_PATH = "/HTTP/url/path"
_HEADERS = "/HTTP/headers"


def decode_tree(cursor: Cursor) -> Predicate | None:
    """All matchers of a tree, which all must match. None when a problem was reported."""
    made: list[Compare | None] = []
    todo: list[tuple[Cursor, str]] = [(cursor, "")]
    while todo:
        at, field = todo.pop(0)
        if isinstance(at.value, dict) and not _is_matcher(at.value.keys(), field):
            todo.extend((at.child(key, value), _below(field, key)) for key, value in at.value.items())
        else:
            made.extend(_matchers(at, field or "/"))
    good = tuple(one for one in made if one is not None)
    return All(good) if len(good) == len(made) else None


def _is_matcher(keys: Collection[str], field: str) -> bool:
    # A header may be called "range": below the headers every key is a header's name.
    return bool(keys) and field not in ("", _HEADERS) and all(key in MATCHERS or key == _CASE for key in keys)


def _below(field: str, key: str) -> str:
    if field == "/HTTP" and key == "path":
        return _PATH
    return f"{field}/{key.lower() if field == _HEADERS else key}"


def _matchers(at: Cursor, field: str) -> list[Compare | None]:
    if isinstance(at.value, list):
        at.expected("a value or a matcher (" + ", ".join(MATCHERS) + ")")
        return [None]
    if not isinstance(at.value, dict):
        return [Compare(Op.TEST, field, _slashed(Op.TEST, field, at.value))]
    fields = at.fields()
    assert fields is not None
    folded = fields.take(_CASE)
    ignore_case = False if folded is None else folded.boolean()
    made = [
        _matcher(word, given, field, ignore_case=bool(ignore_case))
        for word in MATCHERS
        if (given := fields.given(word)) is not None
    ]
    if ignore_case is None:
        made.append(None)
    elif not made:
        at.expected("a matcher (" + ", ".join(MATCHERS) + ")")
        made.append(None)
    return made


def _matcher(word: str, given: Cursor, field: str, *, ignore_case: bool) -> Compare | None:
    if word == "present":
        is_present = given.boolean()
        return None if is_present is None else Compare(Op.DEFINED if is_present else Op.UNDEFINED, field)
    op = MATCHERS[word]
    inner = _unwrap(word, given)
    checked = None if inner is None else check_value(op, inner)
    return None if checked is None else Compare(op, field, _slashed(op, field, checked[0]), ignore_case)


def _unwrap(word: str, given: Cursor) -> Cursor | None:
    """Envoy's longer forms: `safe_regex: {regex: ...}` and `cidr: {address_prefix, prefix_len}`."""
    fields = given.fields() if word in ("safe_regex", "cidr") and isinstance(given.value, dict) else None
    if fields is None:
        return given
    if word == "safe_regex":
        inner = fields.require("regex")
        fields.finish(("google_re2",))
        return inner
    return _address_range(fields)


def _address_range(fields: Fields) -> Cursor | None:
    prefix, length = fields.require("address_prefix"), fields.take("prefix_len")
    fields.finish()
    if prefix is None:
        return None
    address = prefix.text()
    bits = 0 if length is None else length.integer(0, 128)
    if address is None or bits is None:
        return None
    return Cursor(f"{address}/{bits}", prefix.path, prefix.report)


def _slashed(op: Op, field: str, value: Frozen) -> Frozen:
    """Paths of requests begin with a slash; the concept document leaves it out."""
    is_start = field == _PATH and op in (Op.TEST, Op.STARTS)
    return f"/{value}" if is_start and isinstance(value, str) and not value.startswith("/") else value

"""The match of a rule: the predicate language (draft-snell-json-test-07 as L7mp has it), or a match tree.

Sub-predicates may stand under a base path; the model has absolute field paths only.
"""

from __future__ import annotations

from l7mp_mesh.control.native.comparison import check_value
from l7mp_mesh.control.native.match_tree import decode_tree
from l7mp_mesh.control.native.reader import Cursor, Fields, normal
from l7mp_mesh.model.match import All, Always, AnyOf, Compare, NoneOf, Op, Predicate
from l7mp_mesh.model.value import Frozen, Json, thaw

GROUPS: dict[str, type[All | AnyOf | NoneOf]] = {"and": All, "or": AnyOf, "not": NoneOf}

_LEAVES = {normal(op.value): op for op in Op}


def decode_match(cursor: Cursor | None) -> Predicate | None:
    """A predicate; absent, and any string, match always. None when a problem was reported."""
    if cursor is None or isinstance(cursor.value, str):
        return Always()
    fields = cursor.fields()
    if fields is None:
        return None
    if isinstance(cursor.value, dict) and ("op" in cursor.value or _looks_like_predicate(cursor.value)):
        return _predicate(fields, "/")
    return decode_tree(cursor)


def _looks_like_predicate(value: dict[str, Json]) -> bool:
    path = value.get("path")
    return (isinstance(path, str) and path.startswith("/")) or isinstance(value.get("apply"), list)


def join(base: str, path: str) -> str:
    """`path` under `base`, as an absolute path; slashes at its ends do not count."""
    parts = [part for part in (base.strip("/"), path.strip("/")) if part]
    return "/" + "/".join(parts)


def _predicate(fields: Fields, base: str) -> Predicate | None:
    op = fields.require("op")
    path = fields.take("path")
    place = base if path is None else path.text()
    if op is None or place is None:
        return None
    field = base if path is None else join(base, place)
    group = GROUPS.get(normal(op.value)) if isinstance(op.value, str) else None
    if group is not None:
        return _group(group, fields, field)
    leaf = op.word(_LEAVES, (*(one.value for one in Op), *GROUPS))
    if leaf is None:
        return None
    return _leaf(leaf, fields, field)


def _group(group: type[All | AnyOf | NoneOf], fields: Fields, base: str) -> Predicate | None:
    apply = fields.require("apply")
    items = None if apply is None else apply.items()
    if items is None:
        return None
    made: list[Predicate | None] = []
    for item in items:
        if isinstance(item.value, str):
            made.append(Always())
            continue
        inner = item.fields()
        made.append(None if inner is None else _predicate(inner, base))
    fields.finish()
    good = tuple(one for one in made if one is not None)
    return group(good) if len(good) == len(made) else None


def _leaf(op: Op, fields: Fields, field: str) -> Predicate | None:
    folded = fields.take("ignore_case", "ignoreCase")
    ignore_case: bool | None = False if folded is None else folded.boolean()
    value: Frozen = None
    if op in (Op.DEFINED, Op.UNDEFINED):
        fields.given("value")
    else:
        given = fields.given("value")
        if given is None:
            fields.require("value")
            return None
        if (checked := check_value(op, given)) is None:
            return None
        value = checked[0]
    fields.finish()
    return None if ignore_case is None else Compare(op, field, value, ignore_case)


def encode_match(predicate: Predicate) -> Json:
    """A predicate in the predicate language; "*" for what always matches."""
    match predicate:
        case Always():
            return "*"
        case Compare(op=op, field=field, value=value, ignore_case=ignore_case):
            made: dict[str, Json] = {"op": op.value, "path": field}
            if op not in (Op.DEFINED, Op.UNDEFINED):
                made["value"] = thaw(value)
            return {**made, "ignore_case": True} if ignore_case else made
        case _:
            word = next(word for word, group in GROUPS.items() if isinstance(predicate, group))
            return {"op": word, "apply": [encode_match(part) for part in predicate.of]}

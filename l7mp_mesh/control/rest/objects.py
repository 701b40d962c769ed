"""Listeners, clusters, rule lists, rules, routes and transforms: list, show, create, replace, delete."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from http import HTTPStatus

from l7mp_mesh.control.native import Dump
from l7mp_mesh.control.rest.call import Call
from l7mp_mesh.control.rest.editor import WORD, Editor
from l7mp_mesh.control.rest.ops import RuntimeOps
from l7mp_mesh.control.rest.ownership import children, endpoints_key, orphans, owned
from l7mp_mesh.control.rest.reply import OK, Refused
from l7mp_mesh.model.cluster import Cluster
from l7mp_mesh.model.rules import Route, Rule, RuleList
from l7mp_mesh.model.snapshot import Key, Kind, Object
from l7mp_mesh.model.value import Json

NOT_FOUND = "Not Found"
"""Content of the answer when something that does not exist is to be shown."""


class Objects:
    """All objects of one kind."""

    def __init__(self, kind: Kind, editor: Editor, ops: RuntimeOps) -> None:
        self._kind = kind
        self._editor = editor
        self._ops = ops

    async def list(self, call: Call) -> Json:
        """All of them, in the order of their creation."""
        counted = self._ops.statistics(self._kind)
        return [_with_statistics(shown, counted) for shown in self._dump(call).all(self._kind)]

    async def show(self, call: Call) -> Json:
        """One of them."""
        key = Key(self._kind, call.names[0])
        if key not in self._editor.snapshot.objects:
            raise Refused(HTTPStatus.BAD_REQUEST, NOT_FOUND)
        return _with_statistics(self._dump(call).one(key), self._ops.statistics(self._kind))

    async def create(self, call: Call) -> Json:
        """Create one, with everything that is written inside it."""
        what = f"add {WORD[self._kind]}"
        source = call.source()
        editor = self._editor
        async with editor.lock:
            decoded = editor.decoder().body(self._kind, source)
            editor.check(what, decoded)
            await editor.apply(what, decoded.objects, create_only=True, main=decoded.main)
        return OK

    async def put(self, call: Call) -> Json:
        """Create or replace one; what was written inside the old one and is not needed any more goes."""
        key = Key(self._kind, call.names[0])
        what = f"update {WORD[self._kind]}"
        source = call.source()
        editor = self._editor
        async with editor.lock:
            objects = editor.snapshot.objects
            mine = {key} | owned(objects, [key])
            if key.kind is Kind.CLUSTER:
                mine.add(Key(Kind.ENDPOINTS, key.name))
            decoded = editor.replacing(mine).body(self._kind, source, name=key.name)
            editor.check(what, decoded)
            if decoded.main != key:
                other = "" if decoded.main is None else decoded.main.name
                raise Refused(
                    HTTPStatus.BAD_REQUEST,
                    f'Cannot {what}: the path says "{key.name}", the body says "{other}"',
                )
            upserts = {
                one: value
                for one, value in decoded.objects.items()
                if one in mine or objects.get(one) != value
            }
            upserts[key] = _as_owned_as(objects.get(key), upserts[key])
            editor.check_new(what, {one: value for one, value in upserts.items() if one not in mine})
            await editor.apply(what, upserts, replaced(objects, upserts), main=key)
        return OK

    async def delete(self, call: Call) -> Json:
        """Delete one; recursively also what was written inside it, and its live sessions."""
        key = Key(self._kind, call.names[0])
        what = f"delete {key.kind.value}"
        editor = self._editor
        async with editor.lock:
            objects = editor.snapshot.objects
            value = objects.get(key)
            if value is None:
                raise Refused(HTTPStatus.BAD_REQUEST, f'Cannot {what}: Unknown {key.kind.value} "{key.name}"')
            gone = {key}
            if call.recursive:
                gone |= owned(objects, [key])
            elif isinstance(value, Cluster):
                gone = orphans(objects, gone, [endpoints_key(value)])
            await editor.apply(what, {}, gone, main=key)
        if call.recursive:
            self._end_sessions(call, key)
        return OK

    def _end_sessions(self, call: Call, key: Key) -> None:
        if key.kind is Kind.LISTENER:
            call.after.append(partial(self._ops.end_listener, key.name))
        elif key.kind is Kind.CLUSTER:
            call.after.append(partial(self._ops.end_cluster, key.name))

    def _dump(self, call: Call) -> Dump:
        return Dump(self._editor.snapshot, self._editor.vocabulary, recursive=call.recursive)


def _with_statistics(shown: Json, counted: Mapping[str, Json]) -> Json:
    """An object and what has passed it; statistics are no part of its configuration."""
    if isinstance(shown, dict) and (known := counted.get(str(shown["name"]))) is not None:
        return {**shown, "statistics": known}
    return shown


def replaced(objects: Mapping[Key, Object], upserts: Mapping[Key, Object]) -> set[Key]:
    """What was written inside objects that `upserts` replace, and that nothing names after that."""
    suspects = [child for key in upserts if key in objects for child in children(objects, objects[key])]
    return orphans({**objects, **upserts}, (), [key for key in suspects if key not in upserts])


def _as_owned_as(before: Object | None, value: Object) -> Object:
    """An object that was written inside another one stays that when it is replaced."""
    match before, value:
        case (Cluster(autogenerated=True), Cluster()):
            return replace(value, autogenerated=True)
        case (RuleList(autogenerated=True), RuleList()):
            return replace(value, autogenerated=True)
        case (Rule(autogenerated=True), Rule()):
            return replace(value, autogenerated=True)
        case (Route(autogenerated=True), Route()):
            return replace(value, autogenerated=True)
        case _:
            return value

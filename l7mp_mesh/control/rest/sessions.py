"""Live sessions: list, show, end, and move to another route."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus

from l7mp_mesh.control.native import Decoded, Source, parsed
from l7mp_mesh.control.rest.call import Call
from l7mp_mesh.control.rest.editor import Editor
from l7mp_mesh.control.rest.objects import NOT_FOUND
from l7mp_mesh.control.rest.ownership import orphans
from l7mp_mesh.control.rest.reply import OK, Refused
from l7mp_mesh.control.rest.session_text import session_value
from l7mp_mesh.io.tasks import spawn
from l7mp_mesh.model.rules import Route
from l7mp_mesh.model.snapshot import Key, Kind, Object
from l7mp_mesh.model.value import Json
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.ports.session import Inventory, RerouteFailed

_MOVE = "move session"


class Sessions:
    """`/sessions`. Clusters that were written inside a session's own route end with the session."""

    def __init__(self, editor: Editor, inventory: Inventory) -> None:
        self._editor = editor
        self._inventory = inventory
        self._lent: dict[str, frozenset[Key]] = {}
        """What sessions brought into the configuration by a route of their own."""

    async def list(self, call: Call) -> Json:
        """All of them, oldest first."""
        return [session_value(record, self._editor.vocabulary) for record in self._inventory.records()]

    async def show(self, call: Call) -> Json:
        """One of them."""
        record = self._inventory.record(call.names[0])
        if record is None:
            raise Refused(HTTPStatus.BAD_REQUEST, NOT_FOUND)
        return session_value(record, self._editor.vocabulary)

    async def delete(self, call: Call) -> Json:
        """End one."""
        name = call.names[0]
        if not self._inventory.remove(name, Reason.DELETED):
            known = self._inventory.record(name) is not None
            raise Refused(HTTPStatus.BAD_REQUEST, "Not running" if known else "No such session")
        return OK

    async def put(self, call: Call) -> Json:
        """Move a live session to the route that the body names or holds."""
        name = call.names[0]
        source = _inner(call.source())
        if self._inventory.record(name) is None:
            raise Refused(HTTPStatus.NOT_FOUND, "No such session")
        editor = self._editor
        async with editor.lock:
            decoded = editor.decoder().body(Kind.ROUTE, source, owner=name)
            editor.check(_MOVE, decoded)
            route = self._route(decoded)
            inside = {key: value for key, value in decoded.objects.items() if key.kind is not Kind.ROUTE}
            if inside:
                await editor.apply(_MOVE, inside, create_only=True)
        try:
            await self._inventory.reroute(name, route)
        except RerouteFailed as error:
            await self._remove(frozenset(inside))
            raise Refused(error.status, error.why) from error
        await self._lend(name, inside)
        return OK

    def _route(self, decoded: Decoded) -> Route:
        assert decoded.main is not None, "a body without problems is about something"
        given = decoded.objects.get(decoded.main)
        known = self._editor.snapshot.objects.get(decoded.main) if given is None else given
        if not isinstance(known, Route):
            raise Refused(HTTPStatus.BAD_REQUEST, f"No such route: {decoded.main.name}")
        return known

    async def _lend(self, name: str, inside: dict[Key, Object]) -> None:
        before = self._lent.pop(name, frozenset())
        if inside:
            if self._inventory.when_over(name, partial(self._over, name)):
                self._lent[name] = frozenset(inside)
            else:
                before |= frozenset(inside)
        await self._remove(before)

    def _over(self, name: str) -> None:
        keys = self._lent.pop(name, None)
        if keys is not None:
            spawn("end of a session's own route", self._remove(keys))

    async def _remove(self, keys: frozenset[Key]) -> None:
        if keys:
            async with self._editor.lock:
                gone = orphans(self._editor.snapshot.objects, (), keys)
                await self._editor.apply(_MOVE, {}, gone)


def _inner(source: Source) -> Source:
    """`{"session": {"route": ...}}` is `{"route": ...}`."""
    value = source.value
    if isinstance(value, dict) and isinstance(inner := value.get("session"), dict):
        return parsed(inner, source.file)
    return source

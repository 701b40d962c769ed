"""The responder behind clusters of protocol L7mpController."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from l7mp_mesh.control.native import Vocabulary
from l7mp_mesh.control.rest.call import Call, read_call
from l7mp_mesh.control.rest.editor import Editor
from l7mp_mesh.control.rest.endpoints import Endpoints
from l7mp_mesh.control.rest.objects import Objects
from l7mp_mesh.control.rest.openapi import describe
from l7mp_mesh.control.rest.ops import RuntimeOps
from l7mp_mesh.control.rest.positions import Positions
from l7mp_mesh.control.rest.process import SECTIONS, Process
from l7mp_mesh.control.rest.reply import Refused, refusal, success
from l7mp_mesh.control.rest.sessions import Sessions
from l7mp_mesh.control.rest.table import Operation, Table
from l7mp_mesh.io.tasks import spawn
from l7mp_mesh.model.snapshot import Kind
from l7mp_mesh.model.value import Json
from l7mp_mesh.pipe.head import RequestHead, ResponseHead
from l7mp_mesh.ports.attributes import Attributes
from l7mp_mesh.ports.config import Store
from l7mp_mesh.ports.responder import Responder
from l7mp_mesh.ports.session import Inventory

Answer = tuple[ResponseHead, bytes]
"""A response and its body."""


class RestController(Responder):
    """`/api/v1` over one store, one inventory of sessions, and one running dataplane.

    `version` is shown with the settings.
    """

    def __init__(
        self,
        store: Store,
        inventory: Inventory,
        ops: RuntimeOps,
        vocabulary: Vocabulary,
        version: str,
    ) -> None:
        self._vocabulary = vocabulary
        self._version = version
        editor = Editor(store, vocabulary)
        self._process = Process(editor, inventory, version)
        self._endpoints = Endpoints(editor, ops)
        self._positions = Positions(editor)
        self._sessions = Sessions(editor, inventory)
        rows = {**self._single(), **_objects(editor, ops), **self._nested()}
        self._table = Table(rows)

    async def answer(
        self, request: RequestHead, body: bytes, attributes: Attributes
    ) -> tuple[ResponseHead, bytes]:
        call = read_call(request, body, attributes.listener)
        try:
            operation, call = self._table.find(call)
        except Refused as error:
            return refusal(error)
        if call.method in ("GET", "HEAD"):
            return await _perform(operation, call)
        return await _whole(operation, call)

    async def openapi(self, _call: Call) -> Json:
        """The API itself, described for tools."""
        return describe(self._table, self._vocabulary, self._version)

    def _single(self) -> Mapping[str, Mapping[str, Operation]]:
        process = self._process
        return {
            "/config": {"GET": process.config, "POST": process.set_config},
            "/admin": {"GET": process.admin, "POST": process.set_admin},
            "/openapi.json": {"GET": self.openapi},
        }

    def _nested(self) -> Mapping[str, Mapping[str, Operation]]:
        endpoints, positions, sessions = self._endpoints, self._positions, self._sessions
        return {
            "/clusters/{name}/endpoints": {"GET": endpoints.of_cluster, "POST": endpoints.add},
            "/endpoints": {"GET": endpoints.list},
            "/endpoints/{name}": {"GET": endpoints.show, "DELETE": endpoints.delete},
            "/rulelists/{name}/rules/{position}": {
                "GET": positions.show,
                "POST": positions.insert,
                "DELETE": positions.unlink,
            },
            "/sessions": {"GET": sessions.list},
            "/sessions/{name}": {"GET": sessions.show, "PUT": sessions.put, "DELETE": sessions.delete},
        }


def _objects(editor: Editor, ops: RuntimeOps) -> Mapping[str, Mapping[str, Operation]]:
    rows: dict[str, Mapping[str, Operation]] = {}
    for word, kind in SECTIONS.items():
        if kind is not Kind.ENDPOINTS:
            objects = Objects(kind, editor, ops)
            rows[f"/{word}"] = {"GET": objects.list, "POST": objects.create}
            rows[f"/{word}/{{name}}"] = {"GET": objects.show, "PUT": objects.put, "DELETE": objects.delete}
    return rows


async def _perform(operation: Operation, call: Call) -> Answer:
    try:
        return success(await operation(call), call.form)
    except Refused as error:
        return refusal(error)


async def _whole(operation: Operation, call: Call) -> Answer:
    """A change is brought to its end even if the client goes away and the answer is not wanted any more."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Answer] = loop.create_future()

    async def work() -> None:
        try:
            made = await _perform(operation, call)
            if not answer.done():
                answer.set_result(made)
        finally:
            if not answer.done():
                answer.cancel()
            # The loop keeps its order: whoever waits for the answer goes on first, and gives it.
            for do in call.after:
                loop.call_soon(do)

    spawn("rest change", work())
    return await answer

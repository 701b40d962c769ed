"""The control API over a real store and a real runtime, without a listener in front."""

from __future__ import annotations

import asyncio
import functools
import inspect
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from support.attributes import session

from l7mp_mesh.control.native import Vocabulary
from l7mp_mesh.control.rest import RestController
from l7mp_mesh.control.store import ConfigStore
from l7mp_mesh.io.clock import LoopClock
from l7mp_mesh.model.rules import Route
from l7mp_mesh.model.snapshot import Kind
from l7mp_mesh.model.value import Json
from l7mp_mesh.observe.stats import Stats
from l7mp_mesh.pipe.head import RequestHead
from l7mp_mesh.pipe.headers import Headers
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.ports.environment import Environment
from l7mp_mesh.ports.session import Inventory, RerouteFailed, SessionRecord, SessionStatus
from l7mp_mesh.protocols import PROTOCOLS
from l7mp_mesh.protocols.http.rescue import reply_for
from l7mp_mesh.runtime.runtime import Runtime
from l7mp_mesh.transforms import load

JSON = "application/json"
OK = {"status": 200, "message": "OK"}
ECHO = {"spec": {"protocol": "Echo"}}


def listener(name: str, rules: object = (), protocol: str = "TCP", port: int = 0) -> dict[str, Any]:
    """A listener on a port of the system's choice."""
    spec = {"protocol": protocol, "port": port, "address": "127.0.0.1"}
    return {"name": name, "spec": spec, "rules": list(rules) if isinstance(rules, tuple) else rules}


def to(destination: object) -> dict[str, Any]:
    """A rule that sends everything to a cluster."""
    return {"action": {"route": {"destination": destination}}}


@dataclass(frozen=True)
class Reply:
    status: int
    body: Any
    headers: dict[str, str]

    @property
    def content(self) -> Any:
        """What an error says."""
        return self.body["content"]


class NotedOps:
    """Notes what is to happen to live sessions."""

    def __init__(self) -> None:
        self.log: list[tuple[str, str]] = []

    def end_listener(self, name: str) -> None:
        self.log.append(("end listener", name))

    def statistics(self, kind: Kind) -> Mapping[str, Json]:
        return {}

    def end_cluster(self, name: str) -> None:
        self.log.append(("end cluster", name))

    def disconnect_endpoint(self, name: str) -> None:
        self.log.append(("disconnect endpoint", name))


class FakeInventory(Inventory):
    """The sessions it is given; `fail` is raised by the next re-route."""

    def __init__(self) -> None:
        self.sessions: dict[str, SessionRecord] = {}
        self.moved: list[tuple[str, Route]] = []
        self.fail: RerouteFailed | None = None
        self.over: list[Callable[[], None]] = []

    def records(self) -> list[SessionRecord]:
        return list(self.sessions.values())

    def record(self, name: str) -> SessionRecord | None:
        return self.sessions.get(name)

    def remove(self, name: str, reason: Reason) -> bool:
        known = self.sessions.get(name)
        if known is None or known.status is SessionStatus.DESTROYED:
            return False
        del self.sessions[name]
        return True

    async def reroute(self, name: str, route: Route) -> None:
        if self.fail is not None:
            raise self.fail
        if name not in self.sessions:
            raise RerouteFailed(404, "No such session")
        self.moved.append((name, route))

    def when_over(self, name: str, call: Callable[[], None]) -> bool:
        known = self.sessions.get(name)
        if known is None or known.status is SessionStatus.DESTROYED:
            return False
        self.over.append(call)
        return True


class Api:
    """Calls the API; made inside the event loop."""

    def __init__(self) -> None:
        self.vocabulary = Vocabulary(PROTOCOLS)
        environment = Environment(LoopClock(), {})
        self.runtime = Runtime(environment, Stats(), PROTOCOLS, reply_for, load, {})
        self.store = ConfigStore(self.runtime)
        self.ops = NotedOps()
        self.inventory = FakeInventory()
        self.controller = RestController(self.store, self.inventory, self.ops, self.vocabulary, "1.2.3+abc")

    async def call(
        self, method: str, path: str, body: object = None, content_type: str | None = JSON
    ) -> Reply:
        """One call below /api/v1; `body` is bytes, or a value to be sent as JSON."""
        return await self.raw(method, f"/api/v1/{path}", body, content_type)

    async def raw(self, method: str, target: str, body: object, content_type: str | None) -> Reply:
        """One call of any path."""
        text = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        headers = Headers([] if content_type is None else [(b"content-type", content_type.encode())])
        request = RequestHead(method.encode(), target.encode(), b"localhost", headers, len(text))
        head, answer = await self.controller.answer(request, text, session())
        await asyncio.sleep(0)
        fields = {name.decode(): value.decode() for name, value in head.headers}
        return Reply(head.status, json.loads(answer), fields)

    async def get(self, path: str) -> Any:
        """What is shown at a path."""
        reply = await self.call("GET", path)
        assert reply.status == 200, reply
        return reply.body

    async def do(self, method: str, path: str, body: object = None) -> None:
        """A change that must succeed."""
        reply = await self.call(method, path, body)
        assert (reply.status, reply.body) == (200, OK)

    async def refused(self, method: str, path: str, body: object = None) -> str:
        """A change that must fail, leaving everything as it was; what the answer says."""
        before = self.store.snapshot
        reply = await self.call(method, path, body)
        assert reply.status == 400, reply
        assert self.store.snapshot is before
        return str(reply.content)

    async def names(self, path: str) -> list[str]:
        """Names in a listing."""
        return [item["name"] for item in await self.get(path)]


def with_api(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Make a test of a coroutine that takes a fresh Api first."""

    @functools.wraps(test)
    def run(*args: object, **named: object) -> None:
        async def main() -> None:
            api = Api()
            try:
                await test(api, *args, **named)
            finally:
                await api.runtime.stop(0)

        asyncio.run(main())

    parameters = list(inspect.signature(test).parameters.values())[1:]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return run

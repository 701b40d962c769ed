"""What an HTTP exchange costs beside its bytes: no task, and nothing for the garbage collector."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest
from support.backend import Tally
from support.dataplane import Dataplane, dataplane
from support.http import get

COUNT = 200
REQUEST = b"POST /a?x=1 HTTP/1.1\r\nhost: h\r\ncontent-length: 3\r\nx-field: 1\r\n\r\nabc"


class Client(asyncio.Protocol):
    """Sends one request after the other on one connection, without a task of its own."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._missing = 0
        self._left = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def ask(self, count: int) -> asyncio.Future[None]:
        """So many requests; done when the last was answered."""
        self._left = count
        self.done = asyncio.get_running_loop().create_future()
        self._next()
        return self.done

    def data_received(self, data: bytes) -> None:
        self._missing -= len(data)
        if self._missing <= 0:
            self._next()

    def _next(self) -> None:
        if not self._left:
            self.done.set_result(None)
            return
        self._left -= 1
        self._missing = self._size
        self.transport.write(REQUEST)


class Factory:
    """Counts the tasks of a loop."""

    def __init__(self) -> None:
        self.made = 0

    def __call__(
        self, loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any], **more: Any
    ) -> asyncio.Task[Any]:
        self.made += 1
        return asyncio.Task(work, loop=loop, **more)


def config(port: int, **route: Any) -> dict[str, Any]:
    retry = {"retry_on": "always", "num_retries": 3, "timeout": 1000}
    return {
        "transforms": [{"name": "stamp", "type": "l7mp_mesh.pipe.verbs:Stage"}],
        "clusters": [
            {
                "name": "up",
                "spec": {"protocol": "HTTP", "port": port},
                "endpoints": [{"spec": {"address": "127.0.0.1"}}],
            }
        ],
        "listeners": [
            {
                "name": "in",
                "spec": {"protocol": "HTTP", "port": 0, "address": "127.0.0.1"},
                "rules": [{"action": {"route": {"destination": "up", "retry": retry, **route}}}],
            }
        ],
    }


async def cost(**route: Any) -> tuple[int, int]:
    """Tasks made and unreachable objects left by COUNT exchanges."""
    loop = asyncio.get_running_loop()
    tally = Tally(b"ok")
    server = await loop.create_server(tally.connect, "127.0.0.1", 0)
    async with dataplane(config(server.sockets[0].getsockname()[1], **route)) as made:
        port = made.port("in")
        _, probe = await loop.create_connection(lambda: Client(1), "127.0.0.1", port)
        await probe.ask(1)
        probe.transport.abort()
        _, client = await loop.create_connection(lambda: Client(_answer_size()), "127.0.0.1", port)
        # Warm: the upstream connection is there, every cache is filled.
        await client.ask(20)
        factory = Factory()
        loop.set_task_factory(factory)
        gc.collect()
        gc.disable()
        try:
            await client.ask(COUNT)
            found = gc.collect()
        finally:
            gc.enable()
            loop.set_task_factory(None)
        assert tally.requests == COUNT + 21
        client.transport.abort()
    server.close()
    return factory.made, found


def _answer_size() -> int:
    return len(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")


@pytest.mark.parametrize("route", [{}, {"ingress": ["stamp"], "egress": ["stamp"]}], ids=["plain", "stages"])
def test_an_exchange_makes_no_task_and_leaves_nothing_to_collect(route: dict[str, Any]) -> None:
    tasks, found = asyncio.run(cost(**route))
    assert tasks == 0
    assert found == 0


async def _flows(port: int, count: int) -> None:
    """So many TCP sessions, one after the other."""
    for _ in range(count):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"x")
        assert await reader.readexactly(1) == b"x"
        writer.close()
        await writer.wait_closed()


async def leftovers(run: Callable[[Dataplane], Awaitable[None]]) -> Counter[str]:
    """Our objects that only the garbage collector finds after `run`, by type."""
    config = {
        "transforms": [{"name": "stamp", "type": "l7mp_mesh.pipe.verbs:Stage"}],
        "clusters": [{"name": "echo", "spec": {"protocol": "Echo"}}],
        "listeners": [
            {
                "name": name,
                "spec": {"protocol": protocol, "port": 0, "address": "127.0.0.1"},
                "rules": [{"action": {"route": {"destination": "echo", **route}}}],
            }
            for name, protocol, route in (
                ("tcp", "TCP", {}),
                ("stages", "TCP", {"ingress": ["stamp", "echo"], "egress": ["stamp"]}),
                ("http", "HTTP", {"ingress": ["echo", "stamp"], "egress": ["echo"]}),
                ("unroutable", "HTTP", {"destination": "nowhere"}),
            )
        ],
    }
    async with dataplane(config) as made:
        await run(made)
        gc.collect()
        gc.disable()
        gc.set_debug(gc.DEBUG_SAVEALL)
        try:
            await run(made)
            gc.collect()
            return Counter(
                type(item).__qualname__
                for item in gc.garbage
                if type(item).__module__.startswith("l7mp_mesh")
            )
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
            gc.enable()


@pytest.mark.parametrize("listener", ["tcp", "stages"])
def test_a_connection_leaves_nothing_to_collect(listener: str) -> None:
    assert asyncio.run(leftovers(lambda made: _flows(made.port(listener), 5))) == {}


@pytest.mark.parametrize("listener", ["http", "unroutable"])
def test_an_exchange_that_took_the_slow_path_leaves_nothing_to_collect(listener: str) -> None:
    async def run(made: Dataplane) -> None:
        for _ in range(5):
            await get(made.port(listener))

    assert asyncio.run(leftovers(run)) == {}

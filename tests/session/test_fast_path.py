"""What an HTTP exchange costs beside its bytes: no task, and nothing for the garbage collector."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Coroutine
from typing import Any

import pytest
from support.backend import Tally
from support.dataplane import dataplane

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

"""A quick HTTP backend on one thread: tells who answered, and how often it was asked."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator


class Tally(asyncio.Protocol):
    """Answers every bodiless request with `tag`; one object serves all connections of one backend."""

    def __init__(self, tag: bytes) -> None:
        self.requests = 0
        self.connections = 0
        self.open: set[asyncio.Transport] = set()
        self._answer = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(tag), tag)

    def connect(self) -> asyncio.Protocol:
        """A protocol for one more connection."""
        self.connections += 1
        return _Connection(self)

    def answers(self, count: int) -> bytes:
        """So many responses."""
        self.requests += count
        return self._answer * count


class _Connection(asyncio.Protocol):
    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._tally.open.add(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._tally.open.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        *heads, self._rest = (self._rest + data).split(b"\r\n\r\n")
        if heads:
            self._transport.write(self._tally.answers(len(heads)))


@contextlib.contextmanager
def backends(*tags: str) -> Iterator[list[tuple[int, Tally]]]:
    """One backend per tag: its port and its tally."""
    loop = asyncio.new_event_loop()
    made: list[tuple[int, Tally]] = []
    servers = []
    for tag in tags:
        tally = Tally(tag.encode())
        server = loop.run_until_complete(loop.create_server(tally.connect, "127.0.0.1", 0))
        servers.append(server)
        made.append((server.sockets[0].getsockname()[1], tally))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        for server in servers:
            server.close()
        for transport in [one for _, tally in made for one in tally.open]:
            transport.abort()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()

"""Serving listening stream sockets."""

from __future__ import annotations

import asyncio
import socket
from abc import abstractmethod
from collections.abc import Callable
from typing import TypeAlias

from l7mp_mesh.io.stream import StreamDriver
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.ports.attributes import Attributes
from l7mp_mesh.ports.layer import Accept, Acceptor

Ends: TypeAlias = tuple[tuple[str, int], tuple[str, int]]
"""Peer and local end: address and port each; ("", 0) where a socket has none."""

_MAPPED = "::ffff:"


class AcceptedDriver(StreamDriver):
    """A connection that a client made."""

    def __init__(self, accepted: Callable[[AcceptedDriver], None]) -> None:
        super().__init__(Reason.DOWNSTREAM_RESET)
        self._accepted = accepted
        self.gone: Callable[[], None] | None = None
        """Called once when the connection no longer exists."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._accepted(self)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self.gone is not None:
            self.gone()

    def ends(self) -> Ends:
        """Peer and local address of the connection."""
        transport = self._transport
        if transport is None:
            return (("", 0), ("", 0))
        return (_end(transport.get_extra_info("peername")), _end(transport.get_extra_info("sockname")))


async def listen(
    sock: socket.socket, accepted: Callable[[AcceptedDriver], None], backlog: int
) -> asyncio.Server:
    """Accept connections of a listening socket; event loops make it listen again, with `backlog`."""
    loop = asyncio.get_running_loop()
    serve = loop.create_unix_server if sock.family == socket.AF_UNIX else loop.create_server
    return await serve(lambda: AcceptedDriver(accepted), sock=sock, backlog=backlog)


class StreamAcceptor(Acceptor):
    """What listening stream sockets have in common: bind, serve, stop. Connections outlive it.

    A connection beyond `limit` live ones is reset at once; 0 is no limit.
    """

    def __init__(self, backlog: int, limit: int) -> None:
        self._backlog = backlog
        self._limit = limit
        self._live = 0
        self._sock: socket.socket | None = None
        self._server: asyncio.Server | None = None
        self._accept: Accept | None = None

    @abstractmethod
    def open(self) -> socket.socket:
        """The bound, listening socket. Raises BindFailed."""

    @abstractmethod
    def describe(self, driver: AcceptedDriver) -> Attributes:
        """What is known about a new connection."""

    async def bind(self) -> None:
        self._sock = self.open()

    async def serve(self, accept: Accept) -> None:
        assert self._sock is not None, "bind first"
        self._accept = accept
        self._server = await listen(self._sock, self._accepted, self._backlog)

    def stop(self) -> None:
        self._accept = None
        if self._server is not None:
            self._server.close()
        elif self._sock is not None:
            self._sock.close()
        self._server = self._sock = None

    def _accepted(self, driver: AcceptedDriver) -> None:
        if self._accept is None:
            driver.close(Reason.SHUTDOWN)
        elif 0 < self._limit <= self._live:
            driver.close(Reason.OVERFLOW)
            self.refuse()
        else:
            self._live += 1
            driver.gone = self._gone
            self._accept(driver, self.describe(driver))

    def _gone(self) -> None:
        self._live -= 1


def _end(name: object) -> tuple[str, int]:
    """A socket name as address and port; IPv4 in an IPv6 socket appears in plain IPv4 form."""
    match name:
        case (str(host), int(port), *_):
            return (host[len(_MAPPED) :] if host.startswith(_MAPPED) and "." in host else host, port)
        case _:
            return ("", 0)

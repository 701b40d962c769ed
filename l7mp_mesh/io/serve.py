"""Serving listening stream sockets."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import TypeAlias

from l7mp_mesh.io.stream import StreamDriver
from l7mp_mesh.pipe.reason import Reason

Ends: TypeAlias = tuple[tuple[str, int], tuple[str, int]]
"""Peer and local end: address and port each; ("", 0) where a socket has none."""

_MAPPED = "::ffff:"


class AcceptedDriver(StreamDriver):
    """A connection that a client made."""

    def __init__(self, accepted: Callable[[AcceptedDriver], None]) -> None:
        super().__init__(Reason.DOWNSTREAM_RESET)
        self._accepted = accepted

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._accepted(self)

    def ends(self) -> Ends:
        """Peer and local address of the connection."""
        transport = self._transport
        if transport is None:
            return (("", 0), ("", 0))
        return (_end(transport.get_extra_info("peername")), _end(transport.get_extra_info("sockname")))


class StreamServer:
    """A listening socket being served; closing it leaves its connections alone."""

    def __init__(self, server: asyncio.Server, sock: socket.socket) -> None:
        self._server = server
        name = sock.getsockname()
        self.name: tuple[str, int] = (str(name), 0) if isinstance(name, str) else (str(name[0]), int(name[1]))

    def close(self) -> None:
        """Accept no more."""
        self._server.close()


async def serve(sock: socket.socket, accepted: Callable[[AcceptedDriver], None]) -> StreamServer:
    """Accept connections of a listening TCP or UNIX socket."""
    loop = asyncio.get_running_loop()
    if sock.family == socket.AF_UNIX:
        server = await loop.create_unix_server(lambda: AcceptedDriver(accepted), sock=sock)
    else:
        server = await loop.create_server(lambda: AcceptedDriver(accepted), sock=sock)
    return StreamServer(server, sock)


def _end(name: object) -> tuple[str, int]:
    """A socket name as address and port; IPv4 in an IPv6 socket appears in plain IPv4 form."""
    match name:
        case (str(host), int(port), *_):
            return (host[len(_MAPPED) :] if host.startswith(_MAPPED) and "." in host else host, port)
        case _:
            return ("", 0)

"""Accepting connections on a UNIX stream socket."""

from __future__ import annotations

import contextlib
import os

from l7mp_mesh.io import bind
from l7mp_mesh.io.serve import AcceptedDriver, StreamServer, serve
from l7mp_mesh.ports.attributes import Attributes, Peer
from l7mp_mesh.ports.environment import Environment
from l7mp_mesh.ports.layer import Accept, Acceptor
from l7mp_mesh.protocols.unix.options import UnixListenerOptions


class UnixAcceptor(Acceptor):
    """A listening UNIX socket; its file is removed when it stops."""

    def __init__(self, options: UnixListenerOptions, listener: str, environment: Environment) -> None:
        del environment
        self._options = options
        self._listener = listener
        self._sock: bind.BoundSocket | None = None
        self._server: StreamServer | None = None
        self._accept: Accept | None = None
        self._peer = Peer("UNIX", "", 0, options.filename, 0)
        self._serial = 0

    @property
    def address(self) -> str:
        return self._options.filename

    async def bind(self) -> None:
        self._sock = bind.unix_socket(self._options.filename, self._options.backlog)

    async def serve(self, accept: Accept) -> None:
        assert self._sock is not None, "bind first"
        self._accept = accept
        self._server = await serve(self._sock, self._accepted)

    def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        elif self._sock is not None:
            self._sock.close()
        if self._sock is not None:
            # Somebody may have removed the file already; a successor binds a new one.
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._options.filename)
            self._sock = None
        self._accept = None

    def _accepted(self, driver: AcceptedDriver) -> None:
        if self._accept is None:
            return
        attributes = Attributes(self._listener, "UNIX", self._peer, self._serial)
        self._serial += 1
        self._accept(driver, attributes)

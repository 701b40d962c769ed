"""Accepting connections on a UNIX stream socket."""

from __future__ import annotations

import contextlib
import os

from l7mp_mesh.io import bind
from l7mp_mesh.io.serve import AcceptedDriver, StreamAcceptor
from l7mp_mesh.ports.attributes import Attributes, Peer
from l7mp_mesh.ports.environment import Environment
from l7mp_mesh.protocols.unix.options import UnixListenerOptions

IDLE_TIMEOUT = 3600.0
"""Seconds without a byte in either direction that end a session, as for TCP."""


class UnixAcceptor(StreamAcceptor):
    """A listening UNIX socket; its file is removed when it stops."""

    def __init__(self, options: UnixListenerOptions, listener: str, environment: Environment) -> None:
        super().__init__(options.backlog, options.max_connections)
        del environment
        self._options = options
        self._listener = listener
        self._peer = Peer("UNIX", "", 0, options.filename, 0)
        self._serial = 0

    @property
    def address(self) -> str:
        return self._options.filename

    def open(self) -> bind.BoundSocket:
        return bind.unix_socket(self._options.filename, self._options.backlog)

    def stop(self) -> None:
        if self._sock is not None:
            # Somebody may have removed the file already; a successor binds a new one.
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._options.filename)
        super().stop()

    def describe(self, driver: AcceptedDriver) -> Attributes:
        attributes = Attributes(self._listener, "UNIX", self._peer, self._serial)
        attributes.idle_timeout = IDLE_TIMEOUT
        self._serial += 1
        return attributes

"""Accepting TCP connections."""

from __future__ import annotations

from l7mp_mesh.io import bind
from l7mp_mesh.io.serve import AcceptedDriver, StreamServer, serve
from l7mp_mesh.ports.attributes import Attributes, Peer
from l7mp_mesh.ports.environment import Environment
from l7mp_mesh.ports.layer import Accept, Acceptor
from l7mp_mesh.protocols.tcp.options import TcpListenerOptions

IDLE_TIMEOUT = 3600.0
"""Seconds without a byte in either direction that end a TCP session; Envoy's tcp_proxy has the same."""


class TcpAcceptor(Acceptor):
    """A listening TCP socket; its legs are STREAM legs."""

    def __init__(self, options: TcpListenerOptions, listener: str, environment: Environment) -> None:
        del environment
        self._options = options
        self._listener = listener
        self._sock: bind.BoundSocket | None = None
        self._server: StreamServer | None = None
        self._accept: Accept | None = None
        self._name = (options.address, options.port)

    @property
    def address(self) -> str:
        return bind.show(self._name[0] or "*", self._name[1])

    @property
    def port(self) -> int:
        return self._name[1]

    async def bind(self) -> None:
        options = self._options
        self._sock = bind.tcp_socket(options.address, options.port, options.backlog)
        self._name = (options.address, self._sock.getsockname()[1])

    async def serve(self, accept: Accept) -> None:
        assert self._sock is not None, "bind first"
        self._accept = accept
        self._server = await serve(self._sock, self._accepted)

    def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        elif self._sock is not None:
            self._sock.close()
        self._accept = None

    def _accepted(self, driver: AcceptedDriver) -> None:
        if self._accept is None:
            return
        (address, port), (local_address, local_port) = driver.ends()
        peer = Peer("TCP", address, port, local_address, local_port)
        attributes = Attributes(self._listener, "TCP", peer, -1)
        attributes.idle_timeout = IDLE_TIMEOUT
        self._accept(driver, attributes)

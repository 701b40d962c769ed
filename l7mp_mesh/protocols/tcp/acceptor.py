"""Accepting TCP connections."""

from __future__ import annotations

from l7mp_mesh.io import bind
from l7mp_mesh.io.serve import AcceptedDriver, StreamAcceptor
from l7mp_mesh.ports.attributes import Attributes, Peer
from l7mp_mesh.ports.environment import Environment
from l7mp_mesh.protocols.tcp.options import TcpListenerOptions

IDLE_TIMEOUT = 3600.0
"""Seconds without a byte in either direction that end a TCP session; Envoy's tcp_proxy has the same."""


class TcpAcceptor(StreamAcceptor):
    """A listening TCP socket."""

    def __init__(self, options: TcpListenerOptions, listener: str, environment: Environment) -> None:
        super().__init__(options.backlog, options.max_connections)
        del environment
        self._options = options
        self._listener = listener
        self._port = options.port

    @property
    def address(self) -> str:
        return bind.show(self._options.address or "*", self._port)

    @property
    def port(self) -> int:
        return self._port

    def open(self) -> bind.BoundSocket:
        options = self._options
        sock = bind.tcp_socket(options.address, self._port, options.backlog)
        self._port = sock.getsockname()[1]
        return sock

    def describe(self, driver: AcceptedDriver) -> Attributes:
        (address, port), (local_address, local_port) = driver.ends()
        peer = Peer("TCP", address, port, local_address, local_port)
        attributes = Attributes(self._listener, "TCP", peer, -1)
        attributes.idle_timeout = IDLE_TIMEOUT
        return attributes

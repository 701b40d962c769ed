"""Accepting UDP peers."""

from __future__ import annotations

from l7mp_mesh.io import bind
from l7mp_mesh.io.datagram import Address, canonical
from l7mp_mesh.ports.attributes import Attributes, Peer
from l7mp_mesh.ports.environment import Environment
from l7mp_mesh.ports.layer import Accept, Acceptor
from l7mp_mesh.protocols.udp.flows import Claim, UdpFlow, UdpPort, UdpPorts
from l7mp_mesh.protocols.udp.options import Mode, UdpListenerOptions


class UdpAcceptor(Acceptor, Claim):
    """Emits a session per peer (server), or one to the peer it is connected to (singleton)."""

    def __init__(self, options: UdpListenerOptions, listener: str, environment: Environment) -> None:
        self._options = options
        self._listener = listener
        self._clock = environment.clock
        self._ports = environment.share(UdpPorts)
        self._port: UdpPort | None = None
        self._accept: Accept | None = None
        self._serial = 0
        self._live = 0
        self._number = options.port
        connect = options.connect
        self._only = None if connect.address is None else canonical(connect.address)
        self.specificity = (connect.address is not None) + (connect.port is not None)

    @property
    def address(self) -> str:
        return bind.show(self._options.address or "*", self.port)

    @property
    def port(self) -> int:
        return self._number

    async def bind(self) -> None:
        self._port = await self._ports.claim((self._options.address, self._number), self, self._clock)
        self._number = self._port.local[1]

    async def serve(self, accept: Accept) -> None:
        assert self._port is not None, "bind first"
        self._accept = accept
        connect = self._options.connect
        if self._options.mode is Mode.SINGLETON:
            assert connect.address is not None and connect.port is not None, "checked at validation"  # noqa: PT018
            flow = self._port.flow((canonical(connect.address), connect.port), self)
            if flow is not None:
                self.begin(flow)

    def stop(self) -> None:
        self._accept = None
        port, self._port = self._port, None
        if port is not None:
            port.drop(self)

    def wants(self, peer: Address) -> bool:
        connect = self._options.connect
        return (
            self._accept is not None
            and (self._only is None or self._only in (peer[0], peer[0].partition("%")[0]))
            and (connect.port is None or connect.port == peer[1])
        )

    def has_room(self) -> bool:
        return self._options.max_sessions == 0 or self._live < self._options.max_sessions

    def ended(self) -> None:
        self._live -= 1

    def begin(self, flow: UdpFlow) -> None:
        assert self._accept is not None, "wants() said so"
        self._live += 1
        local = flow.local
        peer = Peer("UDP", flow.peer[0], flow.peer[1], local[0], local[1])
        attributes = Attributes(self._listener, "UDP", peer, self._serial)
        if self._options.mode is Mode.SERVER:
            attributes.idle_timeout = self._options.idle_timeout
        self._serial += 1
        self._accept(flow, attributes)

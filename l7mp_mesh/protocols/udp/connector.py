"""Talking to UDP endpoints."""

from __future__ import annotations

from l7mp_mesh.io import dial
from l7mp_mesh.io.datagram import Address, DatagramDriver, DatagramReceiver
from l7mp_mesh.model.endpoints import Endpoint
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.ports.attributes import Attributes
from l7mp_mesh.ports.clock import Clock
from l7mp_mesh.ports.environment import Environment
from l7mp_mesh.ports.leg import Leg
from l7mp_mesh.ports.upstream import Connector
from l7mp_mesh.protocols.tcp.connector import local_end, port_of
from l7mp_mesh.protocols.udp.leg import DatagramLeg
from l7mp_mesh.protocols.udp.options import UdpClusterOptions


class UdpConnector(Connector):
    """One socket per session, connected to the endpoint."""

    def __init__(self, options: UdpClusterOptions, environment: Environment) -> None:
        self._clock = environment.clock
        self._local = local_end(options.bind)

    async def connect(self, endpoint: Endpoint, attributes: Attributes) -> Leg:
        leg = UdpLeg(self._clock)
        leg.driver = await dial.udp(endpoint.address, port_of(endpoint), self._local, leg)
        return leg


class UdpLeg(DatagramLeg, DatagramReceiver):
    """A connected UDP socket."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.driver: DatagramDriver | None = None

    def send(self, data: bytes) -> None:
        if self.driver is not None:
            self.driver.send(data, None)

    def close(self, reason: Reason) -> None:
        super().close(reason)
        driver, self.driver = self.driver, None
        if driver is not None:
            driver.close()

    def received(self, data: bytes, address: Address) -> None:
        self.take(data)

    def failed(self, error: OSError) -> None:
        self.fail(Reason.UPSTREAM_RESET)

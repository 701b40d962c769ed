"""UDP flows: one socket per bound address, a table of peers on it, and listeners that claim new peers.

Several listeners may share an address: the most specific claim (address and port, one of them, none)
gets a new peer, then the oldest.
"""

from __future__ import annotations

import asyncio
import contextlib
from abc import ABC, abstractmethod
from typing import Final

from l7mp_mesh.io import bind
from l7mp_mesh.io.datagram import Address, DatagramDriver, DatagramReceiver, open_bound
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.ports.clock import Clock
from l7mp_mesh.protocols.udp.leg import DatagramLeg

RELEASE: Final = 1.0
"""Seconds for closed sockets to send what they have."""


class Claim(ABC):
    """A listener's interest in new peers of a port."""

    specificity: int
    """2: address and port are given, 1: one of them, 0: any peer."""

    @abstractmethod
    def wants(self, peer: Address) -> bool:
        """Whether the listener takes this peer."""

    @abstractmethod
    def begin(self, flow: UdpFlow) -> None:
        """A new flow that the listener must route (or close)."""

    @abstractmethod
    def has_room(self) -> bool:
        """Whether the listener may have one more flow."""

    @abstractmethod
    def refuse(self) -> None:
        """A peer that the listener wants has found no room."""

    @abstractmethod
    def ended(self) -> None:
        """A flow that has begun was closed."""


class UdpPort(DatagramReceiver):
    """One bound socket with its flows."""

    def __init__(self, ports: UdpPorts, key: Address, clock: Clock) -> None:
        self._ports = ports
        self.key = key
        self._clock = clock
        self._claims: list[Claim] = []
        self._flows: dict[Address, UdpFlow] = {}
        self._driver: DatagramDriver | None = None
        self.unclaimed = 0
        """Datagrams dropped because no listener wants their peer."""

    async def open(self) -> None:
        """Bind the socket. Raises BindFailed."""
        self._driver = await open_bound(bind.udp_socket(*self.key), self)

    @property
    def local(self) -> Address:
        """The bound address."""
        return ("", 0) if self._driver is None else self._driver.local()

    def add(self, claim: Claim) -> None:
        """Offer new peers to `claim` from now on."""
        self._claims.append(claim)
        self._claims.sort(key=lambda known: -known.specificity)

    def drop(self, claim: Claim) -> None:
        """The listener is gone; its flows live on, and the socket with them."""
        self._claims.remove(claim)
        self._close_when_unused()

    def flow(self, peer: Address, claim: Claim) -> UdpFlow | None:
        """A new flow to `peer`; None when there is one already."""
        if peer in self._flows:
            return None
        flow = self._flows[peer] = UdpFlow(self, peer, self._clock, claim)
        return flow

    def end(self, flow: UdpFlow) -> None:
        """Forget a flow; its peer's next datagram begins a new one."""
        if self._flows.get(flow.peer) is flow:
            del self._flows[flow.peer]
            self._close_when_unused()

    def send(self, data: bytes, peer: Address) -> None:
        """Send one datagram."""
        if self._driver is not None:
            self._driver.send(data, peer)

    def received(self, data: bytes, address: Address) -> None:
        flow = self._flows.get(address)
        if flow is not None:
            flow.take(data)
            return
        for claim in self._claims:
            if claim.wants(address):
                if not claim.has_room():
                    claim.refuse()
                    return
                flow = self._flows[address] = UdpFlow(self, address, self._clock, claim)
                flow.take(data)
                claim.begin(flow)
                return
        self.unclaimed += 1

    def failed(self, error: OSError) -> None:
        """An unconnected socket reports nothing that concerns one flow."""

    def _close_when_unused(self) -> None:
        if not self._claims and not self._flows and self._driver is not None:
            driver, self._driver = self._driver, None
            driver.close()
            self._ports.forget(self, driver)


class UdpPorts:
    """All bound UDP addresses of a runtime."""

    def __init__(self) -> None:
        self._ports: dict[Address, UdpPort] = {}
        self._closing: list[DatagramDriver] = []

    async def claim(self, key: Address, claim: Claim, clock: Clock) -> UdpPort:
        """The port bound to `key` (a new one for port 0), with `claim` added. Raises BindFailed."""
        port = self._ports.get(key)
        if port is None:
            await self._closed()
            port = UdpPort(self, key, clock)
            await port.open()
            if key[1]:
                self._ports[key] = port
        port.add(claim)
        return port

    def forget(self, port: UdpPort, driver: DatagramDriver) -> None:
        """A port was closed; `driver` releases its address in a moment."""
        self._closing.append(driver)
        if self._ports.get(port.key) is port:
            del self._ports[port.key]

    async def _closed(self) -> None:
        """Wait until the sockets that were closed have released their addresses."""
        closing, self._closing = self._closing, []
        with contextlib.suppress(TimeoutError):
            # One that still can not send what it has keeps its address: that is for whoever binds to say.
            async with asyncio.timeout(RELEASE):
                for driver in closing:
                    await driver.wait_closed()


class UdpFlow(DatagramLeg):
    """What one peer and a listener's socket say to each other."""

    def __init__(self, port: UdpPort, peer: Address, clock: Clock, claim: Claim) -> None:
        super().__init__(clock)
        self._claim = claim
        self._port: UdpPort | None = port
        self.peer = peer
        self.local = port.local

    def send(self, data: bytes) -> None:
        if self._port is not None:
            self._port.send(data, self.peer)

    def close(self, reason: Reason) -> None:
        super().close(reason)
        port, self._port = self._port, None
        if port is not None:
            port.end(self)
            self._claim.ended()

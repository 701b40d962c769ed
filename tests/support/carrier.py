"""Carriers, connectors and layers that a test plays."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from support.leg import FakeLeg
from support.upstream import ExchangeLeg

from l7mp_mesh.model.endpoints import Endpoint
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.ports.attributes import Attributes
from l7mp_mesh.ports.layer import Accept, Carrier, ConnectFailed, Multiplexer
from l7mp_mesh.ports.leg import Leg
from l7mp_mesh.ports.upstream import Connector


class FakeCarrier(Carrier):
    """Bears `size` legs at once; `free` takes the oldest away."""

    def __init__(self, size: int = 1) -> None:
        self.size = size
        self.legs: list[ExchangeLeg] = []
        self.closed: Reason | None = None
        self._notify: Callable[[Carrier], None] | None = None

    def room(self) -> int:
        return 0 if self.closed is not None else self.size - len(self.legs)

    def bear(self, attributes: Attributes) -> Leg:
        assert self.room() > 0
        leg = ExchangeLeg()
        self.legs.append(leg)
        return leg

    def is_closed(self) -> bool:
        return self.closed is not None

    def close(self, reason: Reason) -> None:
        if self.closed is None:
            self.closed = reason
            self._changed()

    def on_change(self, notify: Callable[[Carrier], None]) -> None:
        self._notify = notify

    def free(self) -> None:
        """A leg has ended."""
        self.legs.pop(0)
        self._changed()

    def _changed(self) -> None:
        if self._notify is not None:
            self._notify(self)


class FakeConnector(Connector):
    """Connects at once, unless `refused` holds the endpoint or `may_connect` is not set."""

    def __init__(self) -> None:
        self.connected: list[Endpoint] = []
        self.legs: list[FakeLeg] = []
        self.refused: set[Endpoint] = set()
        self.may_connect = asyncio.Event()
        self.may_connect.set()

    async def connect(self, endpoint: Endpoint, attributes: Attributes) -> Leg:
        self.connected.append(endpoint)
        await self.may_connect.wait()
        if endpoint in self.refused:
            raise ConnectFailed(Reason.CONNECT_FAILED, f"{endpoint.address}: refused")
        self.legs.append(FakeLeg())
        return self.legs[-1]


class FakeMultiplexer(Multiplexer):
    """Makes a FakeCarrier of every connection."""

    def __init__(self) -> None:
        self.carriers: list[FakeCarrier] = []

    def accept(self, lower: Leg, attributes: Attributes, emit: Accept) -> None:
        raise AssertionError("no listener")

    async def connect(self, lower: Leg, attributes: Attributes) -> Leg:
        raise AssertionError("not shared")

    async def carry(self, lower: Leg) -> Carrier:
        self.carriers.append(FakeCarrier())
        return self.carriers[-1]

"""A cluster at run time: candidates, pool, connector and layers, and the legs it lends."""

from __future__ import annotations

import asyncio
from collections.abc import Container
from dataclasses import dataclass, field

from l7mp_mesh.model.endpoints import Endpoint, EndpointSet
from l7mp_mesh.observe.stats import Counter, Gauge
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.ports.attributes import Attributes
from l7mp_mesh.ports.layer import Carrier, ConnectFailed, Layer, Multiplexer
from l7mp_mesh.ports.leg import Kind, Leg
from l7mp_mesh.ports.upstream import Connector, Lease, LoadBalancer, Upstream
from l7mp_mesh.upstream.pool import Pool


@dataclass(frozen=True, slots=True)
class Stack:
    """How legs of a cluster are made: a connector and the layers above it, lowest first."""

    connector: Connector
    below: tuple[Layer, ...] = ()
    multiplexer: Multiplexer | None = None
    above: tuple[Layer, ...] = ()

    @staticmethod
    def of(connector: Connector, layers: tuple[Layer, ...]) -> Stack:
        """Cut `layers` at their multiplexer: what is below it is shared between legs."""
        for index, layer in enumerate(layers):
            if isinstance(layer, Multiplexer):
                return Stack(connector, layers[:index], layer, layers[index + 1 :])
        return Stack(connector, layers)


@dataclass(frozen=True, slots=True)
class ClusterStats:
    """Handles of one cluster."""

    requests: Counter
    failures: Counter
    active: Gauge
    received: Counter = field(default_factory=Counter)
    """Payload bytes from the clients of ended sessions."""
    sent: Counter = field(default_factory=Counter)
    received_messages: Counter = field(default_factory=Counter)
    sent_messages: Counter = field(default_factory=Counter)


class Loan(Lease):
    """A leg that a cluster lent."""

    __slots__ = ("_active", "endpoint", "leg")

    def __init__(self, endpoint: Endpoint, leg: Leg, active: Gauge) -> None:
        self.endpoint = endpoint
        self.leg = leg
        self._active: Gauge | None = active
        active.value += 1

    def give_back(self, reason: Reason) -> None:
        active, self._active = self._active, None
        if active is not None:
            active.value -= 1
            self.leg.close(reason)


class Cluster(Upstream):
    """Lends legs to the endpoints of the moment."""

    def __init__(  # noqa: PLR0913 - made in one place, from one model value
        self,
        name: str,
        kind: Kind,
        stack: Stack,
        stats: ClusterStats,
        *,
        is_virtual: bool,
        is_retriable: bool,
        connect_timeout: float | None,
    ) -> None:
        self.name = name
        self.kind = kind
        self._stack = stack
        self._stats = stats
        self._pool = Pool() if stack.multiplexer is not None else None
        self._is_retriable = is_retriable
        self._connect_timeout = connect_timeout
        self._balancer: LoadBalancer | None = None
        self._members: frozenset[Endpoint] = frozenset()
        self.virtual = Endpoint(name, "<VIRTUAL>") if is_virtual else None

    @property
    def stats(self) -> ClusterStats:
        """What it has lent so far."""
        return self._stats

    @property
    def is_retriable(self) -> bool:
        return self._is_retriable

    def balance(self, endpoints: EndpointSet, balancer: LoadBalancer | None) -> None:
        """New endpoints; `balancer` is made for them, None when there are none."""
        self._balancer = balancer
        self._members = frozenset(endpoints.endpoints)
        if self._pool is not None:
            self._pool.retain(endpoints.endpoints)

    def lease(self, attributes: Attributes) -> Lease | None:
        if self._pool is None or self._stack.above or self._balancer is None:
            return None
        endpoint = self._balancer.choose(attributes)
        if endpoint is None:
            return None
        carrier = self._pool.take(endpoint)
        if carrier is None:
            # The balancer's choice stands, and is not drawn a second time by `open`.
            attributes.choice = (self.name, endpoint)
            return None
        stats = self._stats
        stats.requests.value += 1
        return Loan(endpoint, carrier.bear(attributes), stats.active)

    async def open(
        self,
        attributes: Attributes,
        *,
        within: float,
        avoid: Container[Endpoint] = (),
        is_fresh: bool = False,
    ) -> Lease:
        self._stats.requests.value += 1
        endpoint = self.virtual or self._choose(attributes, avoid)
        span = within if self._connect_timeout is None else min(within, self._connect_timeout)
        try:
            async with asyncio.timeout(span):
                leg = await self._open(endpoint, attributes, is_fresh=is_fresh)
        except TimeoutError as error:
            self._stats.failures.value += 1
            raise EndpointFailed(
                endpoint, Reason.CONNECT_TIMEOUT, f"{endpoint.address}: no connection within {span:g} s"
            ) from error
        except ConnectFailed as error:
            self._stats.failures.value += 1
            raise EndpointFailed(endpoint, error.reason, error.detail) from error
        return Loan(endpoint, leg, self._stats.active)

    def count(self, received: int, sent: int, received_messages: int, sent_messages: int) -> None:
        stats = self._stats
        stats.received.value += received
        stats.sent.value += sent
        stats.received_messages.value += received_messages
        stats.sent_messages.value += sent_messages

    def sweep(self, most: int) -> None:
        """One round of the pool's idle clock."""
        if self._pool is not None:
            self._pool.sweep(most)

    def close(self) -> None:
        """The cluster was deleted; legs on loan live on."""
        if self._pool is not None:
            self._pool.close()

    def _choose(self, attributes: Attributes, avoid: Container[Endpoint]) -> Endpoint:
        """The balancer's first choice that did not fail before, else its first choice."""
        drawn, attributes.choice = attributes.choice, None
        if drawn is not None and drawn[0] == self.name:
            endpoint = drawn[1]
            if endpoint in self._members and endpoint not in avoid:
                return endpoint
        first: Endpoint | None = None
        if self._balancer is not None:
            for endpoint in self._balancer.candidates(attributes):
                if endpoint not in avoid:
                    return endpoint
                first = first or endpoint
        if first is None:
            raise ConnectFailed(Reason.NO_ENDPOINT, f'No endpoint in cluster "{self.name}"')
        return first

    async def _open(self, endpoint: Endpoint, attributes: Attributes, *, is_fresh: bool) -> Leg:
        stack = self._stack
        if stack.multiplexer is None:
            leg = await self._connect(endpoint, attributes)
        else:
            attributes = attributes.towards(authority_of(endpoint, attributes))
            carrier = None if is_fresh else self._pooled(endpoint)
            if carrier is None:
                carrier = await self._carry(stack.multiplexer, endpoint, attributes)
            leg = carrier.bear(attributes)
        for layer in stack.above:
            leg = await layer.connect(leg, attributes)
        return leg

    def _pooled(self, endpoint: Endpoint) -> Carrier | None:
        assert self._pool is not None
        return self._pool.take(endpoint)

    async def _carry(self, multiplexer: Multiplexer, endpoint: Endpoint, attributes: Attributes) -> Carrier:
        assert self._pool is not None
        carrier = await multiplexer.carry(await self._connect(endpoint, attributes))
        self._pool.add(endpoint, carrier)
        return carrier

    async def _connect(self, endpoint: Endpoint, attributes: Attributes) -> Leg:
        leg = await self._stack.connector.connect(endpoint, attributes)
        for layer in self._stack.below:
            leg = await layer.connect(leg, attributes)
        return leg


class EndpointFailed(ConnectFailed):
    """A connection to one endpoint failed: a retry avoids it."""

    def __init__(self, endpoint: Endpoint, reason: Reason, detail: str) -> None:
        super().__init__(reason, detail)
        self.endpoint = endpoint


def authority_of(endpoint: Endpoint, attributes: Attributes) -> bytes:
    """Host and port of an endpoint, as a Host header names them (RFC 9110 section 7.2)."""
    del attributes
    host = f"[{endpoint.address}]" if ":" in endpoint.address else endpoint.address
    return (host if endpoint.port is None else f"{host}:{endpoint.port}").encode("latin-1", "replace")

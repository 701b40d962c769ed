"""A cluster whose legs a test plays, and sessions to be routed to it."""

from __future__ import annotations

import asyncio
from collections.abc import Container

from support.attributes import request, session
from support.clock import FakeClock
from support.leg import FakeLeg, PlayedLeg
from support.pipe import CountingValve

from l7mp_mesh.model.endpoints import Endpoint
from l7mp_mesh.model.listener import Listener, ListenerOptions, ReplyStyle
from l7mp_mesh.model.options import NoOptions
from l7mp_mesh.model.protocol import ProtocolUse
from l7mp_mesh.model.rules import Route, Rule, WeightedTarget
from l7mp_mesh.observe.stats import Stats
from l7mp_mesh.pipe.head import STREAM_HEAD, RequestHead, ResponseHead
from l7mp_mesh.pipe.headers import Headers
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.pipe.verbs import Sink
from l7mp_mesh.ports.attributes import Attributes
from l7mp_mesh.ports.layer import ConnectFailed
from l7mp_mesh.ports.leg import Kind
from l7mp_mesh.ports.upstream import Lease, Upstream
from l7mp_mesh.routing.table import Cell, RuleTable, compile_rule
from l7mp_mesh.session.plan import Plan, StageUse
from l7mp_mesh.session.registry import Registry
from l7mp_mesh.session.session import Session
from l7mp_mesh.session.source import Source, SourceStats

ENDPOINT = Endpoint("e1", "10.0.0.9", 81)


class MessageLeg(PlayedLeg):
    """Opens what it is started into, like UDP and WebSocket legs; `say` plays the peer."""

    def __init__(self) -> None:
        super().__init__(Kind.MESSAGE)
        self.valve = CountingValve()

    def start(self, into: Sink) -> None:
        super().start(into)
        into.open(STREAM_HEAD, self.valve)

    def say(self, message: bytes) -> None:
        """One message."""
        self.into.data(message, 0)


class ExchangeLeg(PlayedLeg):
    """One end of a request: the client's says `head` when it is started, the server's is told to `answer`."""

    def __init__(self, head: RequestHead | None = None) -> None:
        super().__init__(Kind.EXCHANGE)
        self.valve = CountingValve()
        self._head = head

    def start(self, into: Sink) -> None:
        super().start(into)
        if self._head is not None:
            into.open(self._head, self.valve)

    def answer(self, body: bytes = b"", status: int = 200) -> None:
        """A whole response."""
        into = self.into
        into.open(ResponseHead(status, Headers(), len(body)), self.valve)
        if body:
            into.data(body, 0)
        into.end(None)


class FakeLease(Lease):
    """Remembers how it was given back."""

    def __init__(self, leg: PlayedLeg, endpoint: Endpoint) -> None:
        self.leg = leg
        self.endpoint = endpoint
        self.given_back: Reason | None = None

    def give_back(self, reason: Reason) -> None:
        if self.given_back is None:
            self.given_back = reason
            self.leg.close(reason)


class FakeUpstream(Upstream):
    """Lends legs of `kind`: at once when `is_ready`, else when `open` is awaited; fails `failures` times."""

    def __init__(self, name: str, kind: Kind, *, is_ready: bool = False) -> None:
        self.name = name
        self.kind = kind
        self.lends = kind
        """What its legs are, should that differ from what it says."""
        self.is_ready = is_ready
        self.failures = 0
        self.crash: Exception | None = None
        self.opened = 0
        self.freshly = 0
        """How often a fresh connection was asked for."""
        self.avoided: list[Container[Endpoint]] = []
        self.leases: list[FakeLease] = []
        self.may_open = asyncio.Event()
        self.may_open.set()

    @property
    def is_retriable(self) -> bool:
        return True

    @property
    def leg(self) -> PlayedLeg:
        """The leg that was lent last."""
        leg = self.leases[-1].leg
        assert isinstance(leg, PlayedLeg)
        return leg

    def lease(self, attributes: Attributes) -> Lease | None:
        return self._lend() if self.is_ready else None

    async def open(
        self,
        attributes: Attributes,
        *,
        within: float,
        avoid: Container[Endpoint] = (),
        is_fresh: bool = False,
    ) -> Lease:
        self.opened += 1
        self.freshly += is_fresh
        self.avoided.append(avoid)
        await self.may_open.wait()
        if self.crash is not None:
            raise self.crash
        if self.failures:
            self.failures -= 1
            raise ConnectFailed(Reason.CONNECT_FAILED, "refused")
        return self._lend()

    def _lend(self) -> Lease:
        made = {Kind.STREAM: FakeLeg, Kind.MESSAGE: MessageLeg, Kind.EXCHANGE: ExchangeLeg}[self.lends]()
        self.leases.append(FakeLease(made, ENDPOINT))
        return self.leases[-1]


class World:
    """A registry on a clock of its own, and one listener whose sessions take the route `r`."""

    def __init__(self, route: Route | None = None, **options: float) -> None:
        self.clock = FakeClock()
        self.clusters: dict[str, Cell[Upstream]] = {}
        self.registry = Registry(self.clock, self.plan)
        self.registry.start()
        self.stats = Stats()
        self.route = Route("r", (WeightedTarget("up"),)) if route is None else route
        self.plan_cell: Cell[Plan] = Cell("r", self.plan(self.route))
        rule = compile_rule(Rule("rule", route="r"), self.plan_cell)
        table = RuleTable[Plan]("t", [Cell("rule", rule)])
        self.source = Source(
            Listener("in", ProtocolUse("TCP", NoOptions()), "t", ListenerOptions(**options)),
            Cell("t", table),
            SourceStats(
                self.stats.counter("requests", "-"),
                self.stats.counter("failures", "-"),
                self.stats.gauge("active", "-"),
                self.stats.counter("received", "-"),
                self.stats.counter("sent", "-"),
                self.stats.histogram("seconds", "-"),
            ),
            rescue,
        )

    def cell(self, name: str) -> Cell[Upstream]:
        """What a cluster's name stands for."""
        return self.clusters.setdefault(name, Cell(name))

    def cluster(self, name: str, kind: Kind, *, is_ready: bool = False) -> FakeUpstream:
        """Define a cluster."""
        made = FakeUpstream(name, kind, is_ready=is_ready)
        self.cell(name).set(made)
        return made

    def plan(self, route: Route) -> Plan:
        """A route with its names resolved; every transform is a cluster."""

        def use(name: str) -> StageUse:
            return StageUse(name, Cell(name), self.cell(name))

        return Plan(
            route,
            tuple(self.cell(target.cluster) for target in route.targets),
            tuple(target.weight for target in route.targets),
            tuple(map(use, route.ingress)),
            tuple(map(use, route.egress)),
        )

    def begin(self, leg: PlayedLeg, attributes: Attributes | None = None) -> Session:
        """A listener emitted `leg`."""
        self.registry.begin(leg, session() if attributes is None else attributes, self.source)
        *_, made = self.registry.live()
        return made

    def ask(self, body_follows: bool = True, method: bytes = b"GET") -> tuple[Session | None, ExchangeLeg]:
        """An HTTP listener emitted a request."""
        attributes = request()
        assert attributes.head is not None
        attributes.head.method = method
        attributes.head.length = -1 if body_follows else 0
        leg = ExchangeLeg(attributes.head)
        self.registry.begin(leg, attributes, self.source)
        live = list(self.registry.live())
        return (live[-1] if live else None), leg


def rescue(reason: Reason, detail: str, _style: ReplyStyle) -> tuple[ResponseHead, bytes]:
    """An answer that names the reason."""
    body = f"{reason.name} {detail}".encode()
    return ResponseHead(503, Headers(), len(body)), body


async def settle() -> None:
    """Let every task run until it waits for something else."""
    for _ in range(20):
        await asyncio.sleep(0)

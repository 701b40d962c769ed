"""One way of a session: the stages of a route, opened together, attached from the source onwards.

    entry ─▶ ingress 1 ─▶ … ─▶ destination ─▶ egress 1 ─▶ … ─▶ lane ─▶ exit of the session

A path is made for one session and one plan, and thrown away as a whole when the session is re-routed.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from itertools import pairwise
from typing import TypeAlias

from l7mp_mesh.pipe.guard import Guard
from l7mp_mesh.pipe.meters import Activity, Meter
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.pipe.verbs import DISCARD, Sink, Stage
from l7mp_mesh.ports.layer import ConnectFailed
from l7mp_mesh.ports.leg import Kind
from l7mp_mesh.ports.session import StageRecord, StageStatus, Traffic
from l7mp_mesh.routing.table import Cell
from l7mp_mesh.session.hop import Hop, HopOwner
from l7mp_mesh.session.plan import Plan, StageUse


class PathOwner(HopOwner):
    """The session, as its path sees it."""

    __slots__ = ()

    @property
    @abstractmethod
    def broken(self) -> Sink:
        """Takes the abort of the session when a transform fails."""


class InlineStage:
    """Foreign code of one direction; no leg, nothing to connect."""

    __slots__ = ("_meter", "_stage", "inlet", "origin", "status")

    def __init__(self, origin: str, stage: Stage, broken: Sink) -> None:
        self.origin = origin
        self.status = StageStatus.INIT
        self._stage = stage
        self._meter = Meter(Activity())
        stage.next = self._meter
        self.inlet: Sink = Guard(stage, broken, origin)

    def lead_to(self, following: Sink) -> None:
        """Say what comes after this stage."""
        self._meter.next = following

    def attach(self) -> None:
        """Nothing is to be started."""
        self.status = StageStatus.READY

    def close(self, reason: Reason) -> None:
        """Forget the neighbours."""
        self.status = StageStatus.END
        self._meter.next = DISCARD
        self._stage.next = DISCARD

    def record(self) -> StageRecord:
        """The stage as the API shows it."""
        return StageRecord(self.origin, self.status, None, Traffic(self._meter.bytes, self._meter.chunks))


Element: TypeAlias = Hop | InlineStage


def element_of(use: StageUse, kind: Kind, owner: PathOwner, message_limit: int) -> Element:
    """The stage of one session for one element of a route."""
    what = use.resolve()
    if isinstance(what, Cell):
        return Hop(use.name, what, kind, owner, message_limit)
    return InlineStage(use.name, what(owner.attributes), owner.broken)


async def open_all(hops: list[Hop], plan: Plan) -> None:
    """Connect hops concurrently; all or none. Raises ConnectFailed with the first failure."""
    tasks = [asyncio.ensure_future(hop.open(plan.retry)) for hop in hops]
    try:
        await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for hop in hops:
            hop.close(Reason.OK)
        raise


class Path:
    """All stages of a session of kind STREAM or MESSAGE."""

    __slots__ = ("destination", "egress", "ingress", "plan")

    def __init__(self, plan: Plan, kind: Kind, owner: PathOwner, message_limit: int) -> None:
        self.plan = plan
        self.ingress = [element_of(use, kind, owner, message_limit) for use in plan.ingress]
        self.destination = Hop("", plan.target(owner.attributes), kind, owner, message_limit)
        self.destination.origin = self.destination.cluster
        self.egress = [element_of(use, kind, owner, message_limit) for use in plan.egress]

    @property
    def elements(self) -> list[Element]:
        """Every stage in the order in which data meets them."""
        return [*self.ingress, self.destination, *self.egress]

    @property
    def hops(self) -> list[Hop]:
        """The stages that have legs."""
        return [element for element in self.elements if isinstance(element, Hop)]

    @property
    def first(self) -> Sink:
        """Where the session's data enters."""
        return self.elements[0].inlet

    @property
    def loses_boundaries(self) -> bool:
        """True when some stage pipes messages into a byte stream."""
        return any(hop.loses_boundaries for hop in self.hops)

    async def open(self) -> None:
        """Connect every stage at once. Raises ConnectFailed."""
        await open_all(self.hops, self.plan)

    def attach(self, exit_: Sink) -> None:
        """Join the stages; the last one leads to `exit_`. Nothing enters until the session sends it here."""
        elements = self.elements
        for element, following in pairwise(elements):
            element.lead_to(following.inlet)
        elements[-1].lead_to(exit_)
        # From the end to the source: what a leg says at once finds its way open.
        for element in reversed(elements):
            element.attach()

    def close(self, reason: Reason) -> None:
        """Give up every leg."""
        for element in self.elements:
            element.close(reason)

    @property
    def dropped(self) -> int:
        """Messages that were lost on the way to some stage."""
        return sum(hop.dropped for hop in self.hops)

    def retire(self, following: Path) -> None:
        """The session goes on at `following`, also with what waits here for a connection that is lost.

        What waits at the first stage begins anew. What went through a transform already goes to the new
        destination without the transforms before it.
        """
        for hop in self.hops:
            hop.retire()
        first = self.elements[0]
        for element in (self.destination, *reversed(self.ingress)):
            if isinstance(element, Hop) and element.inlet.is_holding:
                inlet = following.destination.inlet
                element.inlet.pour(following.first if element is first or not inlet.is_open else inlet)

    def uses(self, cluster: str) -> bool:
        """True when some hop goes to that cluster."""
        return any(hop.cluster == cluster for hop in self.hops)


def failure(error: ConnectFailed, name: str) -> str:
    """What the event log and an HTTP answer say about a path that could not be set up."""
    text = error.reason.text
    detail = error.detail if error.detail.startswith(text) else f"{text}: {error.detail}"
    return f'Pipeline setup failed for session "{name}": {detail}'

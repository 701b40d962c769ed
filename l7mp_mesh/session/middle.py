"""The transforms of an exchange: code that sees heads and bodies, and legs that the body passes through.

up:    guarded code / BodyThrough … ─▶ Terminal
down:  Front ─▶ guarded code / BodyThrough … ─▶ Answer
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TypeAlias

from l7mp_mesh.pipe.adapt import MESSAGE_LIMIT
from l7mp_mesh.pipe.guard import Guard
from l7mp_mesh.pipe.head import ResponseHead
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.pipe.verbs import DISCARD, Sink, Stage
from l7mp_mesh.ports.attributes import Attributes
from l7mp_mesh.ports.leg import Kind
from l7mp_mesh.ports.session import StageRecord, StageStatus
from l7mp_mesh.ports.transform import ExchangeHandle, ExchangeStage
from l7mp_mesh.routing.table import Cell
from l7mp_mesh.session.body import BodyThrough
from l7mp_mesh.session.hop import Hop
from l7mp_mesh.session.path import PathOwner
from l7mp_mesh.session.plan import Plan, StageUse
from l7mp_mesh.session.terminal import Answer, Front, Terminal

Records: TypeAlias = tuple[tuple[StageRecord, ...], tuple[StageRecord, ...]]


class MiddleOwner(PathOwner):
    """The exchange, as its transforms see it."""

    __slots__ = ()

    @abstractmethod
    def reply(self, head: ResponseHead, body: bytes) -> None:
        """Answer in place of the upstream, through every response stage."""

    @abstractmethod
    def close(self, reason: Reason, detail: str = "") -> None:
        """Give the exchange up."""


class Handle(ExchangeHandle):
    """What inline code gets of its exchange."""

    __slots__ = ("_owner",)

    def __init__(self, owner: MiddleOwner) -> None:
        self._owner = owner

    @property
    def attributes(self) -> Attributes:
        return self._owner.attributes

    def reply(self, head: ResponseHead, body: bytes) -> None:
        self._owner.reply(head, body)

    def reset(self, reason: Reason) -> None:
        self._owner.close(reason)


class Middle:
    """Every transform of one exchange."""

    __slots__ = ("_egress", "_final", "_front", "_ingress", "_pieces", "_throughs", "down")

    def __init__(self, plan: Plan, owner: MiddleOwner) -> None:
        self._ingress = [_element(use, owner) for use in plan.ingress]
        self._egress = [_element(use, owner) for use in plan.egress]
        self._throughs: list[BodyThrough] = []
        self._pieces = [item for item in (*self._ingress, *self._egress) if isinstance(item, Piece)]
        self._final: Records | None = None
        self._front: Front | None = None
        self.down: Sink | None = None

    @property
    def hops(self) -> list[Hop]:
        """The transforms that have legs."""
        return [item for item in (*self._ingress, *self._egress) if isinstance(item, Hop)]

    def join(self, terminal: Terminal, answer: Answer, front: Front) -> Sink:
        """Make both chains; returns the first sink of the up chain, `down` is that of the other."""
        self._front = front
        front.next = self._chain(self._egress, answer)
        self.down = front
        first = self._chain(self._ingress, terminal)
        for hop in self.hops:
            hop.attach()
        return first

    def close(self, reason: Reason) -> None:
        """Give up every leg and forget the neighbours."""
        for hop in self.hops:
            hop.close(reason)
        for through in self._throughs:
            through.unlink()
        for piece in self._pieces:
            piece.unlink()
        if self.hops:
            # A hop knows its exchange, which keeps this object for its record.
            self._final = self.records()
            self._ingress, self._egress = [], []
        if self._front is not None:
            self._front.unlink()
        self.down = None

    def uses(self, cluster: str) -> bool:
        """True when some transform goes to that cluster."""
        return any(hop.cluster == cluster for hop in self.hops)

    def disconnect(self, endpoint: str, reason: Reason) -> None:
        """Lose the legs to the endpoint of that name."""
        for hop in self.hops:
            if hop.endpoint is not None and hop.endpoint.name == endpoint:
                hop.disconnect(reason)

    def records(self) -> Records:
        """Ingress and egress, as the API shows them."""
        if self._final is not None:
            return self._final
        return tuple(map(_record, self._ingress)), tuple(map(_record, self._egress))

    def _chain(self, elements: list[Hop | Piece], last: Sink) -> Sink:
        following = last
        for element in reversed(elements):
            if isinstance(element, Hop):
                through = BodyThrough(element)
                through.next = following
                self._throughs.append(through)
                following = through
            else:
                element.stage.next = following
                following = element.guard
        return following


class Piece:
    """One inline transform behind its guard."""

    __slots__ = ("guard", "name", "stage")

    def __init__(self, name: str, stage: Stage, owner: MiddleOwner) -> None:
        self.name = name
        self.stage = stage
        self.guard = Guard(stage, owner.broken, name)
        if isinstance(stage, ExchangeStage):
            stage.exchange = Handle(owner)

    def unlink(self) -> None:
        """Forget the exchange and the neighbours."""
        self.guard.broken = DISCARD
        self.stage.next = DISCARD
        if isinstance(self.stage, ExchangeStage):
            self.stage.exchange = None


def _element(use: StageUse, owner: MiddleOwner) -> Hop | Piece:
    what = use.resolve()
    if isinstance(what, Cell):
        return Hop(use.name, what, Kind.STREAM, owner, MESSAGE_LIMIT)
    return Piece(use.name, what(owner.attributes), owner)


def _record(element: Hop | Piece) -> StageRecord:
    if isinstance(element, Hop):
        return element.record()
    return StageRecord(element.name, StageStatus.READY)

"""The two ends of an exchange's chains: where a request leaves for its upstream, and where the answer begins.

    up chain ─▶ Terminal ─▶ [adapter] ─▶ upstream leg ─▶ [adapter] ─▶ Answer ─▶ down chain

Only the terminal leases a carrier, so a request that is refused on the way costs no upstream connection; and
it alone repeats a request, from a bounded buffer, as long as no answer has begun.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import partial

from l7mp_mesh.pipe.adapt import Adapter, AdaptLimits, Refused, adapter
from l7mp_mesh.pipe.buffers import ReplayBuffer
from l7mp_mesh.pipe.head import Head, Last, RequestHead, ResponseHead
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.pipe.relay import Relay
from l7mp_mesh.pipe.verbs import DISCARD, OPEN_VALVE, Sink, Stage, Valve
from l7mp_mesh.ports.attributes import Attributes
from l7mp_mesh.ports.leg import Kind
from l7mp_mesh.ports.session import Traffic
from l7mp_mesh.ports.upstream import Lease
from l7mp_mesh.routing.request import request_from, rewritten_head

REPLAY_LIMIT = 64 * 1024
"""Bytes of a request body kept so that it can be sent again; a longer request is not retried."""

IDEMPOTENT = frozenset((b"GET", b"HEAD", b"PUT", b"DELETE", b"OPTIONS", b"TRACE"))
"""Methods of requests that do no more when they come twice (RFC 9110 section 9.2.2)."""


class TerminalOwner(ABC):
    """The exchange, as its two ends see it."""

    __slots__ = ()

    attributes: Attributes

    @abstractmethod
    def dial(self) -> None:
        """The head has arrived: lease a leg, now or later, and `attach` it."""

    @abstractmethod
    def request_ended(self) -> None:
        """The request is complete."""

    @abstractmethod
    def request_aborted(self, reason: Reason) -> None:
        """The client is gone."""

    @abstractmethod
    def answer_began(self, status: int, *, is_upgrade: bool) -> None:
        """A final response head passed."""

    @abstractmethod
    def answer_ended(self) -> None:
        """The response is complete."""

    @abstractmethod
    def answer_aborted(self, reason: Reason) -> None:
        """The upstream broke off, before or in the middle of the answer."""


class Terminal(Sink):
    """Last sink of the up chain."""

    __slots__ = (
        "_adapter",
        "_grip",
        "_head",
        "_owner",
        "_replay",
        "_sink",
        "_valve",
        "bytes",
        "chunks",
        "has_ended",
    )

    def __init__(self, owner: TerminalOwner) -> None:
        self._owner: TerminalOwner | None = owner
        self._sink: Sink | None = None
        self._adapter: Adapter | None = None
        self._head: RequestHead | None = None
        self._valve: Valve = OPEN_VALVE
        self._grip: Relay | None = None
        self._replay: ReplayBuffer | None = None
        self.bytes = 0
        self.chunks = 0
        self.has_ended = False

    @property
    def passed(self) -> Traffic:
        """What of the body has passed so far."""
        return Traffic(self.bytes, self.chunks)

    @property
    def can_repeat(self) -> bool:
        """True while everything that was said can be said again."""
        if self._replay is None:
            return not self.chunks and self._sink is not DISCARD
        return self._replay.is_complete

    @property
    def is_idempotent(self) -> bool:
        """True when the request may reach the upstream twice (RFC 9110 section 9.2.2)."""
        return self._head is not None and self._head.method in IDEMPOTENT

    def remember(self) -> None:
        """Keep the request, because it may have to be repeated or must wait for its upstream."""
        if self._replay is None:
            self._replay = ReplayBuffer(REPLAY_LIMIT)
            if self.has_ended:
                self._replay.end(None)

    def hold(self) -> None:
        """Pause the source until a leg is attached; what still arrives is kept."""
        self._sink = None
        if self._grip is not None:
            self._grip.let_go()
        self._grip = Relay(self._valve)
        self._grip.pause()

    def attach(self, lease: Lease, answer: Sink) -> None:
        """Send the request to a leg: its head, what was kept, and everything from here on. Raises Refused."""
        assert self._head is not None, "no request yet"
        assert self._owner is not None
        leg = lease.leg
        attributes = self._owner.attributes
        if leg.kind is Kind.EXCHANGE:
            sink: Sink = leg.sink
            leg.start(answer)
        else:
            pair = adapter(
                Kind.EXCHANGE, leg.kind, partial(request_from, attributes), AdaptLimits(leg.message_limit)
            )
            if pair is None:
                raise Refused("an exchange needs an adapter here")
            pair.up.next, pair.down.next = leg.sink, answer
            self._adapter, sink = pair, pair.up
            leg.start(pair.down)
        old, self._grip = self._grip, None
        if self._replay is None:
            self._sink = sink
            sink.open(rewritten_head(self._head, attributes), self._valve)
            return
        self._grip = Relay(self._valve)
        sink.open(rewritten_head(self._head, attributes), self._grip)
        self._sink = sink
        self._replay.replay(sink)
        if old is not None:
            old.let_go()

    def release(self) -> None:
        """Pass on an end that the adapter kept back."""
        if self._adapter is not None:
            self._adapter.release()

    def swallow(self) -> None:
        """The request was answered without an upstream: what still comes is dropped."""
        self._sink = DISCARD
        self._replay = None
        grip, self._grip = self._grip, None
        if grip is not None:
            grip.let_go()

    def unlink(self) -> None:
        """Forget the neighbours: the exchange is over."""
        self.swallow()
        self._owner = None
        self._adapter = None
        self._valve = OPEN_VALVE

    def open(self, head: Head, valve: Valve) -> None:
        assert isinstance(head, RequestHead), "an exchange begins with a request"
        self._head = head
        self._valve = valve
        if self._owner is not None:
            self._owner.dial()

    def data(self, chunk: bytes, flags: int) -> None:
        self.bytes += len(chunk)
        self.chunks += 1
        if self.chunks == 1 and self._sink is not DISCARD and self.is_idempotent:
            # Its connection may turn out to be stale.
            self.remember()
        if self._replay is not None:
            self._replay.data(chunk, flags, is_owed=self._sink is None)
        if self._sink is not None:
            self._sink.data(chunk, flags)

    def end(self, last: Last | None) -> None:
        if last is not None and self._replay is None:
            self.remember()
        self.has_ended = True
        if self._replay is not None:
            self._replay.end(last)
        if self._sink is not None:
            self._sink.end(last)
        if self._owner is not None:
            self._owner.request_ended()

    def abort(self, reason: Reason) -> None:
        if self._owner is not None:
            self._owner.request_aborted(reason)


class Answer(Stage):
    """First stage of the down chain."""

    __slots__ = ("_owner", "bytes", "chunks", "has_begun")

    def __init__(self, owner: TerminalOwner) -> None:
        super().__init__()
        self._owner: TerminalOwner | None = owner
        self.bytes = 0
        self.chunks = 0
        self.has_begun = False

    @property
    def passed(self) -> Traffic:
        """What of the body has passed so far."""
        return Traffic(self.bytes, self.chunks)

    def unlink(self) -> None:
        """Forget the neighbours: the exchange is over, or this attempt is."""
        self._owner = None
        self.next = DISCARD

    def open(self, head: Head, valve: Valve) -> None:
        self.has_begun = True
        if self._owner is not None and isinstance(head, ResponseHead):
            self._owner.answer_began(head.status, is_upgrade=bool(head.upgrade))
        self.next.open(head, valve)

    def data(self, chunk: bytes, flags: int) -> None:
        self.bytes += len(chunk)
        self.chunks += 1
        self.next.data(chunk, flags)

    def end(self, last: Last | None) -> None:
        self.next.end(last)
        if self._owner is not None:
            self._owner.answer_ended()

    def abort(self, reason: Reason) -> None:
        if self._owner is not None:
            self._owner.answer_aborted(reason)


class Front(Stage):
    """Head of a down chain with transforms: the upstream's failure is the exchange's business, not theirs."""

    __slots__ = ("_owner",)

    def __init__(self, owner: TerminalOwner) -> None:
        super().__init__()
        self._owner: TerminalOwner | None = owner

    def unlink(self) -> None:
        """Forget the neighbours: the exchange is over."""
        self._owner = None
        self.next = DISCARD

    def abort(self, reason: Reason) -> None:
        if self._owner is not None:
            self._owner.answer_aborted(reason)

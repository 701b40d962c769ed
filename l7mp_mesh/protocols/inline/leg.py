"""Legs without a peer: what is written to one goes through a stage inside the proxy and comes back."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from l7mp_mesh.model.endpoints import Endpoint
from l7mp_mesh.pipe.head import STREAM_HEAD, Head, Last
from l7mp_mesh.pipe.kind import Kind
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.pipe.relay import Relay
from l7mp_mesh.pipe.verbs import DISCARD, Sink, Stage, Valve
from l7mp_mesh.ports.attributes import Attributes
from l7mp_mesh.ports.leg import Leg
from l7mp_mesh.ports.upstream import Connector

StageMaker: TypeAlias = Callable[[Attributes], Stage]
"""Makes the stage of one leg."""

COLLECT_LIMIT = 1 << 20
"""Longest HTTP body, in bytes, that is handled as one message."""


class InlineLeg(Leg):
    """A leg whose answer is the output of `stage`.

    It takes the kind of its session, so message borders are kept; an HTTP exchange meets it as a stream, its
    body going in and the response body coming out.
    """

    __slots__ = ("_entry", "_is_closed", "_stage", "kind")

    def __init__(self, stage: Stage, session: Kind | None, first: Stage | None = None) -> None:
        self.kind = Kind.MESSAGE if session in (None, Kind.MESSAGE) else Kind.STREAM
        self._stage = stage
        self._entry = Entry(first or stage)
        self._is_closed = False
        if first is not None:
            first.next = stage

    @property
    def sink(self) -> Sink:
        return self._entry

    def start(self, into: Sink) -> None:
        if self._is_closed:
            return
        self._stage.next = into
        into.open(STREAM_HEAD, self._entry.source)

    def close(self, reason: Reason) -> None:
        self._is_closed = True
        self._stage.next = DISCARD
        self._entry.next = DISCARD


class Entry(Stage):
    """Where the session writes; the valve of whoever reads the answer holds back the session."""

    __slots__ = ("source",)

    def __init__(self, following: Sink) -> None:
        super().__init__()
        self.next = following
        self.source = Relay()

    def open(self, head: Head, valve: Valve) -> None:
        self.source.attach(valve)

    def abort(self, reason: Reason) -> None:
        # The session breaks off by itself: there is nobody behind this leg to be told.
        self.next = DISCARD


class Collect(Stage):
    """The body of an exchange as one message, for stages that work message by message."""

    __slots__ = ("_answer", "_parts", "_size")

    def __init__(self, answer: Stage) -> None:
        super().__init__()
        self._answer = answer
        self._parts: list[bytes] = []
        self._size = 0

    def data(self, chunk: bytes, flags: int) -> None:
        if self._size > COLLECT_LIMIT:
            return
        self._size += len(chunk)
        self._parts.append(chunk)
        if self._size > COLLECT_LIMIT:
            self._parts.clear()
            self._answer.next.abort(Reason.REQUEST_TOO_LARGE)

    def end(self, last: Last | None) -> None:
        if self._size > COLLECT_LIMIT:
            return
        self.next.data(b"".join(self._parts), 0)
        self._parts.clear()
        self.next.end(None)


class InlineConnector(Connector):
    """Connects to a stage inside the proxy; `by_message` collects the body of an exchange before."""

    def __init__(self, make: StageMaker, *, by_message: bool = False) -> None:
        self._make = make
        self._by_message = by_message

    async def connect(self, endpoint: Endpoint, attributes: Attributes) -> Leg:
        return self.leg(attributes)

    def leg(self, attributes: Attributes) -> Leg:
        """A leg at once: nothing has to be waited for."""
        stage = self._make(attributes)
        collects = self._by_message and attributes.kind is Kind.EXCHANGE
        return InlineLeg(stage, attributes.kind, Collect(stage) if collects else None)

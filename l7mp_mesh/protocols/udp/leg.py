"""What both ends of UDP sessions have in common: a MESSAGE leg that can not hold back its peer.

While nobody takes datagrams they wait in a bounded queue, in order; what does not fit is dropped and counted.
"""

from __future__ import annotations

from abc import abstractmethod

from l7mp_mesh.pipe.adapt import DATAGRAM_LIMIT
from l7mp_mesh.pipe.buffers import BoundedQueue
from l7mp_mesh.pipe.head import STREAM_HEAD, Head, Last
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.pipe.verbs import DISCARD, Sink, Valve
from l7mp_mesh.ports.clock import Clock
from l7mp_mesh.ports.leg import Kind, Leg

QUEUE_MESSAGES = 1024
QUEUE_BYTES = 1 << 20


class DatagramLeg(Leg, Valve):
    """A leg over datagrams. It has no end of its own: it ends when the session's other side does."""

    kind = Kind.MESSAGE
    message_limit = DATAGRAM_LIMIT

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._into: Sink = DISCARD
        self._held = 1
        self._has_ended = False
        self._queue = BoundedQueue(QUEUE_MESSAGES, QUEUE_BYTES)
        self._sink = DatagramSink(self)

    @abstractmethod
    def send(self, data: bytes) -> None:
        """Send one datagram to the peer."""

    @property
    def sink(self) -> Sink:
        return self._sink

    @property
    def dropped(self) -> int:
        """Datagrams lost because nobody took them in time."""
        return self._queue.dropped

    def start(self, into: Sink) -> None:
        # A destination that says all it has at once may have ended the session before its source starts.
        is_over = self._has_ended
        self._into = into
        into.open(STREAM_HEAD, self)
        self._held -= 1
        self._drain()
        if is_over:
            into.end(None)

    def close(self, reason: Reason) -> None:
        self._into = DISCARD

    def pause(self) -> None:
        self._held += 1

    def resume(self) -> None:
        self._held -= 1
        if not self._held and len(self._queue):
            self._clock.call_at(self._clock.now(), self._drain)

    def take(self, data: bytes) -> None:
        """A datagram of the peer."""
        if self._held or len(self._queue):
            self._queue.put(data, 0)
        else:
            self._into.data(data, 0)

    def end(self) -> None:
        """The session has nothing more to send to the peer: that is the end of both directions."""
        self._has_ended = True
        self._into.end(None)

    def fail(self, reason: Reason) -> None:
        """The peer can not be reached."""
        self._into.abort(reason)

    def _drain(self) -> None:
        while not self._held and len(self._queue):
            self._into.data(*self._queue.take())


class DatagramSink(Sink):
    """Writes to the peer of a leg."""

    __slots__ = ("_leg",)

    def __init__(self, leg: DatagramLeg) -> None:
        self._leg = leg

    def open(self, head: Head, valve: Valve) -> None:
        pass

    def data(self, chunk: bytes, flags: int) -> None:
        self._leg.send(chunk)

    def end(self, last: Last | None) -> None:
        self._leg.end()

    def abort(self, reason: Reason) -> None:
        self._leg.close(reason)

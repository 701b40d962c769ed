"""A leg that a test plays the peer of."""

from __future__ import annotations

from support.pipe import CountingValve, Recorder

from l7mp_mesh.pipe.head import STREAM_HEAD
from l7mp_mesh.pipe.kind import Kind
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.pipe.verbs import DISCARD, Sink
from l7mp_mesh.ports.leg import Leg


class PlayedLeg(Leg):
    """`sink` remembers what was written to it; the test emits into `into` once `is_started`."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.written = Recorder()
        self.into: Sink = DISCARD
        self.is_started = False
        self.closed: Reason | None = None
        self.stale = False

    @property
    def is_stale(self) -> bool:
        return self.stale

    @property
    def sink(self) -> Sink:
        return self.written

    def start(self, into: Sink) -> None:
        assert not self.is_started, "started twice"
        self.is_started = True
        self.into = into

    def close(self, reason: Reason) -> None:
        if self.closed is None:
            self.closed = reason


class FakeLeg(PlayedLeg):
    """A byte stream: opens what it is started into; `feed`, `finish` and `reset` play the peer."""

    def __init__(self) -> None:
        super().__init__(Kind.STREAM)
        self.valve = CountingValve()

    def start(self, into: Sink) -> None:
        super().start(into)
        into.open(STREAM_HEAD, self.valve)

    def close(self, reason: Reason) -> None:
        super().close(reason)
        self.into = DISCARD

    def feed(self, chunk: bytes) -> None:
        """One read."""
        self.into.data(chunk, 0)

    def finish(self) -> None:
        """FIN."""
        self.into.end(None)

    def reset(self) -> None:
        """RST."""
        self.into.abort(Reason.UPSTREAM_RESET)

    def take(self) -> bytes:
        """What was written since the last call."""
        output = self.written.body
        self.written.log.clear()
        return output

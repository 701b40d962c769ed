"""A leg that a test plays the peer of."""

from __future__ import annotations

from support.pipe import Recorder

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

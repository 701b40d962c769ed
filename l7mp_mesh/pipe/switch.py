"""Changing where a live flow goes: a `Switch` on the way in, `Lane`s and their `Outlet` on the way back.

    source ─▶ Switch ─▶ old chain ─▶ old Lane ─┐
                 └────▶ new chain ─▶ new Lane ─┴▶ Outlet.next (meters, the source's sink)

A lane is FLOWING, HELD (keeps its output until the lanes before it have drained), DRAINING (old: its owner
does not pass on its end) or CUT (drops everything). Only this file changes a lane's state.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import Enum

from l7mp_mesh.pipe.buffers import BoundedQueue
from l7mp_mesh.pipe.head import Head, Last
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.pipe.relay import Relay
from l7mp_mesh.pipe.verbs import DISCARD, OPEN_VALVE, Sink, Stage, Valve

HOLD_MESSAGES = 1024
HOLD_BYTES = 1 << 20
"""What a switch without a target, or a held lane, keeps: a read after `pause()`, or a burst of datagrams."""


class Switch(Sink):
    """Entry of a chain that can be exchanged while data flows.

    Without a target it holds the source and keeps what still arrives (bounded; `dropped` counts the rest).
    """

    __slots__ = ("_ended", "_grip", "_head", "_last", "_queue", "_source", "_target", "aborted")

    def __init__(self) -> None:
        self._source: Valve = OPEN_VALVE
        self._grip = Relay(OPEN_VALVE)
        self._head: Head | None = None
        self._target: Sink | None = None
        self._queue = BoundedQueue(HOLD_MESSAGES, HOLD_BYTES)
        self._ended = False
        self._last: Last | None = None
        self.aborted: Reason | None = None

    @property
    def has_ended(self) -> bool:
        """True once the source has said `end`."""
        return self._ended

    @property
    def is_open(self) -> bool:
        """True once the source has begun."""
        return self._head is not None

    @property
    def is_holding(self) -> bool:
        """True while something waits here for a target."""
        return len(self._queue) > 0

    @property
    def dropped(self) -> int:
        """Messages lost because nobody took them in time."""
        return self._queue.dropped

    def retarget(self, target: Sink) -> Sink | None:
        """Send everything from here on (and what was kept) to `target`; returns the old target, if any.

        The old target's outstanding pauses are given back; it is not told anything else.
        """
        old = self._target
        self._grip.let_go()
        self._grip = Relay(self._source)
        self._target = target
        if self._head is None:
            return old
        target.open(self._head, self._grip)
        while self._queue and self._target is target:
            chunk, flags = self._queue.take()
            target.data(chunk, flags)
        if self._target is target:
            if self.aborted is not None:
                target.abort(self.aborted)
            elif self._ended:
                target.end(self._last)
        return old

    def hold(self) -> None:
        """Take the target away: the source is paused until the next `retarget`."""
        self._target = None
        self._grip.let_go()
        self._grip = Relay(self._source)
        self._grip.pause()

    def pour(self, into: Sink) -> None:
        """Say to `into` what was kept here: it reached no target, and none will come."""
        while self._queue:
            chunk, flags = self._queue.take()
            into.data(chunk, flags)

    def unlink(self) -> None:
        """Forget source and target: the session is over."""
        self._target = DISCARD
        self._source = OPEN_VALVE
        self._grip = Relay(OPEN_VALVE)

    def open(self, head: Head, valve: Valve) -> None:
        self._head = head
        self._source = valve
        self._grip = Relay(valve)
        if self._target is None:
            self._grip.pause()
        else:
            self._target.open(head, self._grip)

    def data(self, chunk: bytes, flags: int) -> None:
        target = self._target
        if target is not None:
            target.data(chunk, flags)
        else:
            self._queue.put(chunk, flags)

    def end(self, last: Last | None) -> None:
        self._ended = True
        self._last = last
        if self._target is not None:
            self._target.end(last)

    def abort(self, reason: Reason) -> None:
        self.aborted = reason
        if self._target is not None:
            self._target.abort(reason)


class Outlet(Valve):
    """Where lanes come together: opens `next` once and spreads its pauses over the lanes of the moment."""

    __slots__ = ("_is_open", "_paused", "_valves", "next")

    def __init__(self, following: Sink) -> None:
        self.next = following
        self._is_open = False
        self._paused = 0
        self._valves: list[Valve] = []

    def admit(self, head: Head, valve: Valve) -> None:
        """A lane begins: its source obeys `next` from now on."""
        self._valves.append(valve)
        for _ in range(self._paused):
            valve.pause()
        if not self._is_open:
            self._is_open = True
            self.next.open(head, self)

    def dismiss(self, valve: Valve) -> None:
        """A lane is over: give back what it was paused."""
        if valve in self._valves:
            self._valves.remove(valve)
            for _ in range(self._paused):
                valve.resume()

    def pause(self) -> None:
        self._paused += 1
        for valve in self._valves:
            valve.pause()

    def resume(self) -> None:
        if self._paused:
            self._paused -= 1
            for valve in self._valves:
                valve.resume()


class LaneState(Enum):
    """What a lane does with what it gets."""

    FLOWING = "flowing"
    HELD = "held"
    DRAINING = "draining"
    CUT = "cut"


class LaneOwner(ABC):
    """Decides what the end of a lane means: pass it on, connect again, or nothing."""

    __slots__ = ()

    @abstractmethod
    def lane_ended(self, lane: Lane, last: Last | None) -> None:
        """The leg behind `lane` has said all it had to say."""

    @abstractmethod
    def lane_aborted(self, lane: Lane, reason: Reason) -> None:
        """The leg behind `lane` broke."""


class Lane(Stage):
    """The way back of one upstream leg; retired when the leg is replaced."""

    __slots__ = ("_ended", "_is_old", "_last", "_outlet", "_owner", "_queue", "_valve", "state")

    def __init__(self, outlet: Outlet, owner: LaneOwner, *, held: bool = False) -> None:
        super().__init__()
        self._outlet = outlet
        self._owner: LaneOwner | None = owner
        self._valve: Valve = OPEN_VALVE
        self._queue: BoundedQueue | None = None
        self._ended = False
        self._is_old = False
        self._last: Last | None = None
        self.state = LaneState.HELD if held else LaneState.FLOWING
        if held:
            self._queue = BoundedQueue(HOLD_MESSAGES, HOLD_BYTES)
        else:
            self.next = outlet.next

    def open(self, head: Head, valve: Valve) -> None:
        self._valve = valve
        if self.state is LaneState.HELD:
            valve.pause()
        if self.state is not LaneState.CUT:
            self._outlet.admit(head, valve)

    def data(self, chunk: bytes, flags: int) -> None:
        if self._queue is not None:
            self._queue.put(chunk, flags)
        else:
            self.next.data(chunk, flags)

    def end(self, last: Last | None) -> None:
        self._ended = True
        self._last = last
        if self.state is not LaneState.HELD:
            self._finish(last)

    def abort(self, reason: Reason) -> None:
        owner = self._owner
        self.cut()
        if owner is not None:
            owner.lane_aborted(self, reason)

    def flow(self) -> None:
        """The lanes before this one have drained: pass on what was held, then everything else."""
        if self.state is not LaneState.HELD:
            return
        self.state = LaneState.DRAINING if self._is_old else LaneState.FLOWING
        queue, self._queue = self._queue, None
        self.next = self._outlet.next
        while queue:
            chunk, flags = queue.take()
            self.next.data(chunk, flags)
        self._valve.resume()
        if self._ended:
            self._finish(self._last)

    def drain(self) -> None:
        """Become an old lane: pass on what is in flight, as soon as the lanes before this one have."""
        self._is_old = True
        if self.state is LaneState.FLOWING:
            self.state = LaneState.DRAINING

    def cut(self) -> None:
        """Drop everything from now on and forget the neighbours."""
        if self.state is LaneState.HELD:
            self._valve.resume()
        self.state = LaneState.CUT
        self.next = DISCARD
        self._queue = None
        self._owner = None
        self._outlet.dismiss(self._valve)
        self._valve = OPEN_VALVE

    def _finish(self, last: Last | None) -> None:
        if self._owner is not None:
            self._owner.lane_ended(self, last)

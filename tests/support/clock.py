"""Time that passes when the test says so."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count

from l7mp_mesh.ports.clock import Clock, Handle


class FakeHandle(Handle):
    def __init__(self) -> None:
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True


class FakeClock(Clock):
    """Starts at 1000.0 monotonic, 1_700_000_000.0 wall."""

    def __init__(self) -> None:
        self._now = 1000.0
        self._serial = count()
        self._calls: list[tuple[float, int, FakeHandle, Callable[[], None]]] = []

    def now(self) -> float:
        return self._now

    def wall(self) -> float:
        return 1_700_000_000.0 + self._now - 1000.0

    def call_at(self, when: float, do: Callable[[], None]) -> Handle:
        handle = FakeHandle()
        heapq.heappush(self._calls, (when, next(self._serial), handle, do))
        return handle

    def advance(self, seconds: float) -> None:
        """Let time pass; what falls due is called in order."""
        until = self._now + seconds
        while self._calls and self._calls[0][0] <= until:
            when, _, handle, do = heapq.heappop(self._calls)
            self._now = max(self._now, when)
            if not handle.is_cancelled:
                do()
        self._now = until

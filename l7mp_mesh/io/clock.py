"""The event loop's clock."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from l7mp_mesh.ports.clock import Clock, Handle


class LoopHandle(Handle):
    """A timer of the event loop."""

    __slots__ = ("_timer",)

    def __init__(self, timer: asyncio.TimerHandle) -> None:
        self._timer = timer

    def cancel(self) -> None:
        self._timer.cancel()


class LoopClock(Clock):
    """Time of the running event loop; made inside it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()

    def now(self) -> float:
        return self._loop.time()

    def wall(self) -> float:
        return time.time()  # noqa: TID251 - the one place that reads the wall clock

    def call_at(self, when: float, do: Callable[[], None]) -> Handle:
        return LoopHandle(self._loop.call_at(when, do))

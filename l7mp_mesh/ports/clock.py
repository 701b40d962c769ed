"""Time as an argument."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable


class Handle(ABC):
    """A call that was arranged."""

    @abstractmethod
    def cancel(self) -> None:
        """Do not call; nothing happens if it is too late."""


class Clock(ABC):
    """Monotonic time in seconds, wall-clock time, and calls in the future."""

    @abstractmethod
    def now(self) -> float:
        """Monotonic seconds; only differences mean something."""

    @abstractmethod
    def wall(self) -> float:
        """Seconds since the epoch, for logs and event time stamps."""

    @abstractmethod
    def call_at(self, when: float, do: Callable[[], None]) -> Handle:
        """Call `do` once `now()` has reached `when`."""

"""One write per turn and direction: what is written while a read is being handled goes out at its end.

A response's head and body, or many frames, are several `data` calls; each would be a system call of its own.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator


class Flushable(ABC):
    """Something that keeps writes until the end of the turn."""

    __slots__ = ()

    @abstractmethod
    def flush(self) -> None:
        """Hand over what was kept."""


class Turn:
    """The read that is being handled right now, if any; one per thread, as event loops are."""

    __slots__ = ("_waiting", "is_on")

    def __init__(self) -> None:
        self.is_on = False
        self._waiting: list[Flushable] = []

    def add(self, writer: Flushable) -> None:
        """Flush `writer` when the turn ends."""
        self._waiting.append(writer)

    def end(self) -> None:
        """The read is handled: flush everybody."""
        self.is_on = False
        waiting = self._waiting
        if waiting:
            self._waiting = []
            _flush(iter(waiting))


def _flush(writers: Iterator[Flushable]) -> None:
    try:
        for writer in writers:
            writer.flush()
    except BaseException:
        # A connection that fails is no matter of the others of this turn, whose bytes would never go out.
        _flush(writers)
        raise


class _Local(threading.local):
    def __init__(self) -> None:
        self.turn = Turn()


_local = _Local()


def this_turn() -> Turn:
    """The turn of the calling thread's event loop."""
    return _local.turn

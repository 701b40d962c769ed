"""The border between our code and transforms: an exception ends one session, never the process."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from l7mp_mesh.pipe.head import Head, Last
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.pipe.verbs import DISCARD, Sink, Stage, Valve

log = logging.getLogger("l7mp_mesh.transform")

T = TypeVar("T")


class Fault(Exception):
    """Foreign code raised; the message names the exception, which is the cause."""


def attempt(make: Callable[[], T]) -> T:
    """What `make` returns: for the places where foreign code is loaded or built. Raises Fault."""
    try:
        return make()
    except Exception as error:
        raise Fault(f"{type(error).__name__}: {error}") from error


class Guard(Stage):
    """Head of a chain that holds foreign code: turns an exception into `abort(TRANSFORM_FAULT)`.

    `broken` takes the abort of the whole session; the chain behind is told once and then cut off.
    """

    __slots__ = ("broken", "faults", "label")

    def __init__(self, chain: Sink, broken: Sink, label: str) -> None:
        super().__init__()
        self.next = chain
        self.broken = broken
        self.label = label
        self.faults = 0

    def inform(self, head: Head) -> None:
        try:
            self.next.inform(head)
        except Exception:
            self._fault()

    def open(self, head: Head, valve: Valve) -> None:
        try:
            self.next.open(head, valve)
        except Exception:
            self._fault()

    def data(self, chunk: bytes, flags: int) -> None:
        try:
            self.next.data(chunk, flags)
        except Exception:
            self._fault()

    def end(self, last: Last | None) -> None:
        try:
            self.next.end(last)
        except Exception:
            self._fault()

    def abort(self, reason: Reason) -> None:
        try:
            self.next.abort(reason)
        except Exception:
            self._fault()

    def _fault(self) -> None:
        log.exception("transform failed", extra={"transform": self.label})
        self.faults += 1
        self.next = DISCARD
        self.broken.abort(Reason.TRANSFORM_FAULT)

"""What a protocol may use of the process it runs in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar, cast

from l7mp_mesh.ports.clock import Clock
from l7mp_mesh.ports.responder import Responder

T = TypeVar("T")


class Environment:
    """Handed to every protocol by the runtime; one per runtime.

    `responders` answer for inline clusters by protocol name ("L7mpController", "Prometheus").
    """

    def __init__(self, clock: Clock, responders: Mapping[str, Responder]) -> None:
        self.clock = clock
        self.responders = responders
        self._shared: dict[type, object] = {}

    def share(self, make: type[T]) -> T:
        """The one instance of `make` in this runtime, made at first use (the table of UDP ports, say)."""
        if make not in self._shared:
            self._shared[make] = make()
        return cast("T", self._shared[make])

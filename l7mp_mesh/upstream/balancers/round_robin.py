"""Weighted round robin by earliest deadline first.

An endpoint of weight w is due w times per round, at even distances; whoever is due first is next. Deadlines
are whole numbers, so that shares are exact for ever: over 3 equal endpoints, 9 sessions go 3, 3, 3.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heapify, heapreplace
from math import lcm

from l7mp_mesh.model.endpoints import Endpoint
from l7mp_mesh.ports.attributes import Attributes
from l7mp_mesh.ports.upstream import LoadBalancer


class RoundRobin(LoadBalancer):
    """In turn, each as often as it weighs; the turn goes on when `candidates` is called."""

    __slots__ = ("_due", "_strides", "endpoints")

    def __init__(self, endpoints: tuple[Endpoint, ...]) -> None:
        self.endpoints = endpoints
        weights = [max(endpoint.weight, 1) for endpoint in endpoints]
        period = lcm(*weights)
        self._strides = [2 * period // weight for weight in weights]
        # The first time comes after half a stride: a heavy endpoint does not take all its turns at the start.
        self._due = [(stride // 2, index) for index, stride in enumerate(self._strides)]
        heapify(self._due)

    def candidates(self, attributes: Attributes) -> Iterator[Endpoint]:
        if not self._due:
            return iter(())
        index = self._next()
        return iter(self.endpoints[index:] + self.endpoints[:index])

    def choose(self, attributes: Attributes) -> Endpoint | None:
        return self.endpoints[self._next()] if self._due else None

    def _next(self) -> int:
        """Whose turn it is; it goes on."""
        deadline, index = self._due[0]
        heapreplace(self._due, (deadline + self._strides[index], index))
        return index

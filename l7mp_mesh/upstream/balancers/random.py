"""Weighted random choice."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random as Source

from l7mp_mesh.model.endpoints import Endpoint
from l7mp_mesh.ports.attributes import Attributes
from l7mp_mesh.ports.upstream import LoadBalancer


class Random(LoadBalancer):
    """By chance, each as likely as it weighs; what follows is drawn from the rest."""

    __slots__ = ("_source", "_total", "endpoints")

    def __init__(self, endpoints: tuple[Endpoint, ...], source: Source | None = None) -> None:
        self.endpoints = endpoints
        self._source = Source() if source is None else source
        self._total = sum([max(endpoint.weight, 1) for endpoint in endpoints])

    def candidates(self, attributes: Attributes) -> Iterator[Endpoint]:
        rest = list(self.endpoints)
        total = self._total
        while rest:
            chosen = _draw(rest, self._source.randrange(total))
            yield chosen
            rest.remove(chosen)
            total -= max(chosen.weight, 1)


def _draw(endpoints: list[Endpoint], point: int) -> Endpoint:
    """The endpoint on which `point` falls, when they are laid end to end by weight."""
    for endpoint in endpoints:
        point -= max(endpoint.weight, 1)
        if point < 0:
            return endpoint
    return endpoints[-1]

"""Always the first endpoint; the others only when it fails (L7mp Trivial)."""

from __future__ import annotations

from collections.abc import Iterator

from l7mp_mesh.model.endpoints import Endpoint
from l7mp_mesh.ports.attributes import Attributes
from l7mp_mesh.ports.upstream import LoadBalancer


class First(LoadBalancer):
    """The endpoints as they are listed."""

    __slots__ = ("endpoints",)

    def __init__(self, endpoints: tuple[Endpoint, ...]) -> None:
        self.endpoints = endpoints

    def candidates(self, attributes: Attributes) -> Iterator[Endpoint]:
        return iter(self.endpoints)

    def choose(self, attributes: Attributes) -> Endpoint | None:
        return self.endpoints[0] if self.endpoints else None

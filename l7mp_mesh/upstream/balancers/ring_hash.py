"""Consistent hashing: every endpoint owns points on a ring, a key belongs to the next point clockwise.

An endpoint's points depend on itself alone, so one that goes takes its keys with it and moves no other. Only
the number of points per unit of weight depends on the sum of the weights: it is halved whenever the ring
would become larger than MAX_POINTS. Halving takes the later half of everybody's points away and moves none.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator
from random import Random as Source
from typing import Final

from xxhash import xxh64_intdigest

from l7mp_mesh.model.endpoints import Endpoint
from l7mp_mesh.ports.attributes import Attributes
from l7mp_mesh.ports.tree import Value
from l7mp_mesh.ports.upstream import LoadBalancer
from l7mp_mesh.routing.fields import Field, field

POINTS: Final = 2048
"""Points per unit of weight: a share strays about 2 % from its ideal."""

MAX_POINTS: Final = 1 << 17
"""Largest ring: up to a total weight of 64 removals move nothing at all."""


class RingHash(LoadBalancer):
    """The owner of a session's key; retries walk on around the ring."""

    __slots__ = ("_hashes", "_key", "_owners", "_source", "endpoints")

    def __init__(
        self, endpoints: tuple[Endpoint, ...], key: str | None, source: Source | None = None
    ) -> None:
        self.endpoints = endpoints
        self._key: Field | None = None if key is None else field(key)
        self._source = Source() if source is None else source
        points = build_ring(endpoints)
        self._hashes = array("Q", [point for point, _ in points])
        self._owners = array("L", [owner for _, owner in points])

    def candidates(self, attributes: Attributes) -> Iterator[Endpoint]:
        text = None if self._key is None else render(self._key.read(attributes))
        point = (
            self._source.getrandbits(64) if text is None else xxh64_intdigest(text.encode("utf-8", "replace"))
        )
        size = len(self._hashes)
        start = bisect_left(self._hashes, point)
        seen: set[int] = set()
        for step in range(size):
            if len(seen) == len(self.endpoints):
                return
            owner = self._owners[(start + step) % size]
            if owner not in seen:
                seen.add(owner)
                yield self.endpoints[owner]


def render(value: Value) -> str | None:
    """A metadata value as the text that is hashed; None when it is nothing to hash."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value) if isinstance(value, (int, float)) else None


def identities(endpoints: tuple[Endpoint, ...]) -> list[str]:
    """Address and port of each; further ones at the same address are told apart by their names."""
    names: list[str] = [""] * len(endpoints)
    taken: set[str] = set()
    for name, index in sorted([(endpoint.name, index) for index, endpoint in enumerate(endpoints)]):
        endpoint = endpoints[index]
        identity = endpoint.address if endpoint.port is None else f"{endpoint.address}:{endpoint.port}"
        while identity in taken:
            identity = f"{identity}#{name}"
        taken.add(identity)
        names[index] = identity
    return names


def build_ring(endpoints: tuple[Endpoint, ...]) -> list[tuple[int, int]]:
    """Points and the indexes of their owners, sorted."""
    scale = float(POINTS)
    total = sum([max(endpoint.weight, 1) for endpoint in endpoints])
    while scale * total > MAX_POINTS:
        scale /= 2
    ring: list[tuple[int, int]] = []
    for index, identity in enumerate(identities(endpoints)):
        # At least one point, or an endpoint that weighs little would get nothing.
        count = max(int(max(endpoints[index].weight, 1) * scale), 1)
        ring.extend([(xxh64_intdigest(f"{identity}_{number}".encode()), index) for number in range(count)])
    ring.sort()
    return ring

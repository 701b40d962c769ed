"""The words of protocols: canonical names, aliases, and what an alias implies."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from l7mp_mesh.control.native.reader import normal
from l7mp_mesh.model.cluster import Cluster
from l7mp_mesh.model.protocol import ProtocolUse
from l7mp_mesh.model.snapshot import Key, Kind
from l7mp_mesh.model.value import Json

if TYPE_CHECKING:
    # The package brings every codec with it, which importing this module should not.
    from l7mp_mesh.protocols.base import Protocol

PREDEFINED = {"controller": "L7mpController", "monitor_responder": "Prometheus"}
"""Clusters that may be named without being defined, and their protocols (concept document)."""


@dataclass(frozen=True, slots=True)
class Word:
    """What a word stands for."""

    protocol: Protocol
    implied: dict[str, Json]
    """Options that the word stands for: `{"options": {"mode": "server"}}`."""


class Vocabulary:
    """Looks up rows of the protocol table by any of their words, without case, `-` and `_` alike."""

    def __init__(self, protocols: Mapping[str, Protocol]) -> None:
        self.protocols = protocols
        self._words: dict[str, Word] = {}
        for row in protocols.values():
            for word in (row.name, *row.aliases, *(alias for alias, _, _ in row.implied)):
                self._words[normal(word)] = Word(row, _implied(row, word))

    def find(self, word: str) -> Word | None:
        """The row that goes by `word`."""
        return self._words.get(normal(word))

    def echo(self, spec: dict[str, Json]) -> dict[str, Json]:
        """An encoded spec as it was written: without what its word implies anyway."""
        word = self.find(str(spec.get("protocol")))
        return spec if word is None else _without(spec, word.implied)

    def listeners(self) -> tuple[Protocol, ...]:
        """Rows that can be a listener."""
        return tuple(row for row in self.protocols.values() if row.listener is not None)

    def clusters(self) -> tuple[Protocol, ...]:
        """Rows that can be a cluster."""
        return tuple(row for row in self.protocols.values() if row.cluster is not None)

    def is_virtual(self, protocol: str) -> bool:
        """True for a cluster that lives inside the proxy and has no endpoints."""
        row = self.protocols.get(protocol)
        return row is not None and row.cluster is not None and row.cluster.is_virtual

    def predefined(self) -> Mapping[Key, Cluster]:
        """The clusters that exist without being defined, as far as their protocols do."""
        made: dict[Key, Cluster] = {}
        for name, protocol in PREDEFINED.items():
            row = self.protocols.get(protocol)
            if row is not None and row.cluster is not None:
                options: Hashable = row.cluster.options()
                made[Key(Kind.CLUSTER, name)] = Cluster(name, ProtocolUse(protocol, options), name)
        return made


def installed() -> Vocabulary:
    """The vocabulary of all protocols there are."""
    from l7mp_mesh.protocols import PROTOCOLS  # noqa: PLC0415

    return Vocabulary(PROTOCOLS)


def _implied(row: Protocol, word: str) -> dict[str, Json]:
    tree: dict[str, Json] = {}
    for alias, path, value in row.implied:
        if normal(alias) != normal(word):
            continue
        *parents, last = path.split(".")
        place = tree
        for part in parents:
            inner = place.setdefault(part, {})
            assert isinstance(inner, dict), f"{row.name}: {path} is implied twice"
            place = inner
        place[last] = _plain(value)
    return tree


def _without(spec: dict[str, Json], implied: dict[str, Json]) -> dict[str, Json]:
    made: dict[str, Json] = {}
    for key, value in spec.items():
        below = implied.get(key)
        if key not in implied:
            made[key] = value
        elif isinstance(value, dict) and isinstance(below, dict):
            inner = _without(value, below)
            made |= {key: inner} if inner else {}
        elif value != below:
            made[key] = value
    return made


def _plain(value: object) -> Json:
    made = value.value if isinstance(value, Enum) else value
    assert made is None or isinstance(made, bool | int | float | str)
    return made

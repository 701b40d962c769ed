"""How configuration reaches the dataplane: sources translate, the store publishes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field

from l7mp_mesh.model.snapshot import Key, Object, Snapshot


@dataclass(frozen=True, slots=True)
class Update:
    """One change by one source.

    `atomic` sources (YAML, REST) are all or nothing; others (xDS) get the good part applied.
    """

    source: str
    """Who says it: "file:PATH", "rest", "xds:TYPE"; the owner of every object it upserts."""
    version: str
    upserts: Mapping[Key, Object] = field(default_factory=dict)
    removals: frozenset[Key] = frozenset()
    atomic: bool = True
    create_only: bool = False
    """Refuse to replace what exists: REST POST ("already defined")."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """One object that was refused."""

    key: Key
    path: str
    """Field path inside the object, "" for the object itself."""
    why: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an update."""

    applied: bool
    """False when nothing at all was applied."""
    rejections: tuple[Rejection, ...] = ()


class Store(ABC):
    """The configuration in force, and the one way to change it."""

    @property
    @abstractmethod
    def snapshot(self) -> Snapshot:
        """What is in force now."""

    @abstractmethod
    async def apply(self, update: Update) -> Outcome:
        """Validate, publish and apply; returns when listeners are bound, so REST can answer and xDS ACK.

        Updates are applied one after the other in the order of the calls.
        """

    @abstractmethod
    def owner(self, key: Key) -> str | None:
        """Source of an object in force, None if there is none."""


class ConfigSource(ABC):
    """Something that keeps a store up to date."""

    @abstractmethod
    async def run(self, store: Store) -> None:
        """Translate until cancelled. Problems are logged, never raised."""

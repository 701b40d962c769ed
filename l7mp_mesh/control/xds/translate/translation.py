"""What one resource becomes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from l7mp_mesh.model.snapshot import Key, Object, key_of


@dataclass(frozen=True, slots=True)
class Translation:
    """Objects of the model, and the names of resources of the dependent type that they refer to."""

    objects: Mapping[Key, Object] = field(default_factory=lambda: MappingProxyType({}))
    needs: frozenset[str] = frozenset()

    @staticmethod
    def of(objects: Iterable[Object], needs: Iterable[str] = ()) -> Translation:
        """A translation, by the objects' own names."""
        return Translation({key_of(item): item for item in objects}, frozenset(needs))

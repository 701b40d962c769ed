"""What is served: an immutable set of resources, versioned by content.

Equal content has an equal version, on every replica and after every restart: a client that reconnects can
tell that nothing changed, and an update never hides behind a version string that was used before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from types import MappingProxyType

from xds_server.types import type_of

_VERSION_LENGTH = 16


def content_version(parts: Iterable[bytes]) -> str:
    """A version string for these bytes; each part is framed by its length, so no two lists collide."""
    digest = sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()[:_VERSION_LENGTH]


@dataclass(frozen=True, slots=True)
class Reference:
    """One resource that another one names."""

    type_url: str
    name: str


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource, marshalled once and shared by every stream that sends it."""

    type_url: str
    name: str
    version: str
    """Hash of the content."""
    packed: bytes
    """A serialised `google.protobuf.Any`."""
    references: tuple[Reference, ...] = ()
    """What it points at; only these types are looked for: clusters, endpoints, routes."""

    @classmethod
    def of(
        cls, type_url: str, name: str, canonical: bytes, packed: bytes, references: tuple[Reference, ...] = ()
    ) -> Resource:
        """A resource whose version is the hash of its `canonical` bytes (equal content, equal bytes)."""
        return cls(type_url, name, content_version((canonical,)), packed, references)


class Collection:
    """All resources of one type."""

    __slots__ = ("resources", "version")

    def __init__(self, resources: Mapping[str, Resource]) -> None:
        self.resources = MappingProxyType(dict(sorted(resources.items())))
        self.version = content_version(
            part.encode() for each in self.resources.values() for part in (each.name, each.version)
        )


_EMPTY = Collection({})


class DuplicateResource(ValueError):
    """Two resources of one type have the same name."""


class Snapshot:
    """Everything a node is told. Never changes; a new one replaces it."""

    __slots__ = ("_collections", "version")

    def __init__(self, resources: Iterable[Resource] = ()) -> None:
        """Raises DuplicateResource."""
        by_type: dict[str, dict[str, Resource]] = {}
        for resource in resources:
            named = by_type.setdefault(resource.type_url, {})
            if resource.name in named:
                short = type_of(resource.type_url).short
                raise DuplicateResource(f"{short} resource {resource.name!r} is given twice")
            named[resource.name] = resource
        self._collections = {url: Collection(by_type[url]) for url in sorted(by_type)}
        self.version = content_version(
            part.encode() for url, each in self._collections.items() for part in (url, each.version)
        )

    def __iter__(self) -> Iterator[Resource]:
        return (each for collection in self._collections.values() for each in collection.resources.values())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Snapshot) and other.version == self.version

    def __hash__(self) -> int:
        return hash(self.version)

    def collection(self, type_url: str) -> Collection:
        """The resources of one type; empty if there are none."""
        return self._collections.get(type_url, _EMPTY)

    def versions(self) -> dict[str, str]:
        """Version by short type name, of the types that have resources."""
        return {type_of(url).short: each.version for url, each in self._collections.items()}

    def dangling(self) -> list[tuple[Resource, Reference]]:
        """References to resources that are not here. The client may know them from its bootstrap."""
        return [
            (resource, reference)
            for resource in self
            for reference in resource.references
            if reference.name not in self.collection(reference.type_url).resources
        ]


def describe_dangling(resource: Resource, reference: Reference) -> str:
    """One warning line, without its place."""
    source, target = type_of(resource.type_url), type_of(reference.type_url)
    return f"{source.short} {resource.name!r} refers to {target.short} {reference.name!r}, which is not here"

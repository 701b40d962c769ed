"""What the management server has given, what became of it, and what must change in the store.

A resource that can not be translated is refused by itself; the last good one of that name stays. A listener
waits for its routes: until they have come it is not bound (or keeps its former shape), as in Envoy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from l7mp_mesh import api
from l7mp_mesh.api import ApiError
from l7mp_mesh.control.xds.encoding import Delivery
from l7mp_mesh.control.xds.resource_type import ResourceType
from l7mp_mesh.control.xds.translate import Translation, translate
from l7mp_mesh.model.errors import ConfigError
from l7mp_mesh.model.snapshot import Key, Object
from l7mp_mesh.ports.config import Outcome, Update

WRAPPER = "envoy.service.discovery.v3.Resource"


@dataclass(frozen=True, slots=True)
class Refusal:
    """One resource that was refused."""

    name: str
    path: str
    why: str


@dataclass(frozen=True, slots=True)
class Change:
    """What a delivery means for the store."""

    type: ResourceType
    update: Update
    refusals: tuple[Refusal, ...] = ()
    owners: Mapping[Key, str] = field(default_factory=dict)
    """Which resource each object comes from."""

    @property
    def is_empty(self) -> bool:
        """Nothing to apply."""
        return not self.update.upserts and not self.update.removals

    def with_outcome(self, outcome: Outcome) -> Change:
        """The same with what the store refused."""
        more = tuple(Refusal(self.owners.get(r.key, r.key.name), r.path, r.why) for r in outcome.rejections)
        return Change(self.type, self.update, (*self.refusals, *more), self.owners)

    def problem(self) -> str | None:
        """Text of the NACK, None to acknowledge."""
        lines = []
        for refusal in self.refusals:
            what = f"{self.type.word} {refusal.name!r}"
            lines.append(": ".join(part for part in (what, refusal.path, refusal.why) if part))
        return "; ".join(lines) or None


class Held:
    """One resource as it was translated."""

    __slots__ = ("raw", "translation")

    def __init__(self, raw: bytes, translation: Translation) -> None:
        self.raw = raw
        self.translation = translation


class Shelf:
    """All resources of one type."""

    __slots__ = ("applied", "held", "version", "waiting")

    def __init__(self) -> None:
        self.held: dict[str, Held] = {}
        """In use, or about to be."""
        self.waiting: dict[str, Held] = {}
        """Accepted, but what they depend on is not there yet."""
        self.applied: dict[Key, Object] = {}
        """What the store has taken."""
        self.version = ""


class Inventory:
    """Deliveries in, changes out; `settle` tells what became of a change."""

    def __init__(self) -> None:
        self._shelves = {type_: Shelf() for type_ in ResourceType}

    def needs(self, type_: ResourceType) -> frozenset[str]:
        """Names of `type_` that the resources above it refer to."""
        return frozenset(
            name
            for parent in ResourceType
            if parent.dependent is type_
            for rack in (self._shelves[parent].held, self._shelves[parent].waiting)
            for held in rack.values()
            for name in held.translation.needs
        )

    @property
    def is_waiting(self) -> bool:
        """Some listener waits for its routes."""
        return bool(self._shelves[ResourceType.LDS].waiting)

    @property
    def has_endpoints(self) -> bool:
        """Every cluster's endpoints have come."""
        return self.needs(ResourceType.EDS) <= self._shelves[ResourceType.EDS].held.keys()

    def receive(self, delivery: Delivery, wanted: frozenset[str] | None) -> Change:
        """Take a delivery in; resources that nobody asked for are ignored."""
        shelf = self._shelves[delivery.type]
        shelf.version = delivery.version
        refusals: list[Refusal] = []
        present: set[str] = set()
        claims: dict[Key, tuple[str, Object]] = {}
        for index, packed in enumerate(delivery.resources):
            try:
                name, raw, value = _open(packed, delivery.type)
            except ApiError as error:
                refusals.append(Refusal(f"resources[{index}]", error.path, error.why))
                continue
            if wanted is not None and name not in wanted:
                continue
            if name in present:
                refusals.append(Refusal(name, "", "is given twice"))
                continue
            present.add(name)
            try:
                held = self._translated(delivery.type, name, raw, value)
                _claim(name, held.translation, claims)
            except ConfigError as error:
                refusals.append(Refusal(name, error.path, error.why))
            else:
                self._place(delivery.type, name, held)
        gone = delivery.removed
        if delivery.is_complete:
            gone = gone.union(shelf.held, shelf.waiting) - present
        for name in gone:
            shelf.held.pop(name, None)
            shelf.waiting.pop(name, None)
        return self._change(delivery.type, refusals)

    def release(self, *, at_once: bool = False) -> Change:
        """Listeners whose routes have come; `at_once` takes those that still wait as well."""
        shelf = self._shelves[ResourceType.LDS]
        for name, held in list(shelf.waiting.items()):
            if at_once or self._has_all(ResourceType.LDS, held.translation):
                shelf.held[name] = shelf.waiting.pop(name)
        return self._change(ResourceType.LDS, ())

    def collect(self, type_: ResourceType) -> Change:
        """Drop resources of `type_` that nothing refers to any more."""
        shelf = self._shelves[type_]
        needed = self.needs(type_)
        for name in shelf.held.keys() - needed:
            del shelf.held[name]
        return self._change(type_, ())

    def settle(self, change: Change, in_force: Mapping[Key, Object]) -> None:
        """Note what the store has taken of `change`; what it has not is tried again with the next one."""
        applied = self._shelves[change.type].applied
        for key in change.update.removals:
            applied.pop(key, None)
        for key, value in change.update.upserts.items():
            if in_force.get(key) == value:
                applied[key] = value

    def _translated(self, type_: ResourceType, name: str, raw: bytes, value: api.Proto) -> Held:
        shelf = self._shelves[type_]
        known = shelf.waiting.get(name) or shelf.held.get(name)
        return known if known is not None and known.raw == raw else Held(raw, translate(value))

    def _place(self, type_: ResourceType, name: str, held: Held) -> None:
        shelf = self._shelves[type_]
        if self._has_all(type_, held.translation):
            shelf.waiting.pop(name, None)
            shelf.held[name] = held
        elif shelf.held.get(name) is not held:
            shelf.waiting[name] = held

    def _has_all(self, type_: ResourceType, translation: Translation) -> bool:
        """Clusters are used before their endpoints have come: a new session then finds none."""
        return (
            type_ is not ResourceType.LDS or translation.needs <= self._shelves[ResourceType.RDS].held.keys()
        )

    def _change(self, type_: ResourceType, refusals: Sequence[Refusal]) -> Change:
        shelf = self._shelves[type_]
        wanted: dict[Key, Object] = {}
        owners: dict[Key, str] = {}
        # Where two resources share an object, the older shape of a refused one must not win.
        refused = {refusal.name for refusal in refusals}
        for name, held in sorted(shelf.held.items(), key=lambda item: item[0] not in refused):
            wanted.update(held.translation.objects)
            owners.update(dict.fromkeys(held.translation.objects, name))
        update = Update(
            source=type_.source,
            version=shelf.version,
            upserts={key: value for key, value in wanted.items() if shelf.applied.get(key) != value},
            removals=frozenset(shelf.applied.keys() - wanted.keys()),
            atomic=False,
        )
        return Change(type_, update, tuple(refusals), owners)


def _open(packed: api.Proto, type_: ResourceType) -> tuple[str, bytes, api.Proto]:
    """Name, serialized form and message of one resource, out of the wrapper that may be around it."""
    if packed.type_url == api.type_url(WRAPPER):
        wrapper: api.Proto = api.unpack(packed)
        packed = wrapper.resource
    if packed.type_url != type_.url:
        raise ApiError("", f"expected a {type_.url}, got {packed.type_url!r}")
    value: api.Proto = api.unpack(packed)
    name = value.cluster_name if type_ is ResourceType.EDS else value.name
    if not name:
        raise ApiError("cluster_name" if type_ is ResourceType.EDS else "name", "is missing")
    return name, packed.value, value


def _claim(name: str, translation: Translation, claims: dict[Key, tuple[str, Object]]) -> None:
    """Two resources of a delivery may make the same object, but not two objects of one name."""
    for key, value in translation.objects.items():
        other, made = claims.setdefault(key, (name, value))
        if made != value:
            raise ConfigError("", f"{key.kind.value} {key.name!r} is defined otherwise by {other!r}")

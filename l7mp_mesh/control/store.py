"""The configuration in force: validates updates, publishes snapshots, and has the runtime follow.

Native sources (files and REST) share one realm, every xDS stream has its own; nobody replaces or removes
what another realm owns. Updates are applied one after the other.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator
from types import MappingProxyType

from l7mp_mesh.model.rules import RuleList
from l7mp_mesh.model.snapshot import ADMIN_KEY, Key, Kind, Object, Snapshot
from l7mp_mesh.ports.config import Outcome, Rejection, Store, Update
from l7mp_mesh.runtime.runtime import Runtime

log = logging.getLogger("l7mp_mesh.store")


class ConfigStore(Store):
    """The one store of a process."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._snapshot = Snapshot()
        self._owners: dict[Key, str] = {}
        self._lock = asyncio.Lock()
        self._watchers: list[Callable[[Snapshot, frozenset[Key]], None]] = []

    @property
    def snapshot(self) -> Snapshot:
        return self._snapshot

    def owner(self, key: Key) -> str | None:
        return self._owners.get(key)

    def owned_by(self, source: str) -> frozenset[Key]:
        """Keys of the objects that a source brought."""
        return frozenset(key for key, owner in self._owners.items() if owner == source)

    def watch(self, notify: Callable[[Snapshot, frozenset[Key]], None]) -> None:
        """Call `notify` with the new snapshot and the changed keys after every change."""
        self._watchers.append(notify)

    async def apply(self, update: Update) -> Outcome:
        async with self._lock:
            rejections = list(self._refusals(update))
            if rejections and update.atomic:
                return Outcome(applied=False, rejections=tuple(rejections))
            refused = {rejection.key for rejection in rejections}
            upserts = {
                key: value
                for key, value in update.upserts.items()
                if key not in refused and self._snapshot.objects.get(key) != value
            }
            removals = [
                key for key in update.removals if key not in refused and key in self._snapshot.objects
            ]
            if upserts or removals:
                rejections += await self._publish(update, upserts, removals)
            else:
                self._own(update, update.upserts)
            return Outcome(applied=not (rejections and update.atomic), rejections=tuple(rejections))

    async def _publish(
        self, update: Update, upserts: dict[Key, Object], removals: list[Key]
    ) -> list[Rejection]:
        objects = dict(self._snapshot.objects)
        for key in removals:
            del objects[key]
        objects.update(upserts)
        rejections = list(self._break_loops(objects, upserts))
        if rejections and (update.atomic or not (upserts or removals)):
            return rejections
        new = Snapshot(self._snapshot.version + 1, MappingProxyType(objects))
        touched = [*upserts, *removals]
        rejections += await self._runtime.apply(new, touched, atomic=update.atomic)
        if rejections and update.atomic:
            return rejections
        for rejection in rejections:
            self._take_back(objects, rejection.key)
        self._snapshot = Snapshot(new.version, MappingProxyType(objects))
        self._own(update, (key for key in update.upserts if key in objects))
        for key in removals:
            self._owners.pop(key, None)
        for notify in self._watchers:
            notify(self._snapshot, frozenset(touched))
        return rejections

    def _break_loops(self, objects: dict[Key, Object], upserts: dict[Key, Object]) -> Iterator[Rejection]:
        """Take out of `objects` and `upserts` what would make rule lists apply each other in a circle."""
        if not any(key.kind in (Kind.RULE, Kind.RULELIST) for key in upserts):
            return
        while (loop := Snapshot(0, objects).loop()) is not None:
            why = f"rule lists apply each other in a circle: {' -> '.join(loop)}"
            lists = [Key(Kind.RULELIST, name) for name in loop]
            rules = [Key(Kind.RULE, rule) for key in lists for rule in _rules_of(objects.get(key))]
            for key in (*lists, *rules):
                if upserts.pop(key, None) is not None:
                    self._take_back(objects, key)
                    yield Rejection(key, "rules" if key.kind is Kind.RULELIST else "action.apply", why)

    def _take_back(self, objects: dict[Key, Object], key: Key) -> None:
        """A refused object stays what it was."""
        before = self._snapshot.objects.get(key)
        if before is None:
            objects.pop(key, None)
        else:
            objects[key] = before

    def _own(self, update: Update, keys: Iterable[Key]) -> None:
        for key in keys:
            if update.source != "rest" or key not in self._owners:
                self._owners[key] = update.source

    def _refusals(self, update: Update) -> Iterable[Rejection]:
        for key in update.upserts:
            owner = self._owners.get(key)
            if owner is None:
                continue
            if _realm(owner) != _realm(update.source):
                yield Rejection(key, "", f'{_title(key)} "{key.name}" already defined by {owner}')
            elif update.create_only and key != ADMIN_KEY:
                yield Rejection(key, "", f'{_title(key)} "{key.name}" already defined')
        for key in update.removals:
            owner = self._owners.get(key)
            if owner is not None and _realm(owner) != _realm(update.source):
                yield Rejection(key, "", f'{_title(key)} "{key.name}" belongs to {owner}')


def _rules_of(value: Object | None) -> tuple[str, ...]:
    return value.rules if isinstance(value, RuleList) else ()


def _realm(source: str) -> str:
    return "xds" if source.startswith("xds") else "native"


def _title(key: Key) -> str:
    """The word for a kind in messages that existing controllers read."""
    return {Kind.RULELIST: "RuleList"}.get(key.kind, key.kind.value.capitalize())

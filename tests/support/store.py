"""A store that notes what it is given."""

from __future__ import annotations

import asyncio

from l7mp_mesh.model.snapshot import Key, Object, Snapshot
from l7mp_mesh.ports.config import Outcome, Rejection, Store, Update


class FakeStore(Store):
    """Takes everything but what is in `refuse`, raises `crash`; `hold()` makes `apply` wait until `go()`."""

    def __init__(self) -> None:
        self.objects: dict[Key, Object] = {}
        self.owners: dict[Key, str] = {}
        self.updates: list[Update] = []
        self.refuse: dict[Key, str] = {}
        self.crash: Exception | None = None
        self._open = asyncio.Event()
        self._open.set()

    @property
    def snapshot(self) -> Snapshot:
        return Snapshot(len(self.updates), self.objects)

    async def apply(self, update: Update) -> Outcome:
        self.updates.append(update)
        await self._open.wait()
        if self.crash is not None:
            raise self.crash
        for key in update.removals:
            self.objects.pop(key, None)
            self.owners.pop(key, None)
        taken = {key: value for key, value in update.upserts.items() if key not in self.refuse}
        self.objects.update(taken)
        self.owners.update(dict.fromkeys(taken, update.source))
        refused = update.upserts.keys() & self.refuse.keys()
        return Outcome(
            applied=True, rejections=tuple(Rejection(key, "spec.port", self.refuse[key]) for key in refused)
        )

    def owner(self, key: Key) -> str | None:
        return self.owners.get(key)

    def hold(self) -> None:
        self._open.clear()

    def go(self) -> None:
        self._open.set()

"""The addresses of one change: all are taken before anything else happens, and given back if need be.

A listener that leaves its address in this change (it is removed, or moves) makes room at once for an heir.
When it turns out that it must stay, the heir yields, and it comes back.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Set

from l7mp_mesh.io.tasks import survive
from l7mp_mesh.model.errors import ConfigError
from l7mp_mesh.model.listener import Listener
from l7mp_mesh.model.snapshot import Key, Kind
from l7mp_mesh.ports.config import Rejection
from l7mp_mesh.ports.layer import BindFailed
from l7mp_mesh.runtime.listeners import ListenerRun

log = logging.getLogger("l7mp_mesh.runtime")


class Rebinding:
    """One change. `bound` holds by name what has its address and does not serve yet."""

    def __init__(
        self, running: Mapping[str, ListenerRun], leaving: Set[str], make: Callable[[Listener], ListenerRun]
    ) -> None:
        self.bound: dict[str, ListenerRun] = {}
        self._running = running
        self._leaving = leaving
        self._make = make
        self._refused: dict[str, Rejection] = {}
        self._released: list[str] = []

    @property
    def rejections(self) -> tuple[Rejection, ...]:
        """Listeners that can not have their addresses."""
        return tuple(self._refused.values())

    async def bind(self, value: Listener) -> None:
        """Take the address of a listener, or refuse it."""
        crash = await survive(f"bind {value.name}", self._bind(value))
        if crash:
            self._refuse(value.name, "", crash)

    async def settle(self) -> None:
        """Bring those back whose own move was refused; whoever has taken their place is refused then."""
        returning = []
        while stuck := [name for name in self._released if name in self._refused]:
            for name in stuck:
                self._released.remove(name)
                returning.append(name)
                self._evict(name)
        await self._bring_back(returning)

    async def undo(self) -> None:
        """Leave everything as it was."""
        for run in self.bound.values():
            run.release()
        self.bound.clear()
        returning, self._released = self._released, []
        await self._bring_back(returning)

    async def _bind(self, value: Listener) -> None:
        try:
            run = self._make(value)
            await self._take(run)
        except BindFailed as error:
            self._refuse(value.name, "spec", error.detail)
        except ConfigError as error:
            self._refuse(value.name, error.path, error.why)
        else:
            self.bound[value.name] = run

    async def _take(self, run: ListenerRun) -> None:
        try:
            await run.bind()
        except BindFailed:
            donors = [
                name
                for name in self._leaving
                if name not in self._released and run.shares_address(self._running[name])
            ]
            if not donors:
                raise
            for name in donors:
                self._released.append(name)
                self._running[name].release()
            await run.bind()

    def _evict(self, name: str) -> None:
        """Refuse whoever has taken the address of a listener that must stay."""
        for heir, run in list(self.bound.items()):
            if run.shares_address(self._running[name]):
                del self.bound[heir]
                run.release()
                why = f'cannot bind {run.acceptor.address}: listener "{name}" has to stay there'
                self._refuse(heir, "spec", why)

    async def _bring_back(self, names: list[str]) -> None:
        for name in names:
            try:
                await self._running[name].regain()
            except BindFailed as error:
                log.error("a listener has lost its address", extra={"listener": name, "reason": error.detail})  # noqa: TRY400

    def _refuse(self, name: str, path: str, why: str) -> None:
        self._refused[name] = Rejection(Key(Kind.LISTENER, name), path, why)

"""A whole runtime inside the test's own event loop, configured as a file would."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from l7mp_mesh.control.native import Decoder, Names, Vocabulary, parsed
from l7mp_mesh.control.store import ConfigStore
from l7mp_mesh.io.clock import LoopClock
from l7mp_mesh.model.snapshot import Key
from l7mp_mesh.observe.stats import Stats
from l7mp_mesh.ports.config import Outcome, Update
from l7mp_mesh.ports.environment import Environment
from l7mp_mesh.protocols import PROTOCOLS
from l7mp_mesh.protocols.http.rescue import reply_for
from l7mp_mesh.runtime.runtime import Runtime
from l7mp_mesh.transforms import load


class Dataplane:
    """`runtime` and `store`; `put` changes objects, `port` says where a listener is."""

    def __init__(self) -> None:
        self._vocabulary = Vocabulary(PROTOCOLS)
        self._names = Names()
        self.stats = Stats()
        self.runtime = Runtime(Environment(LoopClock(), {}), self.stats, PROTOCOLS, reply_for, load, {})
        self.store = ConfigStore(self.runtime)

    async def put(self, config: dict[str, Any], *removals: Key, atomic: bool = True) -> Outcome:
        """Create or replace what `config` holds, and remove what is named."""
        decoded = Decoder(self._vocabulary, self._names).config(parsed(config, "test"))
        assert not decoded.errors, decoded.errors
        return await self.store.apply(
            Update("test", "1", decoded.objects, frozenset(removals), atomic=atomic)
        )

    def port(self, listener: str) -> int:
        """The port of a listener."""
        return self.runtime.address(listener)[1]


@asynccontextmanager
async def dataplane(config: dict[str, Any]) -> AsyncIterator[Dataplane]:
    """Runs until the block is left; sessions are not waited for."""
    made = Dataplane()
    made.runtime.start()
    try:
        outcome = await made.put(config)
        assert outcome.applied, outcome.rejections
        yield made
    finally:
        await made.runtime.stop(0)

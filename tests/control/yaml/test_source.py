"""A file as a source: what is reloaded, what is removed, what goes wrong."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

from support.store import FakeStore

from l7mp_mesh.control.native import Vocabulary
from l7mp_mesh.control.yaml.source import FileSource, with_command_line
from l7mp_mesh.io.tasks import spawn
from l7mp_mesh.model.snapshot import Key, Kind
from l7mp_mesh.protocols import PROTOCOLS


class Rig:
    """A file of Echo clusters, its source and a store."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "config.json"
        self.write("a")
        amend = with_command_line(None, strict=False)
        self.source = FileSource(self._file, Vocabulary(PROTOCOLS), strict=False, amend=amend)
        self.store = FakeStore()

    def write(self, *names: str) -> None:
        clusters = [{"name": name, "spec": {"protocol": "Echo"}} for name in names]
        self._file.write_text(json.dumps({"clusters": clusters}))

    @property
    def clusters(self) -> set[str]:
        return {key.name for key in self.store.objects if key.kind is Kind.CLUSTER}


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not is_so():
            await asyncio.sleep(0.001)


def test_a_store_that_crashes_does_not_end_the_watch_of_the_file(tmp_path: Path) -> None:
    async def main() -> None:
        rig = Rig(tmp_path)
        await rig.source.load(rig.store)
        task = spawn("source", rig.source.run(rig.store))
        rig.store.crash = ValueError("unexpected")
        rig.write("a", "b")
        rig.source.reload_soon()
        await until(lambda: len(rig.store.updates) == 2)
        rig.store.crash = None
        rig.write("a", "c")
        rig.source.reload_soon()
        await until(lambda: rig.clusters == {"a", "c"})
        task.cancel()

    asyncio.run(main())


def test_what_another_source_has_taken_over_is_not_removed_with_the_file(tmp_path: Path) -> None:
    async def main() -> None:
        rig = Rig(tmp_path)
        rig.write("a", "b", "c")
        await rig.source.load(rig.store)
        rig.store.owners[Key(Kind.CLUSTER, "b")] = "rest"
        rig.write("c")
        await rig.source.load(rig.store)
        assert rig.clusters == {"b", "c"}

    asyncio.run(main())

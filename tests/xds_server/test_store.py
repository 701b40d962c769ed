"""A directory as a source of snapshots: what is noticed, what is refused, what is said about it."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.xds_probe import CLUSTER, LISTENER, until

from xds_server.snapshot import Snapshot
from xds_server.store import DirectoryStore, MemoryStore, Pace

HTTP = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"


def text(*names: str, kind: str = CLUSTER) -> str:
    return "resources:\n" + "".join(f'- {{"@type": {kind}, name: {name}}}\n' for name in names)


class Bench:
    """A store on a directory, a clock that is set by hand, and the lines it printed."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.time = 0.0
        self.lines: list[str] = []
        self.store = DirectoryStore(directory, self.lines.append, now=lambda: self.time)

    def write(self, name: str, content: str) -> Path:
        path = self.directory / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
        return path

    def settle(self) -> bool:
        """Look twice, with the debounce time between."""
        self.store.scan()
        self.time += 0.2
        return self.store.scan()

    @property
    def clusters(self) -> list[str]:
        assert self.store.snapshot is not None
        return list(self.store.snapshot.collection(CLUSTER).resources)

    @property
    def version(self) -> str:
        assert self.store.snapshot is not None
        return self.store.snapshot.version


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    bench = Bench(tmp_path)
    bench.write("a.yaml", text("a"))
    assert bench.store.scan(), "the first look reads at once"
    return bench


def test_an_in_place_write_is_noticed_when_it_settled(bench: Bench) -> None:
    bench.write("a.yaml", text("a", "b"))
    assert not bench.store.scan()
    bench.time += 0.05
    assert not bench.store.scan()
    bench.time += 0.06
    assert bench.store.scan()
    assert bench.clusters == ["a", "b"]


def test_files_that_never_settle_are_read_in_the_end(bench: Bench) -> None:
    seen = 0
    for index in range(300):
        bench.write("a.yaml", text(*(f"c{each}" for each in range(index % 7 + 1))))
        bench.time += 0.05
        seen += bench.store.scan()
    assert seen == 1


def test_an_atomic_rename_is_noticed(bench: Bench) -> None:
    bench.write("new.tmp", text("z")).replace(bench.directory / "a.yaml")
    assert bench.settle()
    assert bench.clusters == ["z"]


def test_deleting_a_file_removes_its_resources(bench: Bench) -> None:
    path = bench.write("b.yml", text("b"))
    bench.settle()
    assert bench.clusters == ["a", "b"]
    path.unlink()
    bench.settle()
    assert bench.clusters == ["a"]


def test_a_swapped_symlink_is_noticed(tmp_path: Path) -> None:
    """As Kubernetes updates a mounted ConfigMap: `..data` is replaced, the links in the folder stay."""
    mount = tmp_path / "mount"
    for version, name in (("..v1", "one"), ("..v2", "two")):
        (mount / version).mkdir(parents=True)
        (mount / version / "c.yaml").write_text(text(name))
    (mount / "..data").symlink_to("..v1")
    (mount / "c.yaml").symlink_to("..data/c.yaml")
    bench = Bench(mount)
    bench.store.scan()
    assert bench.clusters == ["one"]
    (mount / "..tmp").symlink_to("..v2")
    (mount / "..tmp").replace(mount / "..data")
    bench.settle()
    assert bench.clusters == ["two"]


def test_the_common_folder_counts_as_well(bench: Bench) -> None:
    bench.write("_common/base.json", json.dumps({"resources": [{"@type": CLUSTER, "name": "base"}]}))
    bench.settle()
    assert bench.clusters == ["a", "base"]


@pytest.mark.parametrize("name", [".a.yaml", "#a.yaml", "a.yaml~", "a.yaml.swp", "readme.md", "_off.yaml"])
def test_hidden_backup_and_other_files_are_left_alone(bench: Bench, name: str) -> None:
    bench.write(name, "not: [yaml")
    assert not bench.settle()
    assert bench.lines == []


def test_a_directory_that_goes_keeps_everything(bench: Bench) -> None:
    away = bench.directory.rename(bench.directory.with_name("away"))
    bench.settle()
    assert bench.clusters == ["a"]
    assert bench.lines[0] == f"{bench.directory}: can not be read: No such file or directory"
    away.rename(bench.directory)
    bench.settle()
    assert bench.lines[-1] == f"{bench.directory}: good again, and served"


def test_what_is_no_regular_file_is_left_alone(bench: Bench) -> None:
    (bench.directory / "folder.yaml").mkdir()
    os.mkfifo(bench.directory / "pipe.yaml")
    (bench.directory / "dangling.yaml").symlink_to("nowhere")
    assert not bench.settle()


def test_touching_a_file_changes_no_version(bench: Bench) -> None:
    before = bench.version
    bench.write("a.yaml", "# a comment\n" + text("a"))
    assert bench.settle()
    assert bench.version == before


def test_equal_content_has_an_equal_version_in_another_place_and_order(bench: Bench, tmp_path: Path) -> None:
    bench.write("a.yaml", text("a", "b"))
    bench.settle()
    other = Bench(tmp_path / "other")
    other.write("x.yaml", text("b"))
    other.write("y.yaml", text("a"))
    other.store.scan()
    assert other.version == bench.version


def test_a_bad_file_keeps_everything_and_recovery_is_told(bench: Bench) -> None:
    before = bench.version
    path = bench.write("b.yaml", f'resources:\n- "@type": {CLUSTER}\n  name: b\n  lb_policy: FOO\n')
    bench.write("a.yaml", text("a", "more"))
    bench.settle()
    assert bench.version == before
    assert bench.lines[0].startswith(f"{path}:4:3: resources[0].lb_policy: expected one of ROUND_ROBIN, ")
    assert bench.lines[1] == f"{bench.directory}: refused; the last good configuration stays"
    assert [problem.line for problem in bench.store.problems] == [4]
    bench.write("c.yaml", text("c"))
    bench.settle()
    assert len(bench.lines) == 2, "the same problem is told once"
    path.unlink()
    bench.settle()
    assert bench.lines[2:] == [f"{bench.directory}: good again, and served"]
    assert bench.clusters == ["a", "c", "more"]


def test_a_store_that_starts_bad_has_no_snapshot(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.write("a.yaml", "[")
    bench.store.scan()
    assert bench.store.snapshot is None
    assert bench.lines[-1] == f"{tmp_path}: refused; nothing is served yet"


def test_what_refers_to_nothing_is_warned_about_once(bench: Bench) -> None:
    path = bench.write(
        "l.yaml",
        f"""\
resources:
- "@type": {LISTENER}
  name: l
  filter_chains:
  - filters:
    - name: http
      typed_config:
        "@type": {HTTP}
        stat_prefix: x
        rds: {{route_config_name: r}}
""",
    )
    bench.settle()
    assert bench.lines == [f"{path}:2:3: resources[0]: warning: LDS 'l' refers to RDS 'r', which is not here"]
    bench.write("a.yaml", text("a", "b"))
    bench.settle()
    assert len(bench.lines) == 1


async def collect(watch: AsyncIterator[Snapshot], into: list[Snapshot]) -> None:
    async for snapshot in watch:
        into.append(snapshot)  # noqa: PERF401 - looked at while it grows


def test_a_watched_directory_yields_each_change_of_content(tmp_path: Path) -> None:
    async def scenario() -> None:
        (tmp_path / "a.yaml").write_text(text("a"))
        store = DirectoryStore(tmp_path, pace=Pace(0.01, 0.01))
        seen: list[Snapshot] = []
        watching = asyncio.ensure_future(collect(store.watch(), seen))
        await until(lambda: len(seen) == 1)
        (tmp_path / "a.yaml").write_text(text("a", "b"))
        await until(lambda: len(seen) == 2)
        watching.cancel()
        assert list(seen[1].collection(CLUSTER).resources) == ["a", "b"]

    asyncio.run(scenario())


def test_a_memory_store_yields_what_it_is_set_to() -> None:
    async def scenario() -> None:
        store = MemoryStore()
        seen: list[Snapshot] = []
        watching = asyncio.ensure_future(collect(store.watch(), seen))
        store.set(Snapshot())
        await until(lambda: len(seen) == 1)
        store.set(Snapshot())
        store.set(Snapshot([]))
        watching.cancel()
        assert len(seen) == 1, "equal content is no change"

    asyncio.run(scenario())

"""Real Envoy takes everything from `xds_server`, and serves by it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.envoy import (
    Envoy,
    EnvoyMissing,
    aggregated_stream,
    binary,
    bootstrap,
    running,
    separate_stream,
)
from support.http import answering, get
from support.xds_mesh import assignment, eds_cluster, http_listener, route_table, save, to_cluster, to_split
from support.xds_probe import until

from xds_server import DirectoryStore, XdsServer
from xds_server.ledger import Event

# The first one may have to download Envoy.
pytestmark = pytest.mark.timeout(420)

WAIT = 30.0


@pytest.fixture(scope="session")
def envoy_binary() -> Path:
    try:
        return binary()
    except EnvoyMissing as missing:
        pytest.skip(str(missing))


@dataclass
class Mesh:
    """Envoy in front of the backends "a", "b" and "c", programmed from the files of `folder`."""

    folder: Path
    source: dict[str, Any]
    server: XdsServer
    envoy: Envoy
    port: int

    def route(self, *routes: dict[str, Any]) -> None:
        save(self.folder / "routes.json", route_table(list(routes)))

    async def ask(self, path: str = "/") -> str:
        status, body = await get(self.port, path)
        return body.decode() if status == 200 else str(status)

    async def eventually(self, path: str, answer: str) -> None:
        async with asyncio.timeout(WAIT):
            while await self.ask(path) != answer:
                await asyncio.sleep(0.02)

    async def acknowledged(self, short: str) -> None:
        """Until Envoy has said yes to what was sent last, and that is what the files say."""

        def is_current() -> bool:
            state = self.server.ledger.state("envoy", short)
            assert self.server.snapshot is not None
            return state.acked_version == state.sent_version == self.server.snapshot.versions()[short]

        await until(is_current, WAIT)


@asynccontextmanager
async def mesh(executable: Path, folder: Path, source: dict[str, Any]) -> AsyncIterator[Mesh]:
    served = folder / "served"
    served.mkdir()
    async with AsyncExitStack() as stack:
        ports = {name: await stack.enter_async_context(answering(name)) for name in "abc"}
        save(served / "listeners.json", http_listener(source))
        save(served / "routes.json", route_table([to_split("/", {"a": 75, "b": 25})]))
        save(served / "clusters.json", *(eds_cluster(name, source) for name in ports))
        save(served / "endpoints.json", *(assignment(name, port) for name, port in ports.items()))
        server = await stack.enter_async_context(
            XdsServer(DirectoryStore(served, lambda _: None), "127.0.0.1:0")
        )
        envoy = await stack.enter_async_context(running(executable, bootstrap(server.port, source), folder))
        yield Mesh(served, source, server, envoy, await envoy.listener_port("web"))


def play(
    executable: Path, folder: Path, scene: Callable[[Mesh], Awaitable[None]], source: dict[str, Any]
) -> None:
    async def run() -> None:
        async with mesh(executable, folder, source) as stage:
            await scene(stage)

    asyncio.run(run())


@pytest.mark.parametrize("source", [aggregated_stream(), separate_stream()], ids=["aggregated", "separate"])
def test_envoy_starts_from_nothing_and_follows_an_edit(
    envoy_binary: Path, tmp_path: Path, source: dict[str, Any]
) -> None:
    async def scene(mesh: Mesh) -> None:
        counted = Counter([await mesh.ask() for _ in range(200)])
        assert counted.keys() == {"a", "b"}
        assert 110 <= counted["a"] <= 185, counted
        for short in ("CDS", "EDS", "LDS", "RDS"):
            await mesh.acknowledged(short)
        mesh.route(to_cluster("/new", "c"), to_cluster("/", "a"))
        await mesh.eventually("/new", "c")
        assert await mesh.ask("/") == "a"
        assert not [each for each in mesh.server.ledger.entries if each.event is Event.NACK]

    play(envoy_binary, tmp_path, scene, source)


def test_a_changed_cluster_does_not_stay_warming(envoy_binary: Path, tmp_path: Path) -> None:
    """Row W3: Envoy acknowledges a changed EDS cluster only when endpoints came again."""

    async def scene(mesh: Mesh) -> None:
        await mesh.acknowledged("EDS")
        loop = asyncio.get_running_loop()
        started = loop.time()
        save(
            mesh.folder / "clusters.json",
            *(eds_cluster(name, mesh.source, "2s") for name in "abc"),
        )
        assert mesh.server.snapshot is not None
        before = mesh.server.snapshot.version
        await until(lambda: mesh.server.snapshot is not None and mesh.server.snapshot.version != before, WAIT)
        await mesh.acknowledged("CDS")
        assert loop.time() - started < 10, "Envoy waits 15 s for endpoints that never come"
        assert await mesh.envoy.stat("cluster_manager.warming_clusters") == 0
        assert await mesh.ask() in {"a", "b"}

    play(envoy_binary, tmp_path, scene, aggregated_stream())


def test_what_envoy_refuses_is_in_the_ledger_while_traffic_goes_on(
    envoy_binary: Path, tmp_path: Path
) -> None:
    async def scene(mesh: Mesh) -> None:
        bad = http_listener(mesh.source, name="bad")
        bad["filter_chains"][0]["filters"] = [{"name": "no.such.filter"}]
        save(mesh.folder / "bad.json", bad)
        await until(lambda: mesh.server.ledger.state("envoy", "LDS").nack is not None, WAIT)
        nack = mesh.server.ledger.state("envoy", "LDS").nack
        assert nack is not None
        assert "bad" in nack.detail
        assert await mesh.ask() in {"a", "b"}
        (mesh.folder / "bad.json").unlink()
        await mesh.acknowledged("LDS")
        await until(lambda: mesh.server.ledger.state("envoy", "LDS").nack is None, WAIT)

    play(envoy_binary, tmp_path, scene, aggregated_stream())

"""Real Envoy and this dataplane take the same resources from one server, and give the same answers."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from support.envoy import EnvoyMissing, aggregated_stream, binary, bootstrap, running
from support.http import answering, get
from support.mesh import Mesh
from support.servers import closed_port
from support.xds_mesh import assignment, eds_cluster, http_listener, save, to_cluster, to_split
from support.xds_probe import LISTENER, ROUTES

from xds_server import DirectoryStore, XdsServer

pytestmark = pytest.mark.timeout(420)

WAIT = 30.0

REQUESTS: tuple[tuple[str, str], ...] = (
    ("any.example", "/"),
    ("any.example", "/new"),
    ("any.example", "/new/deeper?x=/other"),
    ("any.example", "/newer"),
    ("any.example", "/exact"),
    ("any.example", "/exact/"),
    ("any.example", "/exact?with=query"),
    ("any.example", "/regex/12"),
    ("any.example", "/regex/12/"),
    ("any.example", "/no-cluster"),
    ("any.example", "/no-endpoint"),
    ("any.example", "/refused"),
    ("api.example", "/"),
    ("API.Example", "/"),
    ("api.example:8080", "/"),
    ("api.example", "/missing"),
    ("x.wild.example", "/"),
    ("wild.example", "/"),
    ("deep.x.wild.example", "/"),
    ("prefix.test", "/"),
)
"""Host and path; every virtual host and route kind that both understand."""


@pytest.fixture(scope="module")
def envoy_binary() -> Path:
    try:
        return binary()
    except EnvoyMissing as missing:
        pytest.skip(str(missing))


def routes() -> dict[str, Any]:
    """Virtual hosts in an order that is not the order in which they match."""
    everything = {
        "name": "all",
        "domains": ["*"],
        "routes": [
            {"match": {"path": "/exact"}, "route": {"cluster": "c"}},
            {"match": {"safe_regex": {"regex": "/regex/[0-9]+"}}, "route": {"cluster": "b"}},
            to_cluster("/no-cluster", "nobody"),
            to_cluster("/no-endpoint", "empty"),
            to_cluster("/refused", "refused"),
            to_cluster("/new", "b"),
            to_cluster("/", "a"),
        ],
    }
    api = {
        "name": "api",
        "domains": ["api.example"],
        "routes": [{"match": {"path": "/"}, "route": {"cluster": "c"}}],
    }
    wild = {"name": "wild", "domains": ["*.wild.example"], "routes": [to_cluster("/", "b")]}
    prefix = {"name": "prefix", "domains": ["prefix.*"], "routes": [to_cluster("/", "c")]}
    return {"@type": ROUTES, "name": "web", "virtual_hosts": [everything, api, wild, prefix]}


def tcp_listener(name: str, cluster: str) -> dict[str, Any]:
    """A TCP proxy on a free port."""
    proxy = {
        "@type": "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
        "stat_prefix": name,
        "cluster": cluster,
    }
    return {
        "@type": LISTENER,
        "name": name,
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}},
        "filter_chains": [{"filters": [{"name": "tcp", "typed_config": proxy}]}],
    }


class Both:
    """Port of Envoy and of ours, by listener."""

    def __init__(self, envoy: dict[str, int], ours: dict[str, int], folder: Path) -> None:
        self.envoy = envoy
        self.ours = ours
        self.folder = folder

    async def ask(self, listener: str, host: str, path: str) -> tuple[tuple[int, bytes], tuple[int, bytes]]:
        return (
            await get(self.envoy[listener], path, host),
            await get(self.ours[listener], path, host),
        )


ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nc"


async def talk(port: int) -> bytes:
    """What backend "c" says through a TCP proxy, byte for byte."""
    async with asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nhost: raw\r\n\r\n")
        try:
            return await reader.readexactly(len(ANSWER))
        finally:
            writer.close()


@asynccontextmanager
async def both(executable: Path, folder: Path) -> AsyncIterator[Both]:
    served = folder / "served"
    served.mkdir()
    source = aggregated_stream()
    async with AsyncExitStack() as stack:
        ports = {name: await stack.enter_async_context(answering(name)) for name in "abc"}
        names = [*ports, "empty", "refused"]
        save(served / "listeners.json", http_listener(source), tcp_listener("raw", "c"))
        save(served / "routes.json", routes())
        save(served / "clusters.json", *(eds_cluster(name, source) for name in names))
        sets = [assignment(name, port) for name, port in ports.items()]
        save(served / "endpoints.json", *sets, assignment("empty"), assignment("refused", closed_port()))
        server = await stack.enter_async_context(
            XdsServer(DirectoryStore(served, lambda _: None), "127.0.0.1:0")
        )
        envoy = await stack.enter_async_context(running(executable, bootstrap(server.port, source), folder))
        text = json.dumps(bootstrap(server.port, source, "ours"))
        mesh = Mesh(text)
        await asyncio.to_thread(mesh.__enter__)
        stack.callback(mesh.__exit__)
        listeners = ("web", "raw")
        yield Both(
            {name: await envoy.listener_port(name) for name in listeners},
            {name: await asyncio.to_thread(mesh.port, name) for name in listeners},
            served,
        )


def test_envoy_and_we_answer_alike(envoy_binary: Path, tmp_path: Path) -> None:
    async def run() -> None:
        async with both(envoy_binary, tmp_path) as pair:
            differing = []
            for host, path in REQUESTS:
                theirs, ours = await pair.ask("web", host, path)
                if theirs[0] != ours[0] or (theirs[0] == 200 and theirs[1] != ours[1]):
                    differing.append((host, path, theirs, ours))
            assert not differing
            assert await talk(pair.envoy["raw"]) == await talk(pair.ours["raw"]) == ANSWER

    asyncio.run(run())


def test_an_edit_reaches_both_and_both_split_by_weight(envoy_binary: Path, tmp_path: Path) -> None:
    async def run() -> None:
        async with both(envoy_binary, tmp_path) as pair:
            table = {
                "@type": ROUTES,
                "name": "web",
                "virtual_hosts": [
                    {
                        "name": "all",
                        "domains": ["*"],
                        "routes": [to_cluster("/edited", "c"), to_split("/", {"a": 75, "b": 25})],
                    }
                ],
            }
            save(pair.folder / "routes.json", table)
            for ports in (pair.envoy, pair.ours):
                async with asyncio.timeout(WAIT):
                    while await get(ports["web"], "/edited") != (200, b"c"):
                        await asyncio.sleep(0.02)
                counted = Counter([(await get(ports["web"], "/"))[1] for _ in range(200)])
                assert counted.keys() == {b"a", b"b"}
                assert 110 <= counted[b"a"] <= 185, counted

    asyncio.run(run())

"""The server with a real gRPC client."""

# Tests are named after the rules' ids.
# ruff: noqa: N802

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import grpc
import pytest
from support.xds_probe import (
    CLUSTER,
    ENDPOINTS,
    LISTENER,
    ROUTES,
    Probe,
    cluster,
    endpoints,
    listener,
    names_in,
    routes,
    until,
)

from xds_server import DirectoryStore, MemoryStore, Snapshot, XdsServer
from xds_server.ledger import Event
from xds_server.server import BindFailed

FREE = "127.0.0.1:0"
FULL = (cluster("c1"), endpoints("c1"), listener("l1"), routes("r1"))


def test_a_client_subscribes_acknowledges_and_is_pushed_a_change() -> None:
    async def scenario() -> None:
        store = MemoryStore(Snapshot(FULL))
        async with XdsServer(store, FREE, identifier="here") as server, Probe(server.port) as probe:
            await probe.ask(CLUSTER)
            first = await probe.answer()
            assert names_in(first) == ["c1"]
            assert first.control_plane.identifier == "here"
            assert first.version_info == Snapshot(FULL).collection(CLUSTER).version
            await probe.ask(CLUSTER, nonce=first.nonce)
            await until(lambda: server.ledger.state("probe", "CDS").acked_version == first.version_info)
            started = asyncio.get_running_loop().time()
            store.set(Snapshot([*FULL, cluster("c2")]))
            second = await probe.answer()
            assert asyncio.get_running_loop().time() - started < 1
            assert names_in(second) == ["c1", "c2"]
            assert second.nonce != first.nonce
            await probe.ask(CLUSTER, nonce=second.nonce, error="c2: no")
            await until(lambda: server.ledger.state("probe", "CDS").nack is not None)
            nack = server.ledger.entries[-1]
            assert (nack.event, nack.version, nack.detail) == (Event.NACK, second.version_info, "c2: no")
            assert "CDS" in str(nack)
            assert str(nack).endswith("NACK: c2: no")

    asyncio.run(scenario())


def test_W3_endpoints_come_right_behind_their_cluster() -> None:
    async def scenario() -> None:
        store = MemoryStore(Snapshot(FULL))
        async with XdsServer(store, FREE) as server, Probe(server.port) as probe:
            for url, names in ((CLUSTER, ()), (ENDPOINTS, ("c1",)), (LISTENER, ()), (ROUTES, ("r1",))):
                await probe.ask(url, *names)
                answer = await probe.answer()
                await probe.ask(url, *names, nonce=answer.nonce)
            store.set(
                Snapshot([cluster("c1", "2s"), endpoints("c1"), listener("l1", "y"), routes("r1", "x")])
            )
            assert [(await probe.answer()).type_url for _ in range(4)] == [
                CLUSTER,
                ENDPOINTS,
                LISTENER,
                ROUTES,
            ]

    asyncio.run(scenario())


def test_V8_a_restart_with_the_same_files_has_the_same_versions(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(f'resources:\n- {{"@type": {CLUSTER}, name: a}}\n')

    async def version() -> str:
        async with XdsServer(DirectoryStore(tmp_path), FREE) as server, Probe(server.port) as probe:
            await probe.ask(CLUSTER)
            return str((await probe.answer()).version_info)

    assert asyncio.run(version()) == asyncio.run(version())


def test_a_saved_file_reaches_the_client_within_a_second(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(f'resources:\n- {{"@type": {CLUSTER}, name: a}}\n')

    async def scenario() -> float:
        async with XdsServer(DirectoryStore(tmp_path), FREE) as server, Probe(server.port) as probe:
            await probe.ask(CLUSTER)
            await probe.answer()
            started = asyncio.get_running_loop().time()
            path.write_text(f'resources:\n- {{"@type": {CLUSTER}, name: b}}\n')
            assert names_in(await probe.answer()) == ["b"]
            return asyncio.get_running_loop().time() - started

    assert asyncio.run(scenario()) < 1


@pytest.mark.parametrize(
    ("method", "type_url", "text"),
    [
        (None, "", "type_url is required"),
        ("/envoy.service.cluster.v3.ClusterDiscoveryService/StreamClusters", LISTENER, "this stream serves"),
    ],
)
def test_X3_a_broken_protocol_ends_the_stream_with_invalid_argument(
    method: str | None, type_url: str, text: str
) -> None:
    async def scenario() -> None:
        async with XdsServer(MemoryStore(Snapshot(FULL)), FREE) as server:
            probe = Probe(server.port, method) if method else Probe(server.port)
            async with probe:
                await probe.ask(type_url)
                code, details = await probe.status()
                assert code is grpc.StatusCode.INVALID_ARGUMENT
                assert text in details

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("method", "names", "expected"),
    [
        ("cluster.v3.ClusterDiscoveryService/StreamClusters", (), "c1"),
        ("endpoint.v3.EndpointDiscoveryService/StreamEndpoints", ("c1",), "c1"),
        ("listener.v3.ListenerDiscoveryService/StreamListeners", (), "l1"),
        ("route.v3.RouteDiscoveryService/StreamRoutes", ("r1",), "r1"),
    ],
)
def test_X3_a_separate_stream_needs_no_type(method: str, names: tuple[str, ...], expected: str) -> None:
    async def scenario() -> None:
        async with (
            XdsServer(MemoryStore(Snapshot(FULL)), FREE) as server,
            Probe(server.port, f"/envoy.service.{method}") as probe,
        ):
            await probe.ask("", *names)
            assert names_in(await probe.answer()) == [expected]

    asyncio.run(scenario())


def test_streams_end_with_unavailable_when_the_server_stops() -> None:
    async def scenario() -> None:
        async with XdsServer(MemoryStore(Snapshot(FULL)), FREE) as server:
            probe = await Probe(server.port).__aenter__()
            await probe.ask(CLUSTER)
            await probe.answer()
            loop = asyncio.get_running_loop()
            started = loop.time()
        assert loop.time() - started < 5
        assert (await probe.status()) == (
            grpc.StatusCode.UNAVAILABLE,
            "the management server is shutting down",
        )
        await probe.__aexit__(None, None, None)

    asyncio.run(scenario())


def test_a_client_that_goes_is_forgotten() -> None:
    async def scenario() -> None:
        async with XdsServer(MemoryStore(Snapshot(FULL)), FREE) as server:
            async with Probe(server.port) as probe:
                await probe.ask(CLUSTER)
                await probe.answer()
            await until(lambda: server.ledger.entries[-1].event is Event.CLOSED)

    asyncio.run(scenario())


def test_a_client_that_does_not_read_holds_nobody_up() -> None:
    async def scenario() -> None:
        many = [cluster(f"cluster-with-a-long-name-{index}") for index in range(2000)]
        store = MemoryStore(Snapshot(many))
        async with (
            XdsServer(store, FREE) as server,
            Probe(server.port, node="slow") as slow,
            Probe(server.port) as probe,
        ):
            await slow.ask(CLUSTER)
            await probe.ask(CLUSTER)
            await probe.answer()
            for index in range(20):
                store.set(Snapshot([*many, cluster(f"new-{index}")]))
                assert f"new-{index}" in names_in(await probe.answer())

    asyncio.run(scenario())


def test_an_address_that_is_taken_is_told() -> None:
    async def scenario() -> None:
        async with XdsServer(MemoryStore(), FREE) as server:
            with pytest.raises(BindFailed, match=f"can not listen on 127.0.0.1:{server.port}"):
                await XdsServer(MemoryStore(), f"127.0.0.1:{server.port}").__aenter__()

    asyncio.run(scenario())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_serves_a_directory_and_ends_on_a_signal(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "a.yaml").write_text(f'resources:\n- {{"@type": {CLUSTER}, name: a}}\n')

    async def scenario() -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "xds_server", "serve", "--dir", str(tmp_path), "--grpc", FREE,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        )  # fmt: skip
        assert process.stdout
        assert process.stderr
        line = await asyncio.wait_for(process.stderr.readline(), 30)
        async with Probe(int(line.rsplit(b":", 1)[1])) as probe:
            await probe.ask(CLUSTER)
            answer = await probe.answer()
            await probe.ask(CLUSTER, nonce=answer.nonce)
            opened = await asyncio.wait_for(process.stdout.readline(), 20)
            acked = await asyncio.wait_for(process.stdout.readline(), 20)
            assert opened.split()[1:] == [b"probe", b"OPENED"]
            assert acked.split()[1:] == [b"probe", b"CDS", answer.version_info.encode(), b"ACK"]
            process.send_signal(number)
            assert await asyncio.wait_for(process.wait(), 20) == 0
            assert (await probe.status())[0] is grpc.StatusCode.UNAVAILABLE
        await process.communicate()

    asyncio.run(scenario())

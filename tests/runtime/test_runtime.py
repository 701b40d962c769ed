"""Changes of the configuration, applied to a runtime with real sockets."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest
from support.backend import Tally
from support.dataplane import Dataplane, dataplane
from support.http import accepts, get
from support.loop import inside

from l7mp_mesh.model.snapshot import Key, Kind


def listener(name: str, port: int = 0, protocol: str = "HTTP", **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "spec": {"protocol": protocol, "port": port, "address": "127.0.0.1"},
        "rules": [{"name": f"{name}-rule", "action": {"route": f"{name}-route"}}],
        **more,
    }


def route(name: str, destination: Any) -> dict[str, Any]:
    return {"name": f"{name}-route", "destination": destination}


def answering(name: str, body: str) -> dict[str, Any]:
    return {"name": name, "spec": {"protocol": "DirectResponse", "status": 200, "body": body}}


CONFIG = {
    "listeners": [listener("in")],
    "clusters": [{"name": "one", "spec": {"protocol": "Echo"}}],
    "routes": [route("in", "one")],
}


async def echoes(made: Dataplane, name: str = "in") -> bool:
    """Whether a POST comes back."""
    reader, writer = await asyncio.open_connection("127.0.0.1", made.port(name))
    writer.write(b"POST / HTTP/1.1\r\nhost: h\r\nconnection: close\r\ncontent-length: 1\r\n\r\nx")
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer.startswith(b"HTTP/1.1 200")


@inside
async def test_a_configuration_is_served() -> None:
    async with dataplane(CONFIG) as made:
        assert await echoes(made)
        assert made.runtime.address("in")[0] == f"127.0.0.1:{made.port('in')}"
        assert made.runtime.address("nobody") == ("", 0)


@inside
async def test_an_address_that_is_taken_refuses_the_whole_change() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        async with dataplane(CONFIG) as made:
            new = {
                "listeners": [listener("other"), listener("bad", taken.getsockname()[1])],
                "clusters": [{"name": "two", "spec": {"protocol": "Echo"}}],
            }
            outcome = await made.put(new)
            assert not outcome.applied
            (rejection,) = outcome.rejections
            assert (rejection.key, rejection.path) == (Key(Kind.LISTENER, "bad"), "spec")
            assert "already in use" in rejection.why.lower()
            assert made.port("other") == 0
            assert Key(Kind.CLUSTER, "two") not in made.store.snapshot.objects
            assert await echoes(made)


@inside
async def test_the_good_part_of_a_change_may_be_applied_alone() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        async with dataplane(CONFIG) as made:
            new = {
                "listeners": [listener("other"), listener("bad", taken.getsockname()[1])],
                "routes": [route("other", "one")],
            }
            outcome = await made.put(new, atomic=False)
            assert outcome.applied
            assert [rejection.key.name for rejection in outcome.rejections] == ["bad"]
            assert await echoes(made, "other")


@inside
async def test_a_listener_that_moves_serves_its_new_address_only() -> None:
    async with dataplane(CONFIG) as made:
        before = made.port("in")
        spec = {"protocol": "HTTP", "port": 0, "address": "127.0.0.1", "keepalive_timeout": 5000}
        await made.put({**CONFIG, "listeners": [{**listener("in"), "spec": spec}]})
        if made.port("in") != before:
            assert not await accepts(before)
        assert await echoes(made)


@inside
async def test_a_listener_on_a_fixed_port_is_replaced_in_its_place() -> None:
    async with dataplane(CONFIG) as made:
        port = made.port("in")
        for protocol in ("TCP", "HTTP"):
            changed = listener("in", port, protocol)
            outcome = await made.put({**CONFIG, "listeners": [changed]})
            assert outcome.applied, outcome.rejections
            assert made.port("in") == port
        assert await echoes(made)


@inside
async def test_a_removed_listener_releases_its_port() -> None:
    async with dataplane(CONFIG) as made:
        port = made.port("in")
        await made.put({}, Key(Kind.LISTENER, "in"))
        assert not await accepts(port)
        assert made.port("in") == 0


@inside
async def test_names_are_bound_late_and_may_come_and_go() -> None:
    async with dataplane({"listeners": [listener("in")]}) as made:
        assert (await get(made.port("in")))[0] == 404
        await made.put({"routes": [route("in", "one")]})
        assert b"No such cluster" in (await get(made.port("in")))[1]
        await made.put({"clusters": [{"name": "one", "spec": {"protocol": "Echo"}}]})
        assert await echoes(made)
        await made.put({}, Key(Kind.CLUSTER, "one"))
        assert not await echoes(made)
        await made.put({}, Key(Kind.ROUTE, "in-route"))
        assert b"No such route" in (await get(made.port("in")))[1]


@inside
async def test_a_transform_that_can_not_be_loaded_is_refused_with_its_path() -> None:
    async with dataplane(CONFIG) as made:
        outcome = await made.put({"transforms": [{"name": "t", "type": "no_such_module:Thing"}]})
        assert not outcome.applied
        (rejection,) = outcome.rejections
        assert rejection.key == Key(Kind.TRANSFORM, "t")
        assert "no_such_module" in rejection.why


@inside
async def test_an_endpoint_that_goes_leaves_no_connection_behind() -> None:
    loop = asyncio.get_running_loop()
    tally = Tally(b"ok")
    server = await loop.create_server(tally.connect, "127.0.0.1", 0)
    cluster: dict[str, Any] = {
        "name": "one",
        "spec": {"protocol": "HTTP", "port": server.sockets[0].getsockname()[1]},
        "endpoints": [{"name": "e", "spec": {"address": "127.0.0.1"}}],
    }
    async with dataplane({**CONFIG, "clusters": [cluster]}) as made:
        assert await get(made.port("in")) == (200, b"ok")
        assert len(tally.open) == 1
        await made.put({"clusters": [{**cluster, "endpoints": []}]})
        while tally.open:
            await asyncio.sleep(0)
        assert (await get(made.port("in")))[0] == 404
    server.close()


@inside
async def test_a_cluster_that_is_replaced_gets_the_next_request() -> None:
    async with dataplane(CONFIG) as made:
        for body in ("first", "second"):
            await made.put({"clusters": [answering("one", body)]})
            assert await get(made.port("in")) == (200, body.encode())


@inside
async def test_targets_of_weight_share_the_sessions() -> None:
    targets = [{"destination": "heavy", "weight": 3}, {"destination": "light", "weight": 1}]
    config = {
        "listeners": [listener("in")],
        "routes": [route("in", targets)],
        "clusters": [answering("heavy", "h"), answering("light", "l")],
    }
    async with dataplane(config) as made:
        answers = [(await get(made.port("in")))[1] for _ in range(200)]
    assert answers.count(b"h") == pytest.approx(150, abs=35)


@inside
async def test_stop_waits_for_live_sessions_and_then_ends_them() -> None:
    config = {**CONFIG, "listeners": [listener("in", protocol="TCP")]}
    async with dataplane(config) as made:
        port = made.port("in")
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"x")
        assert await reader.readexactly(1) == b"x"
        stopping = asyncio.ensure_future(made.runtime.stop(0.2))
        await asyncio.sleep(0)
        assert not await accepts(port)
        writer.write(b"y")
        assert await reader.readexactly(1) == b"y"
        assert not stopping.done()
        await stopping
        assert made.runtime.registry.count == 0
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()


@inside
async def test_a_drained_runtime_stops_at_once() -> None:
    async with dataplane(CONFIG) as made:
        assert await echoes(made)
        await asyncio.wait_for(made.runtime.stop(30.0), 5)

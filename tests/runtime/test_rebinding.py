"""Listeners that take each other's addresses in one change, and the way back when that fails."""

from __future__ import annotations

import asyncio
import socket
import tempfile
from collections.abc import Callable
from typing import Any

import pytest
import uvloop
from support.dataplane import Dataplane, dataplane
from support.http import accepts, get
from support.loop import inside
from support.net import free_port

from l7mp_mesh.model.snapshot import Key, Kind


def answering(body: str) -> dict[str, Any]:
    return {"name": body, "spec": {"protocol": "DirectResponse", "status": 200, "body": body}}


def listener(name: str, port: int, protocol: str = "HTTP", **spec: Any) -> dict[str, Any]:
    """A listener that answers with its own name."""
    return {
        "name": name,
        "spec": {"protocol": protocol, "port": port, "address": "127.0.0.1", **spec},
        "rules": [{"name": f"{name}-rule", "action": {"route": f"{name}-route"}}],
    }


def config(*listeners: dict[str, Any], cluster: str | None = None) -> dict[str, Any]:
    names = [each["name"] for each in listeners]
    return {
        "listeners": list(listeners),
        "clusters": [answering(name) for name in names],
        "routes": [{"name": f"{name}-route", "destination": cluster or name} for name in names],
    }


async def whose(port: int) -> str:
    """The name of the listener on a port."""
    return (await get(port))[1].decode()


@inside
async def test_a_listener_that_would_move_stays_when_a_sibling_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        async with dataplane(config(listener("in", 0))) as made:
            port = made.port("in")
            moved = listener("in", port, keepalive_timeout=5000)
            outcome = await made.put({"listeners": [moved, listener("bad", taken.getsockname()[1])]})
            assert [rejection.key.name for rejection in outcome.rejections] == ["bad"]
            assert await whose(port) == "in"
            assert made.port("in") == port


@inside
async def test_a_listener_may_be_renamed() -> None:
    async with dataplane(config(listener("old", 0))) as made:
        port = made.port("old")
        outcome = await made.put(config(listener("new", port)), Key(Kind.LISTENER, "old"))
        assert outcome.applied, outcome.rejections
        assert await whose(port) == "new"
        assert made.port("old") == 0


@inside
async def test_two_listeners_may_swap_their_ports() -> None:
    async with dataplane(config(listener("a", 0), listener("b", 0))) as made:
        one, two = made.port("a"), made.port("b")
        outcome = await made.put({"listeners": [listener("a", two), listener("b", one)]}, atomic=False)
        assert not outcome.rejections
        assert (await whose(one), await whose(two)) == ("b", "a")


@inside
async def test_an_address_goes_back_to_a_listener_that_can_not_leave() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        async with dataplane(config(listener("a", 0), listener("b", 0))) as made:
            one, two = made.port("a"), made.port("b")
            new = {"listeners": [listener("a", two), listener("b", taken.getsockname()[1])]}
            outcome = await made.put(new, atomic=False)
            assert {rejection.key.name for rejection in outcome.rejections} == {"a", "b"}
            assert (await whose(one), await whose(two)) == ("a", "b")


@inside
async def test_a_port_of_a_running_listener_that_stays_is_refused() -> None:
    async with dataplane(config(listener("a", 0))) as made:
        port = made.port("a")
        outcome = await made.put(config(listener("b", port)), atomic=False)
        assert [rejection.key.name for rejection in outcome.rejections] == ["b"]
        assert await whose(port) == "a"


ECHO = {"clusters": [{"name": "e", "spec": {"protocol": "Echo"}}]}


@inside
async def test_a_unix_listener_is_replaced_without_a_session_of_its_own() -> None:
    with tempfile.TemporaryDirectory() as folder:

        def unix(name: str, **spec: Any) -> dict[str, Any]:
            spec = {"protocol": "UNIX", "filename": f"{folder}/s", **spec}
            return {**listener(name, 0), "spec": spec}

        async with dataplane({**config(unix("in"), cluster="e"), **ECHO}) as made:
            outcome = await made.put({"listeners": [unix("in", backlog=3)]})
            assert outcome.applied, outcome.rejections
            await asyncio.sleep(0)
            counters = made.runtime.statistics(Kind.LISTENER)["in"]
            assert isinstance(counters, dict)
            assert (counters["sessions"], counters["active"]) == (0, 0)
            reader, writer = await asyncio.open_unix_connection(f"{folder}/s")
            writer.write(b"x")
            assert await asyncio.wait_for(reader.readexactly(1), 5) == b"x"
            writer.close()
            await writer.wait_closed()


async def comes_back(port: int) -> bool:
    """Whether a datagram is echoed."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(0)
        sock.connect(("127.0.0.1", port))
        sock.send(b"ping")
        return await asyncio.wait_for(loop.sock_recv(sock, 100), 5) == b"ping"


async def udp_moves(refused: bool) -> None:
    port = free_port(socket.SOCK_DGRAM)

    def udp(**spec: Any) -> dict[str, Any]:
        return {**listener("u", port), "spec": {"protocol": "UDP", "port": port, **spec}}

    with socket.create_server(("127.0.0.1", 0)) as taken:
        async with dataplane({**config(udp(), cluster="e"), **ECHO}) as made:
            new = [udp(address="127.0.0.1")]
            if refused:
                new.append(listener("bad", taken.getsockname()[1]))
            outcome = await made.put({"listeners": new})
            assert outcome.applied is not refused, outcome.rejections
            assert made.port("u") == port
            assert await comes_back(port)


@pytest.mark.parametrize("make", [uvloop.new_event_loop, asyncio.new_event_loop], ids=["uvloop", "asyncio"])
@pytest.mark.parametrize("refused", [False, True], ids=["moved", "refused"])
def test_a_udp_listener_changes_its_address_on_its_port(
    make: Callable[[], asyncio.AbstractEventLoop], refused: bool
) -> None:
    with asyncio.Runner(loop_factory=make) as runner:
        runner.run(udp_moves(refused))


def series(made: Dataplane, name: str) -> set[tuple[str, ...]]:
    """Labels of all series that belong to an object of that name."""
    return {
        (family.name, *labels)
        for family in made.stats.families()
        for labels in family.series
        if name in labels
    }


@inside
async def test_refused_listeners_leave_no_series() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        async with dataplane(config(listener("in", 0))) as made:
            new = {"listeners": [listener("bad", taken.getsockname()[1]), listener("good", 0)]}
            await made.put(new)
            assert series(made, "bad") == series(made, "good") == set()


@inside
async def test_a_new_protocol_takes_the_place_of_the_old_series() -> None:
    async with dataplane(config(listener("in", 0))) as made:
        await made.put({"listeners": [listener("in", 0, "TCP")]})
        assert ("listener_requests", "in", "TCP") in series(made, "in")
        assert ("listener_requests", "in", "HTTP") not in series(made, "in")
        await made.put({"clusters": [{"name": "in", "spec": {"protocol": "Echo"}}]})
        assert ("cluster_requests", "in", "Echo") in series(made, "in")
        assert ("cluster_requests", "in", "DirectResponse") not in series(made, "in")


@inside
async def test_a_listener_that_was_moved_away_is_gone_from_its_old_port() -> None:
    async with dataplane(config(listener("in", 0))) as made:
        before = made.port("in")
        after = free_port()
        await made.put({"listeners": [listener("in", after)]})
        assert await whose(after) == "in"
        assert not await accepts(before)

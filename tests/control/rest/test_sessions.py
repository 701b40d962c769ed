"""Live sessions over the API."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from support.rest import ECHO, Api, to, with_api

from l7mp_mesh.model.endpoints import Endpoint
from l7mp_mesh.model.protocol import ProtocolUse
from l7mp_mesh.model.rules import Route, WeightedTarget
from l7mp_mesh.ports.session import (
    Event,
    RerouteFailed,
    SessionRecord,
    SessionStatus,
    StageRecord,
    StageStatus,
    Traffic,
)
from l7mp_mesh.protocols.tcp.options import TcpListenerOptions

NAME = "TCP:127.0.0.1:39206-127.0.0.1:21300"
PATH = "sessions/TCP:127.0.0.1:39206-127.0.0.1:21300"


def record(status: SessionStatus = SessionStatus.CONNECTED, **fields: Any) -> SessionRecord:
    stage = StageRecord("up", StageStatus.READY, Endpoint("e", "10.0.0.9", 81), Traffic(3, 1))
    made: dict[str, Any] = {
        "name": NAME,
        "listener": "l",
        "protocol": ProtocolUse("TCP", TcpListenerOptions(port=21300)),
        "metadata": {"name": NAME, "IP": {"src_addr": "127.0.0.1"}},
        "status": status,
        "route": Route("x", (WeightedTarget("up"),)),
        "source": StageRecord("l", StageStatus.READY, None, Traffic(5, 2)),
        "destination": stage,
        "ingress": (StageRecord("t", StageStatus.RETRYING),),
        "egress": (),
        "events": (Event("INIT", 1_700_000_000.0125, "Session initialized"),),
        "received": Traffic(5, 2),
        "sent": Traffic(3, 1),
        "dropped": 4,
        "loses_boundaries": True,
        "started": 1_700_000_000.0,
    }
    return SessionRecord(**{**made, **fields})


@with_api
async def test_a_session_is_shown_with_its_stages_events_and_counters(api: Api) -> None:
    api.inventory.sessions[NAME] = record()
    shown = await api.get(PATH)
    assert await api.get("sessions") == [shown] == (await api.get("config"))["sessions"]
    route = shown.pop("route")
    assert (route["name"], route["destination"]) == ("x", "up")
    spec = shown["source"].pop("listener")
    assert (spec["protocol"], spec["port"]) == ("TCP", 21300)
    assert shown == {
        "name": NAME,
        "metadata": {"IP": {"src_addr": "127.0.0.1"}},
        "source": {"origin": "l", "status": "READY", "passed": {"bytes": 5, "messages": 2}},
        "destination": {
            "origin": "up",
            "endpoint": {"name": "e", "spec": {"address": "10.0.0.9", "port": 81}},
            "status": "READY",
            "passed": {"bytes": 3, "messages": 1},
        },
        "ingress": [
            {
                "origin": "t",
                "endpoint": "<INVALID>",
                "status": "RETRYING",
                "passed": {"bytes": 0, "messages": 0},
            }
        ],
        "egress": [],
        "status": "CONNECTED",
        "statistics": {"received": {"bytes": 5, "messages": 2}, "sent": {"bytes": 3, "messages": 1}},
        "dropped": 4,
        "loses_boundaries": True,
        "events": [
            {
                "event": "INIT",
                "timestamp": "2023-11-14T22:13:20.012Z",
                "message": "Session initialized",
                "content": "",
            }
        ],
    }


@with_api
async def test_a_session_without_a_destination_yet_is_pending(api: Api) -> None:
    api.inventory.sessions[NAME] = record(SessionStatus.INIT, destination=None, route=None)
    shown = await api.get(PATH)
    assert (shown["destination"], shown["route"]) == ({"status": "PENDING"}, None)


@with_api
async def test_a_session_is_ended_once(api: Api) -> None:
    api.inventory.sessions[NAME] = record()
    await api.do("DELETE", PATH)
    assert await api.refused("DELETE", PATH) == "No such session"
    api.inventory.sessions[NAME] = record(SessionStatus.DESTROYED)
    assert await api.refused("DELETE", PATH) == "Not running"


@pytest.mark.parametrize("wrap", [False, True])
@with_api
async def test_a_session_moves_to_a_route_by_name_or_of_its_own(api: Api, *, wrap: bool) -> None:
    api.inventory.sessions[NAME] = record()
    await api.do("POST", "routes", {"route": {"name": "x", "destination": "c"}})
    for body in ({"route": "x"}, {"route": {"destination": "d"}}):
        await api.do("PUT", PATH, {"session": body} if wrap else body)
    first, second = [route for name, route in api.inventory.moved if name == NAME]
    assert (first.name, first.targets[0].cluster) == ("x", "c")
    assert second.targets[0].cluster == "d"
    assert await api.names("routes") == ["x"]


@with_api
async def test_a_move_that_can_not_be_made_is_refused(api: Api) -> None:
    api.inventory.sessions[NAME] = record()
    assert await api.refused("PUT", PATH, {"route": "x"}) == "No such route: x"
    assert await api.refused("PUT", PATH, {}) == "Cannot move session: Property route is required"
    for status in (404, 409, 503):
        api.inventory.fail = RerouteFailed(status, "it stays")
        reply = await api.call("PUT", PATH, {"route": {"destination": ECHO}})
        assert (reply.status, reply.content) == (status, "it stays")
    assert await api.get("clusters") == []


@with_api
async def test_clusters_of_a_session_s_own_route_go_with_it(api: Api) -> None:
    api.inventory.sessions[NAME] = record()
    await api.do("PUT", PATH, {"route": {"destination": ECHO}})
    await api.do("PUT", PATH, {"route": {"destination": {"name": "own", **ECHO}}})
    assert await api.names("clusters") == ["own"]
    for call in api.inventory.over:
        call()
    while await api.get("clusters"):
        await asyncio.sleep(0)


@with_api
async def test_clusters_of_a_session_that_ended_while_it_moved_go_at_once(api: Api) -> None:
    api.inventory.sessions[NAME] = record(SessionStatus.DESTROYED)
    await api.do("PUT", PATH, {"route": {"destination": ECHO}})
    assert await api.names("clusters") == []


@with_api
async def test_rules_may_name_what_a_session_brought(api: Api) -> None:
    api.inventory.sessions[NAME] = record()
    await api.do("PUT", PATH, {"route": {"destination": {"name": "own", **ECHO}}})
    await api.do("POST", "rules", {"rule": {"name": "r", **to("own")}})
    await api.do("PUT", PATH, {"route": {"destination": "elsewhere"}})
    assert await api.names("clusters") == ["own"]

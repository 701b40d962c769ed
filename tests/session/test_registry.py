"""The inventory of sessions."""

from __future__ import annotations

from functools import partial

import pytest
from support.attributes import session as attributes_of
from support.leg import FakeLeg
from support.loop import inside
from support.upstream import World, settle

from l7mp_mesh.model.rules import Route, WeightedTarget
from l7mp_mesh.pipe.kind import Kind
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.ports.session import RerouteFailed, SessionStatus

NAME = attributes_of().name


@inside
async def test_live_sessions_are_listed_and_found_by_name() -> None:
    world = World()
    world.cluster("up", Kind.STREAM)
    world.begin(FakeLeg())
    await settle()
    (record,) = world.registry.records()
    assert record.name == NAME
    assert world.registry.record(NAME) == record
    assert world.registry.record("nobody") is None
    assert world.registry.count == 1


@inside
async def test_an_ended_session_stays_as_long_as_its_listener_says() -> None:
    world = World(track=5.0)
    world.cluster("up", Kind.STREAM)
    world.begin(FakeLeg())
    await settle()
    assert world.registry.remove(NAME, Reason.DELETED)
    assert not world.registry.remove(NAME, Reason.DELETED)
    world.clock.advance(4.9)
    record = world.registry.record(NAME)
    assert record is not None
    assert record.status is SessionStatus.DESTROYED
    assert [event.event for event in record.events][-2:] == ["END", "DESTROY"]
    assert record.events[-2].content == "Session removed from the API"
    world.clock.advance(0.2)
    assert world.registry.records() == []


@inside
async def test_the_end_of_one_session_is_told_to_who_asked() -> None:
    world = World()
    world.cluster("up", Kind.STREAM)
    heard: list[str] = []
    session, other = world.begin(FakeLeg(), attributes_of("UDP")), world.begin(FakeLeg())
    await settle()
    for word in ("one", "two"):
        assert world.registry.when_over(session.name, partial(heard.append, word))
    other.close(Reason.OK)
    assert heard == []
    session.close(Reason.OK)
    assert heard == ["one", "two"]
    assert not world.registry.when_over(session.name, partial(heard.append, "three"))


@inside
async def test_an_idle_session_ends_and_a_busy_one_does_not() -> None:
    world = World()
    world.cluster("up", Kind.STREAM)
    attributes = attributes_of()
    attributes.idle_timeout = 4.0
    client = FakeLeg()
    session = world.begin(client, attributes)
    await settle()
    for _ in range(10):
        client.feed(b"x")
        world.clock.advance(1.0)
    assert session.is_live
    world.clock.advance(6.0)
    assert session.reason is Reason.IDLE_TIMEOUT


@inside
async def test_the_last_session_that_ends_is_announced_once() -> None:
    world = World()
    world.cluster("up", Kind.STREAM)
    called: list[int] = []
    world.registry.when_empty(lambda: called.append(1))
    assert called == [1]
    session = world.begin(FakeLeg())
    await settle()
    world.registry.when_empty(lambda: called.append(2))
    assert called == [1]
    session.close(Reason.OK)
    assert called == [1, 2]


@inside
async def test_stop_ends_every_session() -> None:
    world = World()
    world.cluster("up", Kind.STREAM)
    sessions = [world.begin(FakeLeg()) for _ in range(3)]
    await settle()
    world.registry.stop(Reason.SHUTDOWN)
    assert [session.reason for session in sessions] == [Reason.SHUTDOWN] * 3
    assert world.registry.count == 0


@inside
async def test_of_equal_names_the_newest_is_meant() -> None:
    world = World()
    world.cluster("up", Kind.STREAM)
    older, newer = (world.begin(FakeLeg()) for _ in range(2))
    await settle()
    world.registry.remove(NAME, Reason.DELETED)
    assert (older.is_live, newer.is_live) == (True, False)


@inside
async def test_reroute_of_nobody_is_refused() -> None:
    world = World()
    with pytest.raises(RerouteFailed) as caught:
        await world.registry.reroute("nobody", Route("x", (WeightedTarget("up"),)))
    assert caught.value.status == 404


@inside
async def test_counters_of_the_listener_add_up() -> None:
    world = World()
    upstream = world.cluster("up", Kind.STREAM)
    client = FakeLeg()
    session = world.begin(client)
    await settle()
    assert world.source.stats.active.value == 1
    client.feed(b"xx")
    upstream.leg.into.data(b"yyy", 0)
    session.close(Reason.UPSTREAM_RESET)
    stats = world.source.stats
    assert (stats.requests.value, stats.active.value, stats.failures.value) == (1, 0, 1)
    assert (stats.received.value, stats.sent.value) == (2, 3)

"""Moving sessions of streams and messages to another route."""

from __future__ import annotations

import asyncio

import pytest
from support.flow import ALWAYS, messages_of, piped, stream_of, to
from support.loop import inside
from support.upstream import MessageLeg, World, settle

from l7mp_mesh.model.rules import Route, WeightedTarget
from l7mp_mesh.pipe.kind import Kind
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.ports.session import RerouteFailed
from l7mp_mesh.session.flow import MESSAGE_DRAIN, STREAM_DRAIN


@inside
async def test_reroute_opens_the_new_way_before_it_leaves_the_old() -> None:
    world = World()
    session, client, old = await piped(world)
    new = world.cluster("new", Kind.STREAM)
    new.may_open.clear()
    moving = asyncio.ensure_future(session.reroute(lambda: world.plan(to("new"))))
    await settle()
    client.feed(b"1")
    assert stream_of(old).written.body == b"1"
    new.may_open.set()
    await moving
    client.feed(b"2")
    assert stream_of(old).written.body == b"1"
    assert stream_of(old).written.is_ended
    assert stream_of(new).written.body == b"2"
    assert session.cluster_name == "new"


@inside
async def test_reroute_gives_back_what_the_old_upstream_had_paused() -> None:
    world = World()
    session, client, old = await piped(world)
    for _ in range(2):
        stream_of(old).written.valve.pause()
    assert client.valve.held == 2
    new = world.cluster("new", Kind.STREAM)
    await session.reroute(lambda: world.plan(to("new")))
    assert client.valve.held == 0
    stream_of(old).written.valve.resume()
    assert client.valve.held == 0
    stream_of(new).written.valve.pause()
    assert client.valve.held == 1


@inside
async def test_a_stream_hears_the_old_upstream_out_before_the_new_one() -> None:
    world = World()
    session, client, old = await piped(world)
    new = world.cluster("new", Kind.STREAM)
    await session.reroute(lambda: world.plan(to("new")))
    stream_of(new).feed(b"new")
    assert stream_of(new).valve.held > 0
    stream_of(old).feed(b"old,")
    assert client.written.body == b"old,"
    stream_of(old).finish()
    assert client.written.body == b"old,new"
    assert not client.written.is_ended
    assert stream_of(new).valve.held == 0
    assert old.leases[0].given_back is Reason.OK


@inside
async def test_an_old_upstream_that_goes_on_is_cut_off_at_the_deadline() -> None:
    world = World()
    session, client, old = await piped(world)
    new = world.cluster("new", Kind.STREAM)
    await session.reroute(lambda: world.plan(to("new")))
    stream_of(new).feed(b"new")
    world.clock.advance(STREAM_DRAIN + 0.01)
    assert client.written.body == b"new"
    assert old.leases[0].given_back is Reason.OK


@inside
async def test_messages_of_the_old_and_the_new_upstream_interleave_until_the_deadline() -> None:
    world = World()
    old = world.cluster("up", Kind.MESSAGE)
    client = MessageLeg()
    session = world.begin(client)
    await settle()
    new = world.cluster("new", Kind.MESSAGE)
    await session.reroute(lambda: world.plan(to("new")))
    messages_of(new).say(b"new")
    messages_of(old).say(b"late")
    assert client.written.log[-2:] == [b"new", b"late"]
    assert old.leases[0].given_back is None
    world.clock.advance(MESSAGE_DRAIN + 0.01)
    assert old.leases[0].given_back is Reason.OK


@inside
async def test_an_old_upstream_that_breaks_is_not_connected_again() -> None:
    world = World(Route("r", (WeightedTarget("up"),), retry=ALWAYS))
    old = world.cluster("up", Kind.MESSAGE)
    client = MessageLeg()
    session = world.begin(client)
    await settle()
    new = world.cluster("new", Kind.MESSAGE)
    await session.reroute(lambda: world.plan(to("new")))
    messages_of(old).into.abort(Reason.UPSTREAM_RESET)
    await settle()
    assert session.is_live
    assert len(old.leases) == 1
    client.say(b"x")
    assert messages_of(new).written.body == b"x"


@inside
async def test_a_way_that_can_not_be_connected_changes_nothing() -> None:
    world = World()
    session, client, old = await piped(world)
    world.cluster("new", Kind.STREAM).failures = 1
    with pytest.raises(RerouteFailed) as caught:
        await session.reroute(lambda: world.plan(to("new")))
    assert caught.value.status == 503
    client.feed(b"x")
    assert stream_of(old).written.body == b"x"
    assert session.route_name == "r"


@inside
async def test_a_session_that_is_ending_or_over_can_not_be_moved() -> None:
    world = World()
    session, client, _ = await piped(world)
    world.cluster("new", Kind.STREAM)
    client.finish()
    with pytest.raises(RerouteFailed) as caught:
        await session.reroute(lambda: world.plan(to("new")))
    assert caught.value.status == 409
    session.close(Reason.DELETED)
    with pytest.raises(RerouteFailed) as caught:
        await session.reroute(lambda: world.plan(to("new")))
    assert caught.value.status == 404


@inside
async def test_a_session_that_ends_while_it_moves_leaves_no_leg_behind() -> None:
    world = World()
    session, _, _ = await piped(world)
    new = world.cluster("new", Kind.STREAM)
    new.may_open.clear()
    moving = asyncio.ensure_future(session.reroute(lambda: world.plan(to("new"))))
    await settle()
    session.close(Reason.DELETED)
    new.may_open.set()
    with pytest.raises(RerouteFailed):
        await moving
    assert [lease.given_back for lease in new.leases] == [Reason.OK]


@inside
async def test_the_same_route_again_touches_nothing() -> None:
    world = World()
    session, _, upstream = await piped(world)
    await session.reroute(lambda: world.plan(world.route))
    assert len(upstream.leases) == 1


@inside
async def test_answers_of_three_upstreams_come_in_the_order_of_the_moves() -> None:
    world = World()
    session, client, first = await piped(world)
    second, third = world.cluster("2", Kind.STREAM), world.cluster("3", Kind.STREAM)
    await session.reroute(lambda: world.plan(to("2")))
    stream_of(second).feed(b"2")
    await session.reroute(lambda: world.plan(to("3")))
    stream_of(third).feed(b"3")
    stream_of(second).finish()
    assert client.written.body == b""
    stream_of(first).feed(b"1")
    stream_of(first).finish()
    assert client.written.body == b"123"
    assert session.is_live


@inside
async def test_upstreams_that_do_not_end_are_waited_for_one_after_the_other() -> None:
    world = World()
    session, client, first = await piped(world)
    second, third = world.cluster("2", Kind.STREAM), world.cluster("3", Kind.STREAM)
    await session.reroute(lambda: world.plan(to("2")))
    stream_of(second).feed(b"2")
    world.clock.advance(STREAM_DRAIN / 2)
    await session.reroute(lambda: world.plan(to("3")))
    stream_of(third).feed(b"3")
    stream_of(first).feed(b"1")
    assert client.written.body == b"1"
    world.clock.advance(STREAM_DRAIN / 2 + 0.01)
    assert client.written.body == b"12"
    world.clock.advance(STREAM_DRAIN / 2)
    assert client.written.body == b"123"


@inside
async def test_what_waits_behind_a_transform_goes_to_the_new_destination() -> None:
    world = World(to("up", retry=ALWAYS, ingress=("t",)))
    transform = world.cluster("t", Kind.STREAM)
    session, client, upstream = await piped(world)
    upstream.may_open.clear()
    stream_of(upstream).reset()
    client.feed(b"x")
    stream_of(transform).feed(b"X")
    new = world.cluster("new", Kind.STREAM)
    await session.reroute(lambda: world.plan(to("new", ingress=("t",))))
    assert stream_of(new).written.body == b"X"
    assert stream_of(transform).written.body == b""

"""Sessions of streams and messages: set-up, ends and reconnection."""

from __future__ import annotations

import asyncio

from support.flow import ALWAYS, asked_of, messages_of, piped, stream_of, to
from support.leg import FakeLeg
from support.loop import inside
from support.upstream import MessageLeg, World, settle

from l7mp_mesh.model.rules import Route, WeightedTarget
from l7mp_mesh.pipe.kind import Kind
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.ports.session import SessionStatus, StageStatus
from l7mp_mesh.session.flow import LINGER
from l7mp_mesh.session.permessage import QUEUE_MESSAGES


@inside
async def test_bytes_pass_both_ways_and_are_counted() -> None:
    session, client, upstream = await piped(World())
    client.feed(b"question")
    stream_of(upstream).feed(b"answer")
    assert stream_of(upstream).written.body == b"question"
    assert client.written.body == b"answer"
    record = session.record()
    assert (record.received.bytes, record.sent.bytes) == (8, 6)
    assert record.status is SessionStatus.CONNECTED
    assert record.destination is not None
    assert record.destination.status is StageStatus.READY
    assert [event.event for event in record.events] == ["INIT", "LOOKUP SUCCESS", "CONNECT"]


@inside
async def test_what_comes_while_it_connects_waits_with_its_source_paused() -> None:
    world = World()
    upstream = world.cluster("up", Kind.STREAM)
    upstream.may_open.clear()
    client = FakeLeg()
    world.begin(client)
    await settle()
    assert not client.is_started
    upstream.may_open.set()
    await settle()
    client.feed(b"x")
    assert stream_of(upstream).written.body == b"x"


@inside
async def test_a_half_close_passes_and_the_answer_still_arrives() -> None:
    world = World()
    session, client, upstream = await piped(world)
    client.finish()
    assert stream_of(upstream).written.is_ended
    assert session.is_live
    stream_of(upstream).feed(b"late")
    stream_of(upstream).finish()
    assert client.written.body == b"late"
    assert client.written.is_ended
    assert (session.status, session.reason) == (SessionStatus.DESTROYED, Reason.OK)
    assert world.registry.count == 0
    assert upstream.leases[0].given_back is Reason.OK


@inside
async def test_an_upstream_that_ends_first_leaves_the_other_direction_open() -> None:
    session, client, upstream = await piped(World())
    stream_of(upstream).finish()
    assert client.written.is_ended
    client.feed(b"more")
    assert stream_of(upstream).written.body == b"more"
    client.finish()
    assert session.status is SessionStatus.DESTROYED


@inside
async def test_a_client_that_resets_takes_its_upstream_with_it() -> None:
    session, client, upstream = await piped(World())
    client.into.abort(Reason.DOWNSTREAM_RESET)
    assert session.reason is Reason.DOWNSTREAM_RESET
    assert upstream.leases[0].given_back is Reason.DOWNSTREAM_RESET


@inside
async def test_without_a_cluster_the_session_fails() -> None:
    world = World(track=60.0)
    client = FakeLeg()
    world.begin(client)
    await settle()
    assert client.written.aborted is Reason.NO_CLUSTER
    (record,) = world.registry.records()
    assert [event.event for event in record.events] == ["INIT", "LOOKUP SUCCESS", "ERROR", "DESTROY"]


@inside
async def test_a_connection_is_tried_as_often_as_the_route_says() -> None:
    world = World(Route("r", (WeightedTarget("up"),), retry=ALWAYS))
    upstream = world.cluster("up", Kind.STREAM)
    upstream.failures = 3
    client = FakeLeg()
    world.begin(client)
    while not client.is_started:
        await asyncio.sleep(0.001)
    assert upstream.opened == 4


@inside
async def test_a_lost_upstream_is_connected_again_and_nothing_said_meanwhile_is_lost() -> None:
    world = World(Route("r", (WeightedTarget("up"),), retry=ALWAYS))
    session, client, upstream = await piped(world)
    old = stream_of(upstream)
    old.feed(b"one")
    upstream.may_open.clear()
    old.reset()
    client.feed(b"meanwhile")
    assert client.valve.held > 0
    upstream.may_open.set()
    await settle()
    assert client.valve.held == 0
    assert len(upstream.leases) == 2
    assert stream_of(upstream).written.body == b"meanwhile"
    events = [event.event for event in session.record().events]
    assert events == ["INIT", "LOOKUP SUCCESS", "CONNECT", "DISCONNECT", "CONNECT"]


@inside
async def test_a_session_that_ends_while_it_reconnects_gives_up_the_attempt() -> None:
    world = World(Route("r", (WeightedTarget("up"),), retry=ALWAYS))
    session, _, upstream = await piped(world)
    stream_of(upstream).feed(b"one")
    upstream.may_open.clear()
    stream_of(upstream).reset()
    await settle()
    session.close(Reason.DELETED)
    upstream.may_open.set()
    await settle()
    assert len(upstream.leases) == 1


@inside
async def test_transforms_stand_between_client_and_destination_in_their_order() -> None:
    world = World(Route("r", (WeightedTarget("up"),), ingress=("t1",), egress=("t2",)))
    one, two = world.cluster("t1", Kind.STREAM), world.cluster("t2", Kind.STREAM)
    session, client, upstream = await piped(world)
    client.feed(b"x")
    assert stream_of(one).written.body == b"x"
    stream_of(one).feed(b"1x")
    assert stream_of(upstream).written.body == b"1x"
    stream_of(upstream).feed(b"y")
    assert stream_of(two).written.body == b"y"
    stream_of(two).feed(b"2y")
    assert client.written.body == b"2y"
    assert [stage.origin for stage in (*session.record().ingress, *session.record().egress)] == ["t1", "t2"]


@inside
async def test_one_stage_that_can_not_be_connected_closes_the_others() -> None:
    world = World(Route("r", (WeightedTarget("up"),), ingress=("t1",)))
    world.cluster("t1", Kind.STREAM).failures = 1
    session, client, upstream = await piped(world)
    assert not session.is_live
    assert client.written.aborted is Reason.CONNECT_FAILED
    assert [lease.given_back for lease in upstream.leases] == [Reason.OK] * len(upstream.leases)


@inside
async def test_tcp_to_websocket_fin_first() -> None:
    world = World()
    upstream = world.cluster("up", Kind.MESSAGE)
    client = FakeLeg()
    world.begin(client)
    await settle()
    client.feed(b"question")
    client.finish()
    peer = messages_of(upstream)
    assert not peer.written.is_ended
    peer.say(b"answer")
    assert client.written.body == b"answer"
    world.clock.advance(LINGER + 0.01)
    assert peer.written.is_ended


@inside
async def test_a_deleted_endpoint_is_a_lost_leg() -> None:
    world = World(Route("r", (WeightedTarget("up"),), retry=ALWAYS))
    session, client, upstream = await piped(world)
    stream_of(upstream).feed(b"x")
    session.disconnect("other", Reason.ENDPOINT_DELETED)
    assert len(upstream.leases) == 1
    session.disconnect("e1", Reason.ENDPOINT_DELETED)
    await settle()
    assert upstream.leases[0].given_back is Reason.ENDPOINT_DELETED
    client.feed(b"y")
    assert stream_of(upstream).written.body == b"y"


@inside
async def test_a_session_whose_set_up_crashes_is_closed() -> None:
    world = World()
    world.cluster("up", Kind.STREAM).crash = RuntimeError("broken")
    client = FakeLeg()
    session = world.begin(client)
    await settle()
    assert (session.reason, session.detail) == (
        Reason.CONNECT_FAILED,
        "internal error: RuntimeError: broken",
    )
    assert client.written.aborted is Reason.CONNECT_FAILED


@inside
async def test_a_leg_that_can_not_be_adapted_ends_the_session() -> None:
    world = World()
    upstream = world.cluster("up", Kind.STREAM)
    upstream.lends = Kind.EXCHANGE
    session = world.begin(MessageLeg())
    await settle()
    assert session.reason is Reason.NOT_ADAPTABLE
    assert upstream.leases[0].given_back is not None


@inside
async def test_a_reconnection_that_crashes_ends_the_session() -> None:
    world = World(to("up", retry=ALWAYS))
    session, _, upstream = await piped(world)
    upstream.crash = RuntimeError("broken")
    stream_of(upstream).feed(b"x")
    stream_of(upstream).reset()
    while session.is_live:
        await asyncio.sleep(0.001)
    assert session.detail == "up: internal error: RuntimeError: broken"


@inside
async def test_an_end_that_came_during_a_reconnection_is_kept_back_for_a_while_only() -> None:
    world = World(to("up", retry=ALWAYS))
    upstream = world.cluster("up", Kind.MESSAGE)
    client = FakeLeg()
    session = world.begin(client)
    await settle()
    messages_of(upstream).say(b"x")
    messages_of(upstream).into.abort(Reason.UPSTREAM_RESET)
    client.feed(b"question")
    client.finish()
    while len(upstream.leases) < 2:
        await asyncio.sleep(0.001)
    await settle()
    assert messages_of(upstream).written.log == [("open",), b"question"]
    world.clock.advance(LINGER + 0.01)
    assert messages_of(upstream).written.is_ended
    assert session.is_live


@inside
async def test_messages_that_were_not_asked_are_asked_after_a_reconnection() -> None:
    world = World(to("up", retry=ALWAYS))
    upstream = world.cluster("up", Kind.EXCHANGE, is_ready=True)
    client = MessageLeg()
    session = world.begin(client)
    await settle()
    for message in (b"1", b"2", b"3"):
        client.say(message)
    asked_of(upstream).into.abort(Reason.UPSTREAM_RESET)
    for number in (2, 3):
        while len(upstream.leases) < number:
            await asyncio.sleep(0.001)
        asked_of(upstream).answer(b"a%d" % number)
    assert [bytes(lease.leg.sink.body) for lease in upstream.leases] == [b"1", b"2", b"3"]  # type: ignore[attr-defined]
    assert client.written.body == b"a2a3"
    assert session.dropped == 0


@inside
async def test_messages_that_do_not_fit_the_queue_before_http_are_counted() -> None:
    world = World()
    upstream = world.cluster("up", Kind.EXCHANGE, is_ready=True)
    client = MessageLeg()
    session = world.begin(client)
    await settle()
    for _ in range(QUEUE_MESSAGES + 10):
        client.say(b"x")
    assert session.dropped == 9
    session.close(Reason.OK)
    assert (session.dropped, len(upstream.leases)) == (9, 1)
    assert session.record().dropped == 9

"""HTTP requests: the fast path, waiting, retries, local answers, upgrades and their ends."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from support.loop import inside
from support.upstream import ENDPOINT, ExchangeLeg, FakeUpstream, MessageLeg, World, settle

from l7mp_mesh.model.rules import RetryOn, RetryPolicy, Route, WeightedTarget
from l7mp_mesh.pipe.head import ResponseHead
from l7mp_mesh.pipe.headers import Headers
from l7mp_mesh.pipe.kind import Kind
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.ports.session import RerouteFailed, SessionStatus
from l7mp_mesh.session.flow import LINGER
from l7mp_mesh.session.patrol import EXCHANGE_IDLE, TUNNEL_IDLE, WALK
from l7mp_mesh.session.terminal import REPLAY_LIMIT

ALWAYS = RetryPolicy(RetryOn.ALWAYS, 2, 0.001)
TARGET = (WeightedTarget("up"),)


def leg_of(upstream: FakeUpstream) -> ExchangeLeg:
    leg = upstream.leg
    assert isinstance(leg, ExchangeLeg)
    return leg


def heads(leg: ExchangeLeg) -> list[Any]:
    """Status of every response that the client got."""
    return [head.status for head in leg.written.heads if isinstance(head, ResponseHead)]


def test_a_request_is_answered_in_the_turn_in_which_it_came() -> None:
    world = World()
    upstream = world.cluster("up", Kind.EXCHANGE, is_ready=True)
    session, client = world.ask()
    assert session is not None
    client.into.data(b"body", 0)
    client.into.end(None)
    assert upstream.opened == 0
    assert leg_of(upstream).written.body == b"body"
    assert leg_of(upstream).written.is_ended
    leg_of(upstream).answer(b"answer")
    assert (heads(client), client.written.body) == ([200], b"answer")
    assert session.status is SessionStatus.DESTROYED
    assert (session.received_bytes, session.sent_bytes, session.status_code) == (4, 6, 200)
    assert upstream.leases[0].given_back is Reason.OK


def test_an_answer_that_comes_first_resets_the_request_without_an_error() -> None:
    world = World()
    upstream = world.cluster("up", Kind.EXCHANGE, is_ready=True)
    session, client = world.ask()
    assert session is not None
    client.into.data(b"much", 0)
    leg_of(upstream).answer(b"enough")
    assert session.reason is Reason.OK
    client.into.data(b"more", 0)
    assert leg_of(upstream).written.body == b"much"


def test_without_a_cluster_the_client_is_told() -> None:
    world = World(Route("r", (WeightedTarget("up", 0),) * 2))
    _, client = world.ask()
    assert client.written.body == b'NO_CLUSTER every weight of route "r" is 0'


def test_without_a_route_the_client_is_told() -> None:
    world = World()
    world.plan_cell.set(None)
    session, client = world.ask()
    assert session is None
    assert client.written.body == b"NO_ROUTE No such route: r"
    assert client.is_started


@inside
async def test_what_comes_while_it_connects_is_kept_with_its_source_paused() -> None:
    world = World()
    upstream = world.cluster("up", Kind.EXCHANGE)
    upstream.may_open.clear()
    _, client = world.ask()
    client.into.data(b"one", 0)
    assert client.valve.held == 1
    upstream.may_open.set()
    await settle()
    assert client.valve.held == 0
    client.into.data(b"two", 0)
    assert leg_of(upstream).written.body == b"onetwo"


@inside
async def test_a_refused_request_is_tried_as_often_as_the_route_says() -> None:
    world = World(Route("r", TARGET, retry=ALWAYS))
    upstream = world.cluster("up", Kind.EXCHANGE)
    upstream.failures = 9
    _, client = world.ask()
    while not client.written.is_ended:
        await asyncio.sleep(0.001)
    assert upstream.opened == 3
    assert client.written.body.startswith(b"CONNECT_FAILED Pipeline setup failed for session")


@inside
async def test_a_request_that_was_cut_off_before_its_answer_is_said_again() -> None:
    world = World(Route("r", TARGET, retry=ALWAYS))
    upstream = world.cluster("up", Kind.EXCHANGE, is_ready=True)
    session, client = world.ask()
    client.into.data(b"one,", 0)
    leg_of(upstream).into.abort(Reason.UPSTREAM_RESET)
    client.into.data(b"two", 0)
    client.into.end(None)
    await settle()
    assert len(upstream.leases) == 2
    assert leg_of(upstream).written.body == b"one,two"
    assert leg_of(upstream).written.is_ended
    leg_of(upstream).answer(b"ok")
    assert client.written.body == b"ok"
    assert session is not None
    assert session.reason is Reason.OK


@inside
async def test_a_request_too_long_to_be_kept_is_not_said_again() -> None:
    world = World(Route("r", TARGET, retry=ALWAYS))
    upstream = world.cluster("up", Kind.EXCHANGE, is_ready=True)
    _, client = world.ask()
    client.into.data(bytes(REPLAY_LIMIT + 1), 0)
    leg_of(upstream).into.abort(Reason.UPSTREAM_RESET)
    await settle()
    assert len(upstream.leases) == 1
    assert client.written.body.startswith(b"UPSTREAM_RESET")


@inside
async def test_an_answer_that_has_begun_is_broken_off_and_not_repeated() -> None:
    world = World(Route("r", TARGET, retry=ALWAYS))
    upstream = world.cluster("up", Kind.EXCHANGE, is_ready=True)
    session, client = world.ask()
    leg_of(upstream).into.open(ResponseHead(200, Headers(), 10), leg_of(upstream).valve)
    leg_of(upstream).into.data(b"half", 0)
    leg_of(upstream).into.abort(Reason.UPSTREAM_RESET)
    await settle()
    assert client.written.aborted is Reason.UPSTREAM_RESET
    assert session is not None
    assert session.reason is Reason.UPSTREAM_RESET
    assert len(upstream.leases) == 1


def test_a_client_that_leaves_takes_the_upstream_leg_with_it() -> None:
    world = World()
    upstream = world.cluster("up", Kind.EXCHANGE, is_ready=True)
    session, client = world.ask()
    client.into.abort(Reason.DOWNSTREAM_RESET)
    assert upstream.leases[0].given_back is Reason.DOWNSTREAM_RESET
    assert session is not None
    assert session.reason is Reason.DOWNSTREAM_RESET


def test_the_time_limit_of_a_route_answers_in_place_of_the_upstream() -> None:
    world = World(Route("r", TARGET, request_timeout=2.0))
    upstream = world.cluster("up", Kind.EXCHANGE, is_ready=True)
    session, client = world.ask()
    world.clock.advance(1.9)
    assert session is not None
    assert session.is_live
    world.clock.advance(0.3)
    assert session.reason is Reason.UPSTREAM_TIMEOUT
    assert client.written.body.startswith(b"UPSTREAM_TIMEOUT")
    assert upstream.leases[0].given_back is not None


def test_the_time_limit_of_an_answered_request_is_forgotten() -> None:
    world = World(Route("r", TARGET, request_timeout=2.0))
    upstream = world.cluster("up", Kind.EXCHANGE, is_ready=True)
    _, client = world.ask()
    leg_of(upstream).answer(b"ok")
    world.clock.advance(5)
    assert heads(client) == [200]


def test_an_upgraded_exchange_lives_until_both_directions_have_ended() -> None:
    world = World()
    upstream = world.cluster("up", Kind.EXCHANGE, is_ready=True)
    session, client = world.ask()
    peer = leg_of(upstream)
    peer.into.open(ResponseHead(101, Headers(), -1, upgrade=b"x"), peer.valve)
    peer.into.data(b"down", 0)
    peer.into.end(None)
    assert session is not None
    assert session.is_live
    client.into.data(b"up", 0)
    assert peer.written.body == b"up"
    client.into.end(None)
    assert not session.is_live


def test_live_reroute_of_an_exchange_is_refused() -> None:
    world = World()
    world.cluster("up", Kind.EXCHANGE, is_ready=True)
    session, _ = world.ask()
    assert session is not None
    moving = session.reroute(lambda: world.plan(world.route))
    with pytest.raises(RerouteFailed) as caught:
        moving.send(None)
    assert caught.value.status == 409


@inside
async def test_a_request_over_messages_that_nobody_answers_times_out() -> None:
    world = World()
    upstream = world.cluster("up", Kind.MESSAGE)
    _, client = world.ask()
    await settle()
    client.into.data(b"question", 0)
    client.into.end(None)
    leg = upstream.leg
    assert isinstance(leg, MessageLeg)
    assert leg.written.body == b"question"
    world.clock.advance(LINGER + 0.01)
    assert b"UPSTREAM_TIMEOUT" in client.written.body
    leg.say(b"late")
    assert b"late" not in client.written.body


@inside
async def test_a_body_passes_through_a_remote_transform_both_ways() -> None:
    world = World(Route("r", TARGET, ingress=("t",), egress=("t",)))
    transform = world.cluster("t", Kind.STREAM)
    upstream = world.cluster("up", Kind.EXCHANGE, is_ready=True)
    session, client = world.ask()
    await settle()
    client.into.data(b"x", 0)
    client.into.end(None)
    up, down = (lease.leg for lease in transform.leases)
    assert up.written.body == b"x"  # type: ignore[attr-defined]
    up.into.data(b"X", 0)  # type: ignore[attr-defined]
    up.into.end(None)  # type: ignore[attr-defined]
    assert leg_of(upstream).written.body == b"X"
    leg_of(upstream).answer(b"y")
    down.into.data(b"Y", 0)  # type: ignore[attr-defined]
    down.into.end(None)  # type: ignore[attr-defined]
    assert client.written.body == b"Y"
    assert session is not None
    assert not session.is_live


@inside
async def test_a_request_that_ended_while_its_leg_of_messages_was_awaited_has_a_deadline_too() -> None:
    world = World()
    upstream = world.cluster("up", Kind.MESSAGE)
    upstream.may_open.clear()
    _, client = world.ask()
    client.into.end(None)
    upstream.may_open.set()
    await settle()
    leg = upstream.leg
    assert isinstance(leg, MessageLeg)
    assert not leg.written.is_ended
    world.clock.advance(LINGER + 0.01)
    assert leg.written.is_ended


@inside
async def test_a_connection_that_crashes_is_an_error_for_the_client() -> None:
    world = World()
    world.cluster("up", Kind.EXCHANGE).crash = RuntimeError("broken")
    session, client = world.ask()
    await settle()
    assert client.written.body == b"CONNECT_FAILED internal error: RuntimeError: broken"
    assert session is not None
    assert not session.is_live


def test_an_exchange_in_which_nothing_passes_is_given_up() -> None:
    world = World()
    upstream = world.cluster("up", Kind.EXCHANGE, is_ready=True)
    session, client = world.ask()
    assert session is not None
    world.clock.advance(EXCHANGE_IDLE - 1)
    assert session.is_live
    world.clock.advance(2 * WALK + 1)
    assert session.reason is Reason.IDLE_TIMEOUT
    assert client.written.body.startswith(b"IDLE_TIMEOUT")
    assert upstream.leases[0].given_back is not None


def test_an_exchange_lives_as_long_as_something_passes() -> None:
    world = World()
    upstream = world.cluster("up", Kind.EXCHANGE, is_ready=True)
    session, client = world.ask()
    assert session is not None
    peer = leg_of(upstream)
    peer.into.open(ResponseHead(200, Headers(), -1), peer.valve)
    for _ in range(10):
        world.clock.advance(EXCHANGE_IDLE - 1)
        peer.into.data(b"x", 0)
        world.clock.advance(EXCHANGE_IDLE - 1)
        client.into.data(b"x", 0)
    assert session.is_live
    world.clock.advance(EXCHANGE_IDLE + 2 * WALK)
    assert client.written.aborted is Reason.IDLE_TIMEOUT


def test_a_tunnel_may_be_silent_for_as_long_as_a_connection_and_has_no_limit_in_all() -> None:
    world = World(Route("r", TARGET, request_timeout=2.0))
    upstream = world.cluster("up", Kind.EXCHANGE, is_ready=True)
    session, _ = world.ask()
    assert session is not None
    peer = leg_of(upstream)
    peer.into.open(ResponseHead(101, Headers(), -1, upgrade=b"x"), peer.valve)
    world.clock.advance(TUNNEL_IDLE - 1)
    assert session.is_live
    world.clock.advance(2 * WALK + 1)
    assert session.reason is Reason.IDLE_TIMEOUT


@inside
async def test_a_request_that_was_answered_meanwhile_connects_no_more() -> None:
    world = World(Route("r", TARGET, request_timeout=2.0))
    upstream = world.cluster("up", Kind.EXCHANGE)
    upstream.may_open.clear()
    session, client = world.ask()
    await settle()
    client.into.end(None)
    world.clock.advance(2.2)
    upstream.may_open.set()
    await settle()
    assert heads(client) == [503]
    assert upstream.leases == []
    assert session is not None
    assert session.reason is Reason.UPSTREAM_TIMEOUT


@inside
async def test_an_endpoint_that_broke_off_is_avoided() -> None:
    world = World(Route("r", TARGET, retry=ALWAYS))
    upstream = world.cluster("up", Kind.EXCHANGE, is_ready=True)
    _, client = world.ask()
    leg_of(upstream).into.abort(Reason.UPSTREAM_RESET)
    await settle()
    assert upstream.avoided == [[ENDPOINT]]
    client.into.end(None)
    leg_of(upstream).into.abort(Reason.UPSTREAM_RESET)
    await settle()
    assert upstream.avoided[-1] == [ENDPOINT, ENDPOINT]


@inside
async def test_an_idempotent_request_that_met_a_stale_connection_is_said_again_on_a_fresh_one() -> None:
    world = World()
    upstream = world.cluster("up", Kind.EXCHANGE, is_ready=True)
    _, client = world.ask(body_follows=False)
    client.into.end(None)
    leg_of(upstream).stale = True
    leg_of(upstream).into.abort(Reason.UPSTREAM_RESET)
    await settle()
    assert (upstream.opened, upstream.freshly) == (1, 1)
    assert leg_of(upstream).written.is_ended
    leg_of(upstream).answer(b"here")
    assert (heads(client), client.written.body) == ([200], b"here")


@inside
async def test_a_fresh_connection_that_breaks_is_the_clients_business() -> None:
    world = World()
    upstream = world.cluster("up", Kind.EXCHANGE, is_ready=True)
    _, client = world.ask(body_follows=False)
    leg_of(upstream).stale = True
    leg_of(upstream).into.abort(Reason.UPSTREAM_RESET)
    await settle()
    leg_of(upstream).into.abort(Reason.UPSTREAM_RESET)
    assert heads(client) == [503]


def test_a_request_that_may_do_harm_twice_is_not_said_again() -> None:
    world = World()
    upstream = world.cluster("up", Kind.EXCHANGE, is_ready=True)
    _, client = world.ask(method=b"POST")
    leg_of(upstream).stale = True
    leg_of(upstream).into.abort(Reason.UPSTREAM_RESET)
    assert (heads(client), upstream.opened) == ([503], 0)

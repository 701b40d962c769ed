"""Moving live sessions after changes of the configuration."""

from __future__ import annotations

import asyncio

from support.leg import FakeLeg
from support.loop import inside
from support.upstream import World, settle

from l7mp_mesh.model.rules import Route, WeightedTarget
from l7mp_mesh.pipe.kind import Kind
from l7mp_mesh.runtime.reconcile import AT_ONCE, move


def to(name: str) -> Route:
    return Route("r", (WeightedTarget(name),))


@inside
async def test_the_last_of_two_changes_wins_however_long_the_first_took() -> None:
    world = World()
    world.cluster("up", Kind.STREAM)
    slow, wanted = world.cluster("slow", Kind.STREAM), world.cluster("wanted", Kind.STREAM)
    sessions = [world.begin(FakeLeg()) for _ in range(AT_ONCE + 5)]
    await settle()
    slow.may_open.clear()
    plans = {"r": world.plan(to("slow"))}
    first = asyncio.ensure_future(move(sessions, plans.get))
    await settle()
    plans["r"] = world.plan(to("wanted"))
    second = asyncio.ensure_future(move(sessions, plans.get))
    await settle()
    slow.may_open.set()
    await asyncio.gather(first, second)
    assert {session.cluster_name for session in sessions} == {"wanted"}
    assert len(slow.leases) == AT_ONCE
    assert len(wanted.leases) == len(sessions)


@inside
async def test_a_session_whose_route_is_gone_stays_where_it_is() -> None:
    world = World()
    world.cluster("up", Kind.STREAM)
    session = world.begin(FakeLeg())
    await settle()
    await move([session], {}.get)
    assert session.cluster_name == "up"

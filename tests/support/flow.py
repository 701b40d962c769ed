"""Sessions of streams and messages whose clusters a test plays."""

from __future__ import annotations

from dataclasses import replace

from support.leg import FakeLeg
from support.upstream import ExchangeLeg, FakeUpstream, MessageLeg, World, settle

from l7mp_mesh.model.rules import RetryOn, RetryPolicy, Route, WeightedTarget
from l7mp_mesh.pipe.kind import Kind
from l7mp_mesh.session.session import Session

ALWAYS = RetryPolicy(RetryOn.ALWAYS, 3, 0.001)


def to(name: str, **more: object) -> Route:
    return replace(Route(f"to-{name}", (WeightedTarget(name),)), **more)  # type: ignore[arg-type]


def stream_of(upstream: FakeUpstream) -> FakeLeg:
    leg = upstream.leg
    assert isinstance(leg, FakeLeg)
    return leg


def messages_of(upstream: FakeUpstream) -> MessageLeg:
    leg = upstream.leg
    assert isinstance(leg, MessageLeg)
    return leg


def asked_of(upstream: FakeUpstream) -> ExchangeLeg:
    leg = upstream.leg
    assert isinstance(leg, ExchangeLeg)
    return leg


async def piped(world: World) -> tuple[Session, FakeLeg, FakeUpstream]:
    """A byte stream piped to the cluster `up`."""
    upstream = world.cluster("up", Kind.STREAM)
    client = FakeLeg()
    session = world.begin(client)
    await settle()
    return session, client, upstream

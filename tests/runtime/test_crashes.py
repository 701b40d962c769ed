"""What the runtime does with an exception that nobody expected."""

from __future__ import annotations

from dataclasses import replace

from support.dataplane import Dataplane, dataplane
from support.http import get
from support.loop import inside

from l7mp_mesh.model.cluster import Cluster
from l7mp_mesh.model.listener import Listener
from l7mp_mesh.model.options import NoOptions
from l7mp_mesh.model.protocol import ProtocolUse
from l7mp_mesh.model.snapshot import Key, Kind
from l7mp_mesh.ports.config import Outcome, Update

CONFIG = {
    "listeners": [
        {
            "name": "in",
            "spec": {"protocol": "HTTP", "port": 0, "address": "127.0.0.1"},
            "rules": [{"name": "r", "action": {"route": "to"}}],
        }
    ],
    "clusters": [{"name": "one", "spec": {"protocol": "DirectResponse", "status": 200, "body": "1"}}],
    "routes": [{"name": "to", "destination": "one"}],
}


async def put_broken(made: Dataplane, *, atomic: bool) -> Outcome:
    """A listener whose options are those of no protocol, beside a good one."""
    good = made.store.snapshot.objects[Key(Kind.LISTENER, "in")]
    assert isinstance(good, Listener)
    broken = replace(good, name="broken", protocol=ProtocolUse("TCP", NoOptions()))
    other = replace(good, name="other")
    upserts = {Key(Kind.LISTENER, each.name): each for each in (other, broken)}
    return await made.store.apply(Update("test", "1", upserts, atomic=atomic))


@inside
async def test_a_listener_that_crashes_is_rejected_and_its_siblings_are_not_left_bound() -> None:
    async with dataplane(CONFIG) as made:
        outcome = await put_broken(made, atomic=True)
        assert not outcome.applied
        (rejection,) = outcome.rejections
        assert rejection.key.name == "broken"
        assert "internal error" in rejection.why
        assert made.port("other") == 0
        assert await get(made.port("in")) == (200, b"1")


@inside
async def test_a_listener_that_crashes_does_not_keep_others_from_being_applied() -> None:
    async with dataplane(CONFIG) as made:
        outcome = await put_broken(made, atomic=False)
        assert [rejection.key.name for rejection in outcome.rejections] == ["broken"]
        assert await get(made.port("other")) == (200, b"1")


@inside
async def test_an_object_that_can_not_be_defined_is_rejected_alone() -> None:
    async with dataplane(CONFIG) as made:
        good = made.store.snapshot.objects[Key(Kind.CLUSTER, "one")]
        assert isinstance(good, Cluster)
        broken = replace(good, name="broken", protocol=ProtocolUse("TCP", NoOptions()))
        good = replace(good, name="good")
        upserts = {Key(Kind.CLUSTER, each.name): each for each in (broken, good)}
        outcome = await made.store.apply(Update("test", "1", upserts, atomic=False))
        assert [rejection.key.name for rejection in outcome.rejections] == ["broken"]
        assert Key(Kind.CLUSTER, "good") in made.store.snapshot.objects


@inside
async def test_a_change_that_crashes_half_way_leaves_no_listener_behind() -> None:
    async with dataplane(CONFIG) as made:
        objects = made.store.snapshot.objects
        cluster, listener = objects[Key(Kind.CLUSTER, "one")], objects[Key(Kind.LISTENER, "in")]
        assert isinstance(cluster, Cluster)
        assert isinstance(listener, Listener)
        upserts = {
            Key(Kind.CLUSTER, "broken"): replace(
                cluster, name="broken", protocol=ProtocolUse("TCP", NoOptions())
            ),
            Key(Kind.LISTENER, "other"): replace(listener, name="other"),
        }
        outcome = await made.store.apply(Update("test", "1", upserts))
        assert not outcome.applied
        assert [rejection.key.name for rejection in outcome.rejections] == ["broken"]
        assert made.port("other") == 0

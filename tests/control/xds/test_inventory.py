"""What deliveries mean for the store, without a stream."""

from support.resources import Resource, all_to, http_rds, listener, typed

from l7mp_mesh import api
from l7mp_mesh.control.xds.encoding import Delivery
from l7mp_mesh.control.xds.inventory import Change, Inventory
from l7mp_mesh.control.xds.resource_type import ResourceType
from l7mp_mesh.model.listener import Listener
from l7mp_mesh.model.snapshot import Key, Kind, Object

CDS, EDS, LDS, RDS = ResourceType


class Rig:
    """An inventory over a store that takes everything."""

    def __init__(self) -> None:
        self.inventory = Inventory()
        self.objects: dict[Key, Object] = {}

    def give(self, type_: ResourceType, *resources: Resource) -> str | None:
        packed = tuple(api.pack(api.from_json(resource)) for resource in resources)
        return self.apply(
            self.inventory.receive(Delivery(type_, "1", "n", packed, is_complete=type_.is_complete), None)
        )

    def apply(self, change: Change) -> str | None:
        self.objects.update(change.update.upserts)
        for key in change.update.removals:
            del self.objects[key]
        self.inventory.settle(change, self.objects)
        return change.problem()

    def rules_of(self, name: str) -> str:
        found = self.objects[Key(Kind.LISTENER, name)]
        assert isinstance(found, Listener)
        return found.rules


def native(name: str, route: str, **config: object) -> Resource:
    shared: Resource = {"name": "shared", "action": {"route": {"name": "way", "destination": route}}}
    body: Resource = {"spec": {"protocol": "UDP"}, "rules": ["shared"], **config}  # type: ignore[dict-item]
    return listener(name, typed("l7mp.mesh.v1.Listener", config=body, rules=[shared]))


def test_listeners_may_share_a_rule_as_long_as_they_agree_about_it() -> None:
    rig = Rig()
    assert rig.give(LDS, native("a", "x"), native("b", "x")) is None
    problem = rig.give(LDS, native("a", "y"), native("b", "z"))
    assert problem == "listener 'b': route 'way' is defined otherwise by 'a'"


def test_a_shared_rule_follows_the_listener_that_was_accepted() -> None:
    rig = Rig()
    rig.give(LDS, native("a", "x"), native("b", "x"))
    assert (
        rig.give(LDS, native("a", "y"), native("b", "y", nonsense=1, spec={"protocol": "Nope"})) is not None
    )
    shown = str(rig.objects[Key(Kind.ROUTE, "way")])
    assert "cluster='y'" in shown


def test_a_rule_moves_from_one_listener_to_another() -> None:
    rig = Rig()
    rig.give(LDS, native("a", "x"))
    assert rig.give(LDS, native("b", "y")) is None
    assert Key(Kind.LISTENER, "a") not in rig.objects
    assert "cluster='y'" in str(rig.objects[Key(Kind.ROUTE, "way")])


def test_a_listener_keeps_its_routes_until_the_new_ones_have_come() -> None:
    rig = Rig()
    rig.give(LDS, http_rds("l", "old"))
    rig.give(RDS, all_to("old", "c"))
    rig.apply(rig.inventory.release())
    assert rig.rules_of("l") == "rds/old"
    rig.give(LDS, http_rds("l", "new"))
    assert rig.inventory.is_waiting
    assert rig.inventory.needs(RDS) == {"old", "new"}
    assert rig.rules_of("l") == "rds/old"
    rig.give(RDS, all_to("new", "c"))
    rig.apply(rig.inventory.release())
    assert rig.rules_of("l") == "rds/new"
    assert rig.inventory.needs(RDS) == {"new"}
    rig.apply(rig.inventory.collect(RDS))
    assert Key(Kind.RULELIST, "rds/old") not in rig.objects
    assert Key(Kind.RULELIST, "rds/new") in rig.objects


def test_a_resource_may_come_in_a_wrapper() -> None:
    rig = Rig()
    wrapper: api.Proto = api.message("envoy.service.discovery.v3.Resource")(name="r", version="1")
    wrapper.resource.CopyFrom(api.pack(api.from_json(all_to("r", "c"))))
    delivery = Delivery(RDS, "1", "n", (api.pack(wrapper),))
    assert rig.apply(rig.inventory.receive(delivery, None)) is None
    assert Key(Kind.RULELIST, "rds/r") in rig.objects


def test_a_resource_of_another_type_or_without_a_name_is_refused_by_its_place() -> None:
    rig = Rig()
    problem = rig.give(CDS, all_to("r", "c"), typed("envoy.config.cluster.v3.Cluster", type="EDS"))
    assert problem is not None
    assert "cluster 'resources[0]': expected a type.googleapis.com/envoy.config.cluster.v3.Cluster" in problem
    assert "cluster 'resources[1]': name: is missing" in problem


def test_what_the_store_did_not_take_is_offered_again() -> None:
    inventory = Inventory()
    packed = (api.pack(api.from_json(http_rds("l", "r"))),)
    inventory.receive(Delivery(LDS, "1", "n", packed, is_complete=True), None)
    first = inventory.release(at_once=True)
    inventory.settle(first, {})
    assert inventory.release().update.upserts == first.update.upserts

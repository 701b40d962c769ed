"""Native objects in Envoy resources, read by the one native decoder."""

import pytest
from support.resources import (
    ADS,
    CLUSTER,
    Resource,
    assignment,
    endpoint,
    listener,
    typed,
)

from l7mp_mesh import api
from l7mp_mesh.control.xds.translate import Translation, translate
from l7mp_mesh.model.cluster import Cluster
from l7mp_mesh.model.endpoints import EndpointSet
from l7mp_mesh.model.errors import ConfigError
from l7mp_mesh.model.listener import Listener, OnChange, ReplyStyle
from l7mp_mesh.model.snapshot import Key, Kind, Object

CHAIN = "filter_chains[0].filters[0].typed_config"


def translated(resource: Resource) -> Translation:
    return translate(api.from_json(resource))


def made(resource: Resource, kind: Kind, name: str) -> Object:
    return translated(resource).objects[Key(kind, name)]


NATIVE = "l7mp.mesh.v1.Listener"


def native(**config: object) -> Resource:
    return typed(NATIVE, config=config)  # type: ignore[arg-type]


def test_a_native_listener_is_bound_where_the_envoy_listener_says() -> None:
    config = native(spec={"protocol": "UDP"}, rules=[{"action": {"route": {"destination": "c"}}}])
    translation = translated(listener("voice", config, 5000))
    found = translation.objects[Key(Kind.LISTENER, "voice")]
    assert isinstance(found, Listener)
    assert found.protocol.name == "UDP"
    assert (found.options.on_change, found.options.reply) == (OnChange.REROUTE, ReplyStyle.L7MP)
    again = translated(
        typed(
            "envoy.config.listener.v3.Listener",
            name="voice",
            filter_chains=[
                {
                    "filters": [
                        {
                            "name": "f",
                            "typed_config": native(
                                spec={"protocol": "UDP", "port": 5000, "address": "127.0.0.1"},
                                rules=[{"action": {"route": {"destination": "c"}}}],
                            ),
                        }
                    ]
                }
            ],
        )
    )
    assert again == translation


def test_a_native_listener_brings_rules_and_routes_of_its_own() -> None:
    config: Resource = {
        **native(spec={"protocol": "UDP"}, rules="list"),
        "rulelists": [{"name": "list", "rules": ["one"]}],
        "rules": [{"name": "one", "action": {"route": "way"}}],
        "routes": [{"name": "way", "destination": "c", "ingress": ["t"]}],
    }
    objects = translated(listener("voice", config)).objects
    assert {
        Key(Kind.LISTENER, "voice"),
        Key(Kind.RULELIST, "list"),
        Key(Kind.RULE, "one"),
        Key(Kind.ROUTE, "way"),
    } == set(objects)


def cluster_type(**config: object) -> Resource:
    return {"name": "l7mp", "typed_config": typed("l7mp.mesh.v1.Cluster", config=config)}  # type: ignore[arg-type]


def test_a_native_cluster_takes_its_endpoints_from_itself_from_envoys_fields_or_by_eds() -> None:
    spec = {"protocol": "WebSocket", "port": 8000}
    own = translated(
        typed(CLUSTER, name="w", cluster_type=cluster_type(spec=spec, endpoints=[{"spec": {"address": "h"}}]))
    )
    found = own.objects[Key(Kind.ENDPOINTS, "w")]
    assert isinstance(found, EndpointSet)
    assert [one.address for one in found.endpoints] == ["h"]
    given = translated(
        typed(
            CLUSTER,
            name="w",
            cluster_type=cluster_type(spec=spec),
            load_assignment=assignment("w", endpoint(1)),
        )
    )
    found = given.objects[Key(Kind.ENDPOINTS, "w")]
    assert isinstance(found, EndpointSet)
    assert [one.port for one in found.endpoints] == [1]
    late = translated(
        typed(CLUSTER, name="w", cluster_type=cluster_type(spec=spec), eds_cluster_config={"eds_config": ADS})
    )
    cluster = late.objects[Key(Kind.CLUSTER, "w")]
    assert isinstance(cluster, Cluster)
    assert (cluster.protocol.name, cluster.endpoints, late.needs) == ("WebSocket", "eds/w", {"w"})


@pytest.mark.parametrize(
    ("resource", "path", "why"),
    [
        (
            listener("l", native(spec={"protocol": "Nope"}, rules="r")),
            f"{CHAIN}.config.spec.protocol",
            "Nope",
        ),
        (
            listener("l", native(spec={"protocol": "UDP", "port": 9}, rules="r")),
            f"{CHAIN}.config.spec.port",
            "8080",
        ),
        (listener("l", native(name="m", spec={"protocol": "UDP"}, rules="r")), f"{CHAIN}.config.name", "'l'"),
        (
            listener("l", {**native(spec={"protocol": "UDP"}, rules="r"), "routes": [{"name": "x"}]}),
            f"{CHAIN}.routes[0].destination",
            "",
        ),
        (
            typed(
                CLUSTER, name="w", cluster_type=cluster_type(spec={"protocol": "Echo"}, loadbalancer="Nope")
            ),
            "cluster_type.typed_config.config.loadbalancer.policy",
            "",
        ),
        (
            typed(CLUSTER, name="w", cluster_type={"name": "x", "typed_config": typed(NATIVE)}),
            "cluster_type.typed_config",
            "not supported",
        ),
    ],
)
def test_an_error_in_a_native_object_is_named_by_its_path(resource: Resource, path: str, why: str) -> None:
    with pytest.raises(ConfigError) as caught:
        translated(resource)
    assert caught.value.path == path
    assert why in caught.value.why


def test_a_number_that_json_can_not_say_is_refused_by_its_path() -> None:
    made: api.Proto = api.from_json(listener("l", native(spec={"protocol": "UDP"}, rules="r")))
    config: api.Proto = api.unpack(made.filter_chains[0].filters[0].typed_config)
    config.config.fields["spec"].struct_value.fields["idle_timeout"].number_value = float("inf")
    made.filter_chains[0].filters[0].typed_config.CopyFrom(api.pack(config))
    with pytest.raises(ConfigError) as caught:
        translate(made)
    assert caught.value.path == f"{CHAIN}.config"

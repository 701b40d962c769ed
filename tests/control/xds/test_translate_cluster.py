"""Envoy's clusters in our model."""

import pytest
from support.resources import (
    Resource,
    eds,
    eds_cluster,
    endpoint,
    static,
)

from l7mp_mesh import api
from l7mp_mesh.control.xds.translate import Translation, translate
from l7mp_mesh.model.cluster import Cluster, LbPolicy
from l7mp_mesh.model.endpoints import Endpoint, EndpointSet
from l7mp_mesh.model.snapshot import Key, Kind, Object


def translated(resource: Resource) -> Translation:
    return translate(api.from_json(resource))


def made(resource: Resource, kind: Kind, name: str) -> Object:
    return translated(resource).objects[Key(kind, name)]


def test_a_cluster_is_one_for_http_and_one_for_tcp_over_the_same_endpoints() -> None:
    translation = translated(
        static("c", endpoint(1), endpoint(2, load_balancing_weight=3), lb_policy="RANDOM")
    )
    assert set(translation.objects) == {
        Key(Kind.CLUSTER, "c"),
        Key(Kind.CLUSTER, "tcp/c"),
        Key(Kind.ENDPOINTS, "c"),
    }
    for name, protocol in (("c", "HTTP"), ("tcp/c", "TCP")):
        found = translation.objects[Key(Kind.CLUSTER, name)]
        assert isinstance(found, Cluster)
        assert (found.protocol.name, found.endpoints) == (protocol, "c")
        assert (found.balancing.policy, found.connect_timeout) == (LbPolicy.RANDOM, 5.0)
    assert translation.objects[Key(Kind.ENDPOINTS, "c")] == EndpointSet(
        "c", (Endpoint("c/127.0.0.1:1", "127.0.0.1", 1), Endpoint("c/127.0.0.1:2", "127.0.0.1", 2, 3))
    )


@pytest.mark.parametrize(
    ("written", "policy"),
    [(None, LbPolicy.ROUND_ROBIN), ("ROUND_ROBIN", LbPolicy.ROUND_ROBIN), ("RING_HASH", LbPolicy.HASH_RING)],
)
def test_round_robin_is_the_default(written: str | None, policy: LbPolicy) -> None:
    fields: Resource = {} if written is None else {"lb_policy": written}
    found = made(static("c", endpoint(1), **fields), Kind.CLUSTER, "c")
    assert isinstance(found, Cluster)
    assert found.balancing.policy is policy


@pytest.mark.parametrize(("service", "expected"), [("", "c"), ("s", "s")])
def test_an_eds_cluster_uses_the_set_of_its_service(service: str, expected: str) -> None:
    translation = translated(eds_cluster("c", service))
    found = translation.objects[Key(Kind.CLUSTER, "c")]
    assert isinstance(found, Cluster)
    assert found.endpoints == f"eds/{expected}"
    assert translation.needs == {expected}
    assert not any(key.kind is Kind.ENDPOINTS for key in translation.objects)


def test_endpoints_that_are_not_healthy_get_no_sessions_and_doubles_count_once() -> None:
    resource = eds(
        "s",
        endpoint(1, health_status="HEALTHY"),
        endpoint(2, health_status="UNHEALTHY"),
        endpoint(3, health_status="DRAINING"),
        endpoint(4, health_status="DEGRADED"),
        endpoint(1, load_balancing_weight=7),
    )
    found = made(resource, Kind.ENDPOINTS, "eds/s")
    assert isinstance(found, EndpointSet)
    assert [(one.port, one.weight) for one in found.endpoints] == [(1, 1), (4, 1)]

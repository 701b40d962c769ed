"""An Envoy bootstrap: node, management server, static resources."""

import copy

import pytest
from support.resources import Resource, address, assignment, endpoint, tcp_proxy

from l7mp_mesh import api
from l7mp_mesh.api import Json
from l7mp_mesh.control.xds.bootstrap import read_bootstrap
from l7mp_mesh.model.errors import ConfigError
from l7mp_mesh.model.snapshot import Key, Kind

ADS = "dynamic_resources.ads_config"

GOOD: Resource = {
    "node": {"id": "me", "cluster": "demo", "metadata": {"zone": "a"}},
    "dynamic_resources": {
        "ads_config": {
            "api_type": "GRPC",
            "transport_api_version": "V3",
            "grpc_services": [{"envoy_grpc": {"cluster_name": "xds"}}],
        },
        "lds_config": {"ads": {}, "resource_api_version": "V3"},
        "cds_config": {"ads": {}},
    },
    "static_resources": {
        "clusters": [
            {"name": "c", "type": "STATIC", "load_assignment": assignment("c", endpoint(1))},
            {
                "name": "xds",
                "type": "STRICT_DNS",
                "http2_protocol_options": {},
                "load_assignment": assignment("xds", {"endpoint": {"address": address(18000, "server")}}),
            },
        ],
        "listeners": [
            {
                "name": "l",
                "address": address(80),
                "filter_chains": [{"filters": [{"name": "f", "typed_config": tcp_proxy(cluster="c")}]}],
            }
        ],
    },
}


def changed(path: str, value: Json) -> Resource:
    """GOOD with one part replaced; None takes it away."""
    made = copy.deepcopy(GOOD)
    *parents, last = (int(part) if part.isdigit() else part for part in path.split("/"))
    place: Json = made
    for part in parents:
        place = place[part]  # type: ignore[index, call-overload]
    if value is None:
        del place[last]  # type: ignore[index, arg-type]
    else:
        place[last] = value  # type: ignore[index, call-overload]
    return made


def test_a_bootstrap_says_who_we_are_where_the_server_is_and_what_is_static() -> None:
    bootstrap = read_bootstrap(GOOD)
    node = api.to_json(bootstrap.node)
    assert (node["id"], node["cluster"], node["metadata"]) == ("me", "demo", {"zone": "a"})
    assert node["user_agent_name"] == "l7mp-mesh"
    assert bootstrap.target == "server:18000"
    assert Key(Kind.CLUSTER, "c") in bootstrap.static
    assert Key(Kind.LISTENER, "l") in bootstrap.static
    assert Key(Kind.CLUSTER, "xds") not in bootstrap.static


def test_the_server_may_be_given_by_address() -> None:
    service: Json = {"google_grpc": {"target_uri": "host:1", "stat_prefix": "x"}}
    resource = changed("dynamic_resources/ads_config/grpc_services/0", service)
    resource["static_resources"] = {}
    assert read_bootstrap(resource).target == "host:1"


def test_an_ipv6_server_is_written_in_brackets() -> None:
    place = "static_resources/clusters/1/load_assignment/endpoints/0/lb_endpoints/0/endpoint/address"
    assert read_bootstrap(changed(place, address(1, "::1"))).target == "[::1]:1"


@pytest.mark.parametrize(
    ("place", "value", "path", "why"),
    [
        ("node/id", None, "node.id", "missing"),
        ("nod", {}, "nod", "no field"),
        ("stats_sinks", [{"name": "x"}], "stats_sinks", "not supported"),
        ("dynamic_resources/ads_config", None, ADS, "missing"),
        ("dynamic_resources/ads_config/api_type", "REST", f"{ADS}.api_type", "expected GRPC"),
        ("dynamic_resources/ads_config/api_type", "NOPE", f"{ADS}.api_type", "expected one of"),
        ("dynamic_resources/ads_config/grpc_services", [], f"{ADS}.grpc_services", "got 0"),
        (
            "dynamic_resources/ads_config/grpc_services/0/envoy_grpc/cluster_name",
            "nope",
            f"{ADS}.grpc_services[0].envoy_grpc.cluster_name",
            "no static cluster is called 'nope'",
        ),
        ("dynamic_resources/lds_config", {"path": "x"}, "dynamic_resources.lds_config.path", "not supported"),
        (
            "dynamic_resources/lds_config/resource_api_version",
            "V2",
            "dynamic_resources.lds_config.resource_api_version",
            "expected V3",
        ),
        (
            "static_resources/clusters/1/load_assignment/endpoints",
            [],
            "static_resources.clusters[1].load_assignment.endpoints",
            "one endpoint",
        ),
        (
            "static_resources/clusters/0/lb_policy",
            "MAGLEV",
            "static_resources.clusters[0].lb_policy",
            "MAGLEV",
        ),
        ("static_resources/listeners/0/name", "", "static_resources.listeners[0].name", "missing"),
    ],
)
def test_what_is_wrong_with_a_bootstrap_is_named_by_its_path(
    place: str, value: Json, path: str, why: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        read_bootstrap(changed(place, value))
    assert caught.value.path == path
    assert why in caught.value.why

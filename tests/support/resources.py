"""Envoy resources as JSON, as short as they can be."""

from __future__ import annotations

from l7mp_mesh import api
from l7mp_mesh.api import Json

LISTENER = "envoy.config.listener.v3.Listener"
CLUSTER = "envoy.config.cluster.v3.Cluster"
ROUTES = "envoy.config.route.v3.RouteConfiguration"
ENDPOINTS = "envoy.config.endpoint.v3.ClusterLoadAssignment"
HCM = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
TCP_PROXY = "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy"
ROUTER = "envoy.extensions.filters.http.router.v3.Router"

Resource = dict[str, Json]

ADS: Resource = {"ads": {}, "resource_api_version": "V3"}


def typed(message: str, **fields: Json) -> Resource:
    return {"@type": api.type_url(message), **fields}


def address(port: int, host: str = "127.0.0.1") -> Resource:
    return {"socket_address": {"address": host, "port_value": port}}


def listener(name: str, config: Resource, port: int = 8080) -> Resource:
    chain: Resource = {"filters": [{"name": "filter", "typed_config": config}]}
    return typed(LISTENER, name=name, address=address(port), filter_chains=[chain])


def hcm(**fields: Json) -> Resource:
    router: Resource = {"name": "envoy.filters.http.router", "typed_config": typed(ROUTER)}
    return typed(HCM, **{"stat_prefix": "s", "http_filters": [router], **fields})


def http_rds(name: str, routes: str, port: int = 8080) -> Resource:
    return listener(name, hcm(rds={"config_source": ADS, "route_config_name": routes}), port)


def tcp_proxy(**fields: Json) -> Resource:
    return typed(TCP_PROXY, stat_prefix="s", **fields)


def host(name: str, domains: list[Json], *routes: Json) -> Resource:
    return {"name": name, "domains": domains, "routes": list(routes)}


def route(match: Resource, cluster: str = "c") -> Resource:
    return {"match": match, "route": {"cluster": cluster}}


def routes(name: str, *hosts: Json) -> Resource:
    return typed(ROUTES, name=name, virtual_hosts=list(hosts))


def all_to(name: str, cluster: str) -> Resource:
    return routes(name, host("all", ["*"], route({"prefix": "/"}, cluster)))


def endpoint(port: int, **fields: Json) -> Resource:
    return {"endpoint": {"address": address(port)}, **fields}


def assignment(name: str, *endpoints: Json) -> Resource:
    return {"cluster_name": name, "endpoints": [{"lb_endpoints": list(endpoints)}]}


def eds(name: str, *endpoints: Json) -> Resource:
    return typed(ENDPOINTS, **assignment(name, *endpoints))


def static(name: str, *endpoints: Json, **fields: Json) -> Resource:
    return typed(CLUSTER, name=name, type="STATIC", load_assignment=assignment(name, *endpoints), **fields)


def eds_cluster(name: str, service: str = "") -> Resource:
    config: Resource = {"eds_config": ADS}
    if service:
        config["service_name"] = service
    return typed(CLUSTER, name=name, type="EDS", eds_cluster_config=config)

"""Who we are, where the management server is, and what is there without it: an Envoy bootstrap.

Of envoy.config.bootstrap.v3.Bootstrap: `node`, `dynamic_resources` by ADS over gRPC, `static_resources`. The
cluster that leads to the management server is for this client alone and becomes no cluster of the model.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from google.protobuf.message import Message

from l7mp_mesh import api
from l7mp_mesh.api import ApiError
from l7mp_mesh.control.xds.translate import translate
from l7mp_mesh.control.xds.translate.fields import from_ads, only, required, socket_address, under
from l7mp_mesh.model.errors import ConfigError
from l7mp_mesh.model.snapshot import Key, Object

log = logging.getLogger("l7mp_mesh.xds")

ADS = "dynamic_resources.ads_config"


@dataclass(frozen=True, slots=True)
class XdsBootstrap:
    """What a dataplane starts from."""

    node: Message
    """envoy.config.core.v3.Node, sent with the first request of a stream."""
    target: str
    """Management server, "host:port"."""
    static: Mapping[Key, Object]
    """Objects of `static_resources`."""


def read_bootstrap(value: api.Json) -> XdsBootstrap:
    """The bootstrap in a JSON (or YAML) value. Raises ConfigError with the path of what is wrong."""
    try:
        bootstrap: api.Proto = api.from_json(value, "envoy.config.bootstrap.v3.Bootstrap")
    except ApiError as error:
        raise ConfigError(error.path, error.why) from error
    only(bootstrap, "", "node", "dynamic_resources", "static_resources", "admin")
    if bootstrap.HasField("admin"):
        log.warning("bootstrap: `admin` has no effect")
    servers, target = _server(bootstrap)
    objects: dict[Key, Object] = {}
    for path, resource in _static(bootstrap, servers):
        try:
            objects.update(translate(resource).objects)
        except ConfigError as error:
            raise ConfigError(under(path, error.path) if error.path else path, error.why) from error
    return XdsBootstrap(_node(bootstrap.node), target, objects)


def _node(node: api.Proto) -> Message:
    required(node.id, "node.id")
    made: api.Proto = api.message("envoy.config.core.v3.Node")()
    made.CopyFrom(node)
    made.user_agent_name = made.user_agent_name or "l7mp-mesh"
    assert isinstance(made, Message)
    return made


def _static(bootstrap: api.Proto, servers: frozenset[str]) -> Iterator[tuple[str, api.Proto]]:
    only(bootstrap.static_resources, "static_resources", "clusters", "listeners")
    for index, cluster in enumerate(bootstrap.static_resources.clusters):
        if cluster.name not in servers:
            yield f"static_resources.clusters[{index}]", cluster
    for index, listener in enumerate(bootstrap.static_resources.listeners):
        yield f"static_resources.listeners[{index}]", listener


def _server(bootstrap: api.Proto) -> tuple[frozenset[str], str]:
    """Name of the management server's cluster (none if it is given by address), and "host:port"."""
    dynamic = bootstrap.dynamic_resources
    only(dynamic, "dynamic_resources", "ads_config", "lds_config", "cds_config")
    for name in ("lds_config", "cds_config"):
        if dynamic.HasField(name):
            from_ads(getattr(dynamic, name), f"dynamic_resources.{name}")
    if not dynamic.HasField("ads_config"):
        raise ConfigError(ADS, "is missing")
    ads = dynamic.ads_config
    only(ads, ADS, "api_type", "transport_api_version", "grpc_services", "set_node_on_first_message_only")
    if ads.api_type != ads.GRPC:
        raise ConfigError(f"{ADS}.api_type", "expected GRPC")
    if len(ads.grpc_services) != 1:
        raise ConfigError(f"{ADS}.grpc_services", f"expected one, got {len(ads.grpc_services)}")
    service, path = ads.grpc_services[0], f"{ADS}.grpc_services[0]"
    only(service, path, "envoy_grpc", "google_grpc", "timeout")
    if service.HasField("google_grpc"):
        only(service.google_grpc, f"{path}.google_grpc", "target_uri", "stat_prefix")
        return frozenset(), required(service.google_grpc.target_uri, f"{path}.google_grpc.target_uri")
    path = f"{path}.envoy_grpc"
    only(service.envoy_grpc, path, "cluster_name")
    name = required(service.envoy_grpc.cluster_name, f"{path}.cluster_name")
    for index, cluster in enumerate(bootstrap.static_resources.clusters):
        if cluster.name == name:
            return frozenset([name]), _target(cluster, f"static_resources.clusters[{index}]")
    raise ConfigError(f"{path}.cluster_name", f"no static cluster is called {name!r}")


def _target(cluster: api.Proto, path: str) -> str:
    """The first address of a cluster."""
    if cluster.HasField("transport_socket"):
        raise ConfigError(f"{path}.transport_socket", "not supported")
    endpoints = cluster.load_assignment.endpoints
    if not endpoints or not endpoints[0].lb_endpoints:
        raise ConfigError(f"{path}.load_assignment.endpoints", "expected one endpoint at least")
    first = f"{path}.load_assignment.endpoints[0].lb_endpoints[0].endpoint.address"
    address, port = socket_address(endpoints[0].lb_endpoints[0].endpoint.address, first)
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"

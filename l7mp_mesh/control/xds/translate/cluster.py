"""envoy.config.cluster.v3.Cluster, by which both HTTP routes and TCP proxies name their upstream.

A cluster of ours speaks one protocol, so an Envoy cluster `c` becomes two, `c` for HTTP and `tcp/c`, with one
set of endpoints. DNS names are resolved when an endpoint is connected to.
"""

from __future__ import annotations

from l7mp_mesh import api
from l7mp_mesh.control.xds.translate.endpoint import eds_name, endpoint_set
from l7mp_mesh.control.xds.translate.fields import enum_word, from_ads, only, required, seconds, typed
from l7mp_mesh.control.xds.translate.native import NATIVE_CLUSTER, native_cluster
from l7mp_mesh.control.xds.translate.protocol import http_cluster, tcp_cluster
from l7mp_mesh.control.xds.translate.translation import Translation
from l7mp_mesh.model.cluster import Cluster, LbPolicy, LoadBalancing
from l7mp_mesh.model.endpoints import EndpointSet
from l7mp_mesh.model.errors import ConfigError

CONNECT_TIMEOUT = 5.0
"""Envoy's default."""

COMMON = ("name", "type", "lb_policy", "connect_timeout", "alt_stat_name", "metadata")
WITH_ADDRESSES = (*COMMON, "load_assignment", "dns_lookup_family")
WITH_EDS = (*COMMON, "eds_cluster_config")
NATIVE = ("name", "cluster_type", "load_assignment", "eds_cluster_config", "metadata")

POLICIES = {
    "ROUND_ROBIN": LbPolicy.ROUND_ROBIN,
    "RANDOM": LbPolicy.RANDOM,
    "RING_HASH": LbPolicy.HASH_RING,
}
"""Envoy's policies; a ring without a hash policy places a session at random, as there."""


def tcp_name(cluster: str) -> str:
    """Name of the TCP side of an Envoy cluster."""
    return f"tcp/{cluster}"


def cluster(resource: api.Proto) -> Translation:
    """A CDS resource."""
    name = required(resource.name, "name")
    if resource.WhichOneof("cluster_discovery_type") == "cluster_type":
        return _extension(resource, name)
    kind = enum_word(resource, "type")
    if kind in ("STATIC", "STRICT_DNS", "LOGICAL_DNS"):
        only(resource, "", *WITH_ADDRESSES)
    elif kind == "EDS":
        only(resource, "", *WITH_EDS)
    else:
        raise ConfigError("type", f"not supported: {kind}")
    endpoints, needs = _endpoints(resource, name)
    return Translation.of([*_pair(resource, name, endpoints.name), *_brought(endpoints, needs)], needs)


def _pair(resource: api.Proto, name: str, endpoints: str) -> tuple[Cluster, Cluster]:
    balancing = LoadBalancing(_policy(resource))
    timeout = CONNECT_TIMEOUT
    if resource.HasField("connect_timeout"):
        timeout = seconds(resource.connect_timeout, "connect_timeout")
        if timeout == 0:
            raise ConfigError("connect_timeout", "expected more than 0s")
    return (
        Cluster(name, http_cluster(), endpoints, balancing, timeout),
        Cluster(tcp_name(name), tcp_cluster(), endpoints, balancing, timeout),
    )


def _endpoints(resource: api.Proto, name: str) -> tuple[EndpointSet, frozenset[str]]:
    """The set that a cluster uses, and the EDS service that brings it if the cluster does not."""
    if not resource.HasField("eds_cluster_config"):
        if resource.type == resource.EDS:
            raise ConfigError("eds_cluster_config", "is missing")
        return endpoint_set(resource.load_assignment, name, "load_assignment"), frozenset()
    config = resource.eds_cluster_config
    only(config, "eds_cluster_config", "eds_config", "service_name")
    from_ads(config.eds_config, "eds_cluster_config.eds_config")
    service = config.service_name or name
    return EndpointSet(eds_name(service)), frozenset([service])


def _brought(endpoints: EndpointSet, needs: frozenset[str]) -> list[EndpointSet]:
    return [] if needs else [endpoints]


def _extension(resource: api.Proto, name: str) -> Translation:
    path = "cluster_type.typed_config"
    config = typed(resource.cluster_type.typed_config, path)
    if config.DESCRIPTOR.full_name != NATIVE_CLUSTER:
        raise ConfigError(path, f"not supported: {config.DESCRIPTOR.full_name}")
    only(resource, "", *NATIVE)
    if not (resource.HasField("load_assignment") or resource.HasField("eds_cluster_config")):
        return native_cluster(config, name, path)
    endpoints, needs = _endpoints(resource, name)
    made = native_cluster(config, name, path, endpoints.name)
    return Translation.of([*made.objects.values(), *_brought(endpoints, needs)], needs)


def _policy(resource: api.Proto) -> LbPolicy:
    name = enum_word(resource, "lb_policy")
    policy = POLICIES.get(name)
    if policy is None:
        raise ConfigError("lb_policy", f"not supported: {name}, only {', '.join(POLICIES)}")
    return policy

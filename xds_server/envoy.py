"""Messages to resources: name, version, and what they refer to."""

from __future__ import annotations

from collections.abc import Iterator

from l7mp_mesh import api
from xds_server.snapshot import Reference, Resource
from xds_server.types import CDS, EDS, PREFIX, RDS, TYPES, ResourceType, known_type

WRAPPER = "envoy.service.discovery.v3.Resource"
PREDEFINED = frozenset({"controller", "monitor_responder"})
"""Clusters that every l7mp-mesh has."""


def resource_from_json(value: api.Json) -> Resource:
    """The resource that an object with "@type" describes, wrapped or bare. Raises ApiError."""
    message: api.Proto = api.from_json(value)
    if message.DESCRIPTOR.full_name == WRAPPER:
        message = api.unpack(message.resource)
    return resource_of(message)


def resource_of(message: api.Proto) -> Resource:
    """A message as a resource. Raises ApiError if it is of a type that xDS does not serve, or has no name."""
    full_name = message.DESCRIPTOR.full_name
    kind = known_type(PREFIX + full_name)
    if kind is None:
        raise api.ApiError("@type", f"{full_name} is no xDS resource; expected one of {_type_names()}")
    name = getattr(message, kind.name_field)
    if not name:
        raise api.ApiError(kind.name_field, f"expected the name of the {kind.short} resource")
    packed: api.Proto = api.pack(message)
    references = tuple(dict.fromkeys(_references(kind, name, api.to_json(message))))
    return Resource.of(kind.url, name, api.canonical_bytes(message), packed.SerializeToString(), references)


def _type_names() -> str:
    return ", ".join(kind.message for kind in TYPES)


def _references(kind: ResourceType, name: str, value: api.Json) -> Iterator[Reference]:
    if kind is CDS:
        yield from _endpoints(name, value)
    elif kind is not EDS:
        yield from _targets(value)


def _endpoints(name: str, cluster: api.Json) -> Iterator[Reference]:
    match cluster:
        case {"eds_cluster_config": {"eds_config": {"path_config_source": _} | {"path": _}}}:
            return
        case {"eds_cluster_config": {"service_name": str(service)}}:
            yield Reference(EDS.url, service)
        case {"eds_cluster_config": _}:
            yield Reference(EDS.url, name)


def _targets(value: api.Json) -> Iterator[Reference]:
    """Clusters and route configurations named anywhere inside listeners and routes, native ones included."""
    if isinstance(value, list):
        for item in value:
            yield from _targets(item)
    if not isinstance(value, dict):
        return
    for key, item in value.items():
        match key, item:
            case "rds", {"route_config_name": str(name)}:
                yield Reference(RDS.url, name)
            case "weighted_clusters", {"clusters": list(clusters)}:
                yield from (Reference(CDS.url, name) for name in _names(clusters))
            case (("cluster" | "destination"), str(name)) if name not in PREDEFINED:
                yield Reference(CDS.url, name)
        yield from _targets(item)


def _names(items: list[api.Json]) -> Iterator[str]:
    for item in items:
        match item:
            case {"name": str(name)}:
                yield name

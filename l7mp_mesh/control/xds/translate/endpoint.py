"""envoy.config.endpoint.v3.ClusterLoadAssignment: endpoints by address, weight and health."""

from __future__ import annotations

from collections.abc import Iterator

from l7mp_mesh import api
from l7mp_mesh.control.xds.translate.fields import enum_word, only, required, socket_address, under
from l7mp_mesh.control.xds.translate.translation import Translation
from l7mp_mesh.model.endpoints import Endpoint, EndpointSet
from l7mp_mesh.model.errors import ConfigError

LEFT_OUT = ("UNHEALTHY", "DRAINING", "TIMEOUT")
"""Health states whose endpoints get no new sessions."""


def eds_name(service: str) -> str:
    """Name of the endpoint set of an EDS service; apart from those that clusters bring themselves."""
    return f"eds/{service}"


def load_assignment(assignment: api.Proto) -> Translation:
    """An EDS resource."""
    service = required(assignment.cluster_name, "cluster_name")
    return Translation.of([endpoint_set(assignment, eds_name(service), "")])


def endpoint_set(assignment: api.Proto, name: str, path: str) -> EndpointSet:
    """The endpoints of an assignment, under `name`; an address given twice counts once."""
    only(assignment, path, "cluster_name", "endpoints")
    made: dict[str, Endpoint] = {}
    for index, locality in enumerate(assignment.endpoints):
        for endpoint in _locality(locality, name, under(path, f"endpoints[{index}]")):
            made.setdefault(endpoint.name, endpoint)
    return EndpointSet(name, tuple(made.values()))


def _locality(locality: api.Proto, owner: str, path: str) -> Iterator[Endpoint]:
    # Weights of localities count under a locality policy alone, and there is none.
    if locality.priority:
        raise ConfigError(under(path, "priority"), f"not supported: priority {locality.priority}, only 0")
    only(locality, path, "locality", "lb_endpoints", "load_balancing_weight", "metadata", "proximity")
    for index, endpoint in enumerate(locality.lb_endpoints):
        made = _endpoint(endpoint, owner, under(path, f"lb_endpoints[{index}]"))
        if made is not None:
            yield made


def _endpoint(lb_endpoint: api.Proto, owner: str, path: str) -> Endpoint | None:
    only(lb_endpoint, path, "endpoint", "health_status", "metadata", "load_balancing_weight")
    here = under(path, "endpoint")
    only(lb_endpoint.endpoint, here, "address", "hostname")
    place = under(here, "address")
    address, port = socket_address(lb_endpoint.endpoint.address, place)
    if port == 0:
        raise ConfigError(under(place, "socket_address.port_value"), "expected a port in 1..65535, got 0")
    if enum_word(lb_endpoint, "health_status") in LEFT_OUT:
        return None
    weight = lb_endpoint.load_balancing_weight.value if lb_endpoint.HasField("load_balancing_weight") else 1
    if weight < 1:
        raise ConfigError(under(path, "load_balancing_weight"), "expected 1 or more, got 0")
    shown = f"[{address}]" if ":" in address else address
    return Endpoint(f"{owner}/{shown}:{port}", address, port, weight)

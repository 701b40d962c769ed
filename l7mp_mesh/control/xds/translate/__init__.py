"""Envoy's resources in our model, one function per message.

A function takes a message and the path of its field, and raises ConfigError with the path of what it can not
translate. Names it makes up: `rds/<route configuration>`, `eds/<service>`, `lds/<listener>`, `tcp/<cluster>`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from l7mp_mesh import api
from l7mp_mesh.api.validate import violations
from l7mp_mesh.control.xds.translate.cluster import cluster
from l7mp_mesh.control.xds.translate.endpoint import load_assignment
from l7mp_mesh.control.xds.translate.listener import listener
from l7mp_mesh.control.xds.translate.route import rds_route_configuration
from l7mp_mesh.control.xds.translate.translation import Translation
from l7mp_mesh.model.errors import ConfigError

__all__ = ["TRANSLATORS", "Translation", "translate"]

TRANSLATORS: Mapping[str, Callable[[api.Proto], Translation]] = {
    "envoy.config.cluster.v3.Cluster": cluster,
    "envoy.config.endpoint.v3.ClusterLoadAssignment": load_assignment,
    "envoy.config.listener.v3.Listener": listener,
    "envoy.config.route.v3.RouteConfiguration": rds_route_configuration,
}
"""Resource message to its translator."""


def translate(resource: api.Proto) -> Translation:
    """What a resource becomes. Raises ConfigError with the path of the field that can not be used."""
    name = resource.DESCRIPTOR.full_name
    translator = TRANSLATORS.get(name)
    if translator is None:
        raise ConfigError("", f"not supported: {name}")
    # The translators say what is not supported; what Envoy would refuse as well comes after that.
    made = translator(resource)
    for violation in violations(resource):
        raise ConfigError(violation.path, violation.why)
    return made

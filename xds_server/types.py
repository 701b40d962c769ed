"""The resource types of xDS, in the order in which they are pushed.

Clusters come before what points at them, so that no route ever names a cluster the client has not seen
(make before break): CDS, EDS, LDS, RDS, then the rest.
"""

from __future__ import annotations

from dataclasses import dataclass

PREFIX = "type.googleapis.com/"


@dataclass(frozen=True, slots=True)
class ResourceType:
    """What the protocol needs to know of one type of resource."""

    short: str
    """How people call it: "CDS"; for a type that is not in the table, the last word of its name."""
    message: str
    """Full protobuf name of the resource."""
    name_field: str = "name"
    """Field of the message that holds the resource's name."""
    service: str = ""
    """gRPC service and method that carry this type alone; empty if there is none in SotW."""
    is_complete: bool = False
    """Each SotW response holds all resources subscribed to, and absence means removal."""
    is_wildcard: bool = False
    """A client that never named a resource gets all of them."""
    order: int = 99
    """Place in a push."""

    @property
    def url(self) -> str:
        """The type URL."""
        return PREFIX + self.message


_SERVICE = "envoy.service"

TYPES: tuple[ResourceType, ...] = (
    ResourceType(
        "CDS", "envoy.config.cluster.v3.Cluster", order=0, is_complete=True, is_wildcard=True,
        service=f"{_SERVICE}.cluster.v3.ClusterDiscoveryService/StreamClusters",
    ),
    ResourceType(
        "EDS", "envoy.config.endpoint.v3.ClusterLoadAssignment", "cluster_name", order=1,
        service=f"{_SERVICE}.endpoint.v3.EndpointDiscoveryService/StreamEndpoints",
    ),
    ResourceType(
        "LDS", "envoy.config.listener.v3.Listener", order=2, is_complete=True, is_wildcard=True,
        service=f"{_SERVICE}.listener.v3.ListenerDiscoveryService/StreamListeners",
    ),
    ResourceType(
        "RDS", "envoy.config.route.v3.RouteConfiguration", order=3,
        service=f"{_SERVICE}.route.v3.RouteDiscoveryService/StreamRoutes",
    ),
    ResourceType(
        "SRDS", "envoy.config.route.v3.ScopedRouteConfiguration", order=4,
        service=f"{_SERVICE}.route.v3.ScopedRoutesDiscoveryService/StreamScopedRoutes",
    ),
    ResourceType("VHDS", "envoy.config.route.v3.VirtualHost", order=5),
    ResourceType(
        "SDS", "envoy.extensions.transport_sockets.tls.v3.Secret", order=6,
        service=f"{_SERVICE}.secret.v3.SecretDiscoveryService/StreamSecrets",
    ),
    ResourceType(
        "RTDS", "envoy.service.runtime.v3.Runtime", order=7,
        service=f"{_SERVICE}.runtime.v3.RuntimeDiscoveryService/StreamRuntime",
    ),
    ResourceType(
        "ECDS", "envoy.config.core.v3.TypedExtensionConfig", order=8,
        service=f"{_SERVICE}.extension.v3.ExtensionConfigDiscoveryService/StreamExtensionConfigs",
    ),
)  # fmt: skip

AGGREGATED = f"{_SERVICE}.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources"

_BY_URL = {kind.url: kind for kind in TYPES}
_BY_SHORT = {kind.short: kind for kind in TYPES}


def known_type(url: str) -> ResourceType | None:
    """The type with this URL, if it is one that xDS serves."""
    return _BY_URL.get(url)


def type_of(url: str) -> ResourceType:
    """The type with this URL; one nobody knows is carried as it is, after all others."""
    message = url.removeprefix(PREFIX)
    return _BY_URL.get(url) or ResourceType(message.rpartition(".")[2], message)


def type_named(short: str) -> ResourceType:
    """The type people call `short`: "CDS". Raises KeyError."""
    return _BY_SHORT[short]


CDS, EDS, LDS, RDS = TYPES[:4]

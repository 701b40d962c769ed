"""The types of resources that the dataplane asks for."""

from __future__ import annotations

from enum import Enum

from l7mp_mesh import api


class ResourceType(Enum):
    """A type of discovery resource; the value is its message, the order is that of the requests."""

    CDS = "envoy.config.cluster.v3.Cluster"
    EDS = "envoy.config.endpoint.v3.ClusterLoadAssignment"
    LDS = "envoy.config.listener.v3.Listener"
    RDS = "envoy.config.route.v3.RouteConfiguration"

    @property
    def url(self) -> str:
        """How requests and responses call the type."""
        return api.type_url(self.value)

    @property
    def word(self) -> str:
        """How messages for people call one resource of the type."""
        return _WORDS[self]

    @property
    def source(self) -> str:
        """Owner of the objects made of such resources (`Update.source`)."""
        return f"xds:{self.name.lower()}"

    @property
    def is_complete(self) -> bool:
        """A response holds all there is: what is absent was removed."""
        return self in (ResourceType.CDS, ResourceType.LDS)

    @property
    def dependent(self) -> ResourceType | None:
        """The type whose resources this one's refer to by name."""
        return {ResourceType.CDS: ResourceType.EDS, ResourceType.LDS: ResourceType.RDS}.get(self)


_WORDS = {
    ResourceType.CDS: "cluster",
    ResourceType.EDS: "cluster load assignment",
    ResourceType.LDS: "listener",
    ResourceType.RDS: "route configuration",
}

BY_URL = {type_.url: type_ for type_ in ResourceType}

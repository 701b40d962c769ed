"""The endpoints of a cluster.

Source: L7mp EndPoint; envoy.config.endpoint.v3.ClusterLoadAssignment.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address behind a cluster."""

    name: str
    address: str
    """IP address, DNS name, or path of a UNIX socket."""
    port: int | None = None
    """Overrides the port of the cluster."""
    weight: int = 1
    """Share of the load, relative to the other endpoints; at least 1."""


@dataclass(frozen=True, slots=True)
class EndpointSet:
    """All endpoints known under one name: a cluster's own name, or its EDS service name."""

    name: str
    endpoints: tuple[Endpoint, ...] = ()

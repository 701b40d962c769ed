"""What travels on a stream, as values: the sans-io classes know nothing of protobuf."""

from __future__ import annotations

from dataclasses import dataclass

from xds_server.snapshot import Resource


@dataclass(frozen=True, slots=True)
class Request:
    """A `DiscoveryRequest` (SotW)."""

    type_url: str = ""
    names: tuple[str, ...] = ()
    """Everything the client subscribes to, each time."""
    nonce: str = ""
    """Of the response it answers; empty on the first request of a type."""
    version: str = ""
    """What the client has; informational here."""
    error: str | None = None
    """The presence of it, whatever its text, makes the request a NACK."""
    node: str = ""
    """Node id; clients may send it on the first request only."""


@dataclass(frozen=True, slots=True)
class Response:
    """A `DiscoveryResponse` (SotW)."""

    type_url: str
    version: str
    nonce: str
    resources: tuple[Resource, ...]


class StreamRefused(Exception):
    """The client broke the protocol: its stream is closed with INVALID_ARGUMENT and this text."""

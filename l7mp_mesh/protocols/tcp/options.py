"""What can be configured of TCP."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from l7mp_mesh.model.options import Between, Port, RemotePort, option

Backlog = Annotated[int, Between(1, 65535)]
"""Length of an accept queue; the system may allow less."""

Limit = Annotated[int, Between(0, 1 << 30)]
"""How many there may be at once; 0: any number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpListenerOptions:
    """Where a TCP listener binds. Source: L7mp listener spec; envoy.config.core.v3.SocketAddress."""

    port: Port = field(metadata=option(doc="Port to bind; 0 lets the system choose."))
    address: str = field(
        default="",
        metadata=option("host", doc="Address to bind; empty binds all, IPv4 and IPv6."),
    )
    backlog: Backlog = field(default=1024, metadata=option(doc="Length of the accept queue (listen(2))."))
    max_connections: Limit = field(
        default=0,
        metadata=option(doc="Connections at once, more are reset; 0: as many as the system allows."),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class BindOptions:
    """Local end of an upstream connection. Source: L7mp cluster spec `bind`."""

    address: str = field(default="", metadata=option(doc="Source address; empty lets the system choose."))
    port: Port = field(default=0, metadata=option(doc="Source port; 0 lets the system choose."))


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpClusterOptions:
    """How a TCP cluster reaches its endpoints. Source: L7mp cluster spec."""

    port: RemotePort | None = field(
        default=None, metadata=option(doc="Port of every endpoint that has none of its own.")
    )
    bind: BindOptions | None = field(default=None, metadata=option(doc="Source address and port."))

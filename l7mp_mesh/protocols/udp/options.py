"""What can be configured of UDP."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from l7mp_mesh.model.errors import ConfigError
from l7mp_mesh.model.options import Port, RemotePort, Seconds, option
from l7mp_mesh.protocols.tcp.options import BindOptions, Limit

IDLE_TIMEOUT = 60.0
"""Seconds; Envoy's udp_proxy has the same default."""

MAX_SESSIONS = 32768
"""A session holds a port of ours towards its endpoint, and a system has not more of them to choose from."""


class Mode(Enum):
    """How many sessions a UDP listener emits."""

    SINGLETON = "singleton"
    """One, to the peer named by `connect`, emitted when the listener starts."""
    SERVER = "server"
    """One for every peer address and port."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectOptions:
    """The peer that a listener talks to; what is not given is not checked (half-connected)."""

    address: str | None = field(default=None, metadata=option(doc="Peer address; absent accepts any."))
    port: RemotePort | None = field(default=None, metadata=option(doc="Peer port; absent accepts any."))


@dataclass(frozen=True, slots=True, kw_only=True)
class UdpModeOptions:
    """L7mp listener spec `options`."""

    mode: Mode | None = field(
        default=None, metadata=option(doc="Absent: singleton iff `connect` has address and port.")
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class UdpListenerOptions:
    """Where a UDP listener binds and whom it listens to. Source: L7mp listener spec."""

    port: Port = field(metadata=option(doc="Port to bind; 0 lets the system choose."))
    address: str = field(default="", metadata=option("host", doc="Address to bind; empty binds all."))
    connect: ConnectOptions = field(default=ConnectOptions(), metadata=option(doc="Accept this peer only."))
    options: UdpModeOptions = field(
        default=UdpModeOptions(), metadata=option("option", doc="How sessions are emitted.")
    )
    idle_timeout: Seconds = field(
        default=IDLE_TIMEOUT,
        metadata=option(doc="Seconds without a datagram in either direction that end a session; 0: never."),
    )
    max_sessions: Limit = field(
        default=MAX_SESSIONS,
        metadata=option(doc="Sessions at once; datagrams of further peers are dropped. 0: no limit."),
    )

    def __post_init__(self) -> None:
        if self.options.mode is Mode.SINGLETON and not self.is_fully_connected:
            raise ConfigError(
                "options.mode",
                "Singleton mode requested but connect.address and connect.port are not both given",
            )

    @property
    def is_fully_connected(self) -> bool:
        """True when both ends of the one flow are known."""
        return self.connect.address is not None and self.connect.port is not None

    @property
    def mode(self) -> Mode:
        """The mode in force."""
        if self.options.mode is not None:
            return self.options.mode
        return Mode.SINGLETON if self.is_fully_connected else Mode.SERVER


@dataclass(frozen=True, slots=True, kw_only=True)
class UdpClusterOptions:
    """How a UDP cluster reaches its endpoints. Source: L7mp cluster spec."""

    port: RemotePort | None = field(
        default=None, metadata=option(doc="Port of every endpoint that has none of its own.")
    )
    bind: BindOptions | None = field(default=None, metadata=option(doc="Source address and port."))
    connect: ConnectOptions | None = field(
        default=None, metadata=option(doc="Accepted as in the concept document; `port` there wins.")
    )

    @property
    def endpoint_port(self) -> int | None:
        """Port of endpoints that have none of their own."""
        return self.connect.port if self.connect is not None and self.connect.port else self.port

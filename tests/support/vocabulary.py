"""A small protocol table of its own: the words and options that configurations in tests use."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from enum import Enum
from typing import Annotated

from l7mp_mesh.control.native.vocabulary import Vocabulary
from l7mp_mesh.model.errors import ConfigError
from l7mp_mesh.model.options import Between, NoOptions, Port, RemotePort, Seconds, option
from l7mp_mesh.model.value import Frozen, FrozenObject
from l7mp_mesh.ports.environment import Environment
from l7mp_mesh.ports.layer import Acceptor
from l7mp_mesh.ports.leg import Kind
from l7mp_mesh.ports.upstream import Connector
from l7mp_mesh.protocols.base import ClusterRole, ListenerRole, Protocol


class Mode(Enum):
    SINGLETON = "singleton"
    SERVER = "server"


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    address: str | None = field(default=None, metadata=option(doc="Peer address."))
    port: RemotePort | None = field(default=None, metadata=option(doc="Peer port."))


@dataclass(frozen=True, slots=True, kw_only=True)
class Modes:
    mode: Mode | None = field(default=None, metadata=option(doc="How sessions are emitted."))


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    port: Port = field(metadata=option(doc="Port to bind."))
    address: str = field(default="", metadata=option("host", doc="Address to bind."))
    connect: Peer = field(default=Peer(), metadata=option(doc="Accept this peer only."))
    options: Modes = field(default=Modes(), metadata=option("option", doc="How sessions are emitted."))
    idle_timeout: Seconds = field(default=60.0, metadata=option(doc="Seconds of silence."))
    backlog: Annotated[int, Between(1, 65535)] | None = None
    protocols: tuple[str, ...] = ()
    peers: tuple[Peer, ...] = ()
    ports: tuple[Port, ...] = ()
    is_fast: bool = False
    extra: Frozen = None
    labels: FrozenObject = FrozenObject()

    def __post_init__(self) -> None:
        if self.options.mode is Mode.SINGLETON and self.connect.port is None:
            raise ConfigError("options.mode", "Singleton mode requested but no peer is given")
        if self.address == "nowhere":
            raise ValueError("no such place")


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    filename: str = field(metadata=option("path", doc="Socket file."))


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    port: RemotePort | None = field(default=None, metadata=option(doc="Port of every endpoint."))
    connect: Peer | None = None


def no_acceptor(_options: Hashable, _name: str, _environment: Environment) -> Acceptor:
    raise NotImplementedError


def no_connector(_options: Hashable, _environment: Environment) -> Connector:
    raise NotImplementedError


def _both(name: str, kind: Kind, *aliases: str) -> Protocol:
    listening, remote = ListenerRole(Listening, no_acceptor), ClusterRole(no_connector, Remote)
    return Protocol(name, kind, name, aliases, listening, remote)


def _inside(name: str, *aliases: str) -> Protocol:
    return Protocol(
        name, Kind.MESSAGE, aliases=aliases, cluster=ClusterRole(no_connector, NoOptions, is_virtual=True)
    )


UDP = Protocol(
    "UDP",
    Kind.MESSAGE,
    "UDP",
    (),
    ListenerRole(Listening, no_acceptor),
    ClusterRole(no_connector, Remote),
    (("UDP_server", "options.mode", "server"), ("UDP_singleton", "options.mode", Mode.SINGLETON)),
)
UNIX = Protocol(
    "UnixDomainSocket",
    Kind.STREAM,
    "UNIX",
    ("UNIX",),
    ListenerRole(File, no_acceptor),
    ClusterRole(no_connector, NoOptions),
)
ROWS = (
    _both("HTTP", Kind.EXCHANGE),
    _both("WebSocket", Kind.MESSAGE, "WS"),
    _both("TCP", Kind.STREAM),
    UDP,
    UNIX,
    _inside("Echo"),
    _inside("Discard", "DROP"),
    _inside("JSONEncap", "JSON_ENCAP"),
    _inside("L7mpController"),
    _inside("Prometheus"),
)

VOCABULARY = Vocabulary({row.name: row for row in ROWS})

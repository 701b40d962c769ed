"""What a row of the protocol table says."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

from l7mp_mesh.model.options import NoOptions
from l7mp_mesh.ports.environment import Environment
from l7mp_mesh.ports.layer import Acceptor, Layer
from l7mp_mesh.ports.leg import Kind
from l7mp_mesh.ports.upstream import Connector


def no_layers(_options: Any, _environment: Environment) -> tuple[Layer, ...]:
    """Factory for protocols that stand on nothing."""
    return ()


def no_port(_options: Any) -> int | None:
    """For protocols without ports."""
    return None


@dataclass(frozen=True, slots=True)
class ListenerRole:
    """How a listener of a protocol is made: an acceptor at the bottom, layers above it, lowest first.

    The factories get the listener's options (an instance of `options`) and name.
    """

    options: type[Hashable]
    acceptor: Callable[[Any, str, Environment], Acceptor]
    layers: Callable[[Any, Environment], tuple[Layer, ...]] = no_layers


@dataclass(frozen=True, slots=True)
class ClusterRole:
    """How a cluster of a protocol is made: a connector at the bottom, layers above it, lowest first.

    At most one of the layers is a Multiplexer; everything below it is pooled.
    """

    connector: Callable[[Any, Environment], Connector]
    options: type[Hashable] = NoOptions
    layers: Callable[[Any, Environment], tuple[Layer, ...]] = no_layers
    is_virtual: bool = False
    """Lives inside the proxy: has no endpoints."""
    is_retriable: bool = True
    default_port: Callable[[Any], int | None] = no_port
    """Port of endpoints that have none of their own."""


@dataclass(frozen=True, slots=True)
class Protocol:
    """One row: everything the rest of the system knows about a protocol."""

    name: str
    """Canonical name, as in L7mp ("UnixDomainSocket")."""
    kind: Kind
    prefix: str = ""
    """First part of session names ("WS")."""
    aliases: tuple[str, ...] = ()
    """Other spellings, compared without case; the concept document's words among them."""
    listener: ListenerRole | None = None
    cluster: ClusterRole | None = None
    implied: tuple[tuple[str, str, object], ...] = field(default=())
    """What an alias stands for: (alias, option path, value); UDP_server means options.mode=server."""

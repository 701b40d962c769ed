"""The protocols that Envoy's filters imply, as rows of the protocol table."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import cache
from typing import cast

from l7mp_mesh.control.native import Vocabulary, installed
from l7mp_mesh.model.protocol import ProtocolUse


@cache
def vocabulary() -> Vocabulary:
    """The protocols there are."""
    return installed()


def tcp_listener(address: str, port: int) -> ProtocolUse:
    """A listener of `tcp_proxy`."""
    return _listener("TCP", address, port)


def tcp_cluster() -> ProtocolUse:
    """An Envoy cluster as `tcp_proxy` uses it."""
    return _cluster("TCP")


def http_listener(address: str, port: int) -> ProtocolUse:
    """A listener of the HTTP connection manager."""
    return _listener("HTTP", address, port)


def http_cluster() -> ProtocolUse:
    """An Envoy cluster as HTTP routes use it."""
    return _cluster("HTTP")


def _listener(name: str, address: str, port: int) -> ProtocolUse:
    role = vocabulary().protocols[name].listener
    assert role is not None, f"{name} is no listener protocol"
    make = cast("Callable[..., Hashable]", role.options)
    return ProtocolUse(name, make(address=address, port=port))


def _cluster(name: str) -> ProtocolUse:
    role = vocabulary().protocols[name].cluster
    assert role is not None, f"{name} is no cluster protocol"
    return ProtocolUse(name, role.options())

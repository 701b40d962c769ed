"""The protocols that Envoy's filters imply, and the words of all that a native object may use."""

from __future__ import annotations

from functools import cache

from l7mp_mesh.control.native import Vocabulary, installed
from l7mp_mesh.model.listener import ReplyStyle
from l7mp_mesh.model.protocol import ProtocolUse
from l7mp_mesh.protocols.http1.options import Http1Options, HttpClusterOptions, HttpListenerOptions
from l7mp_mesh.protocols.tcp.options import TcpClusterOptions, TcpListenerOptions

HEADERS_KB = 60
"""Envoy's default for the longest header section of a request."""


@cache
def vocabulary() -> Vocabulary:
    """The protocols there are."""
    return installed()


def tcp_listener(address: str, port: int) -> ProtocolUse:
    """A listener of `tcp_proxy`."""
    return ProtocolUse("TCP", TcpListenerOptions(address=address, port=port))


def tcp_cluster() -> ProtocolUse:
    """An Envoy cluster as `tcp_proxy` uses it."""
    return ProtocolUse("TCP", TcpClusterOptions())


def http_listener(address: str, port: int, headers_kb: int = HEADERS_KB) -> ProtocolUse:
    """A listener of the HTTP connection manager."""
    http = Http1Options(header_limit=headers_kb * 1024, reply=ReplyStyle.ENVOY)
    return ProtocolUse("HTTP", HttpListenerOptions(address=address, port=port, http=http))


def http_cluster() -> ProtocolUse:
    """An Envoy cluster as HTTP routes use it."""
    return ProtocolUse("HTTP", HttpClusterOptions())

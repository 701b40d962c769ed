"""Protocols: one folder each, one row each in `PROTOCOLS`, which is the only list of them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from l7mp_mesh.pipe.kind import Kind
from l7mp_mesh.ports.environment import Environment
from l7mp_mesh.ports.layer import Layer
from l7mp_mesh.protocols import inline
from l7mp_mesh.protocols.base import ClusterRole, ListenerRole, Protocol
from l7mp_mesh.protocols.http1.layer import Http1Layer
from l7mp_mesh.protocols.http1.options import Http1Options, HttpClusterOptions, HttpListenerOptions
from l7mp_mesh.protocols.tcp.acceptor import TcpAcceptor
from l7mp_mesh.protocols.tcp.connector import TcpConnector
from l7mp_mesh.protocols.tcp.options import TcpClusterOptions, TcpListenerOptions
from l7mp_mesh.protocols.udp.acceptor import UdpAcceptor
from l7mp_mesh.protocols.udp.connector import UdpConnector
from l7mp_mesh.protocols.udp.options import UdpClusterOptions, UdpListenerOptions
from l7mp_mesh.protocols.unix.acceptor import UnixAcceptor
from l7mp_mesh.protocols.unix.connector import UnixConnector
from l7mp_mesh.protocols.unix.options import UnixClusterOptions, UnixListenerOptions
from l7mp_mesh.protocols.websocket.layer import WebSocketLayer
from l7mp_mesh.protocols.websocket.options import WebSocketClusterOptions, WebSocketListenerOptions


def _http_down(options: HttpListenerOptions, environment: Environment) -> tuple[Layer, ...]:
    return (Http1Layer(options.http, environment.clock),)


def _http_up(options: HttpClusterOptions, environment: Environment) -> tuple[Layer, ...]:
    return (Http1Layer(options.http, environment.clock),)


def _websocket(
    options: WebSocketListenerOptions | WebSocketClusterOptions, environment: Environment
) -> tuple[Layer, ...]:
    clock = environment.clock
    return (Http1Layer(Http1Options(), clock), WebSocketLayer(clock, options.max_message))


def _tcp_port(options: TcpClusterOptions) -> int | None:
    return options.port


def _udp_port(options: UdpClusterOptions) -> int | None:
    return options.endpoint_port


ROWS: tuple[Protocol, ...] = (
    Protocol(
        "HTTP",
        Kind.EXCHANGE,
        "HTTP",
        ("HTTP1",),
        ListenerRole(HttpListenerOptions, TcpAcceptor, _http_down),
        ClusterRole(TcpConnector, HttpClusterOptions, _http_up, default_port=_tcp_port),
    ),
    Protocol(
        "WebSocket",
        Kind.MESSAGE,
        "WS",
        ("WS",),
        ListenerRole(WebSocketListenerOptions, TcpAcceptor, _websocket),
        ClusterRole(TcpConnector, WebSocketClusterOptions, _websocket, default_port=_tcp_port),
    ),
    Protocol(
        "TCP",
        Kind.STREAM,
        "TCP",
        (),
        ListenerRole(TcpListenerOptions, TcpAcceptor),
        ClusterRole(TcpConnector, TcpClusterOptions, default_port=_tcp_port),
    ),
    Protocol(
        "UDP",
        Kind.MESSAGE,
        "UDP",
        ("UDP_server", "UDP-singleton"),
        ListenerRole(UdpListenerOptions, UdpAcceptor),
        ClusterRole(UdpConnector, UdpClusterOptions, default_port=_udp_port),
        implied=(
            ("UDP_server", "options.mode", "server"),
            ("UDP-singleton", "options.mode", "singleton"),
        ),
    ),
    Protocol(
        "UnixDomainSocket",
        Kind.STREAM,
        "UNIX",
        ("UNIX", "UDS", "UNIX/stream"),
        ListenerRole(UnixListenerOptions, UnixAcceptor),
        ClusterRole(UnixConnector, UnixClusterOptions),
    ),
    *inline.ROWS,
)

PROTOCOLS: Mapping[str, Protocol] = MappingProxyType({row.name: row for row in ROWS})
"""By canonical name."""

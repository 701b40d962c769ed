"""What can be configured of HTTP/1."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from l7mp_mesh.model.listener import ReplyStyle
from l7mp_mesh.model.options import Between, Seconds, option
from l7mp_mesh.protocols.tcp.options import TcpClusterOptions, TcpListenerOptions

HEADER_LIMIT = 60 * 1024
"""Bytes; Envoy's default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Http1Options:
    """Limits of one listener or cluster. Source: envoy HttpConnectionManager `max_request_headers_kb`."""

    header_limit: Annotated[int, Between(256, 1 << 20)] = field(
        default=HEADER_LIMIT,
        metadata=option(doc="Longest start line with header section, in bytes; 431 beyond it."),
    )
    header_timeout: Seconds = field(
        default=60.0,
        metadata=option(doc="Seconds in which a request head must be complete once it has begun; 408 then."),
    )
    idle_timeout: Seconds = field(
        default=3600.0,
        metadata=option(
            doc="Seconds without a request after which a client's connection is closed; 0: never."
        ),
    )
    reply: ReplyStyle = field(
        default=ReplyStyle.L7MP,
        metadata=option(doc="How a request that can not be read, or whose session failed, is answered."),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpListenerOptions(TcpListenerOptions):
    """Where an HTTP listener binds, and what it accepts. Source: L7mp listener spec."""

    path: str = field(default="", metadata=option(doc="Accepted and ignored: every path is served."))
    http: Http1Options = field(default=Http1Options(), metadata=option(doc="Limits of requests."))


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpClusterOptions(TcpClusterOptions):
    """How an HTTP cluster reaches its endpoints."""

    http: Http1Options = field(default=Http1Options(), metadata=option(doc="Limits of responses."))

"""What can be configured of WebSocket."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from l7mp_mesh.model.options import Between, option
from l7mp_mesh.protocols.tcp.options import TcpClusterOptions, TcpListenerOptions
from l7mp_mesh.protocols.websocket.codec_frames import MAX_MESSAGE

MessageSize = Annotated[int, Between(1, 1 << 30)]
"""A bound on messages, in bytes."""

_DOC = "Longest message in bytes, from all its fragments; beyond it the WebSocket is closed with 1009."


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSocketListenerOptions(TcpListenerOptions):
    """Where a WebSocket listener binds, and what it accepts. Source: L7mp listener spec."""

    path: str = field(default="", metadata=option(doc="Accepted and ignored: every path is served."))
    max_message: MessageSize = field(default=MAX_MESSAGE, metadata=option(doc=_DOC))


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSocketClusterOptions(TcpClusterOptions):
    """How a WebSocket cluster reaches its endpoints. Source: L7mp cluster spec."""

    max_message: MessageSize = field(default=MAX_MESSAGE, metadata=option(doc=_DOC))

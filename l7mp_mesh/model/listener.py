"""Listeners: bound addresses that emit sessions.

Source: L7mp Listener; envoy.config.listener.v3.Listener.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from l7mp_mesh.model.options import Seconds, option
from l7mp_mesh.model.protocol import ProtocolUse


class OnChange(Enum):
    """What happens to live sessions when the route they took changes."""

    REROUTE = "reroute"
    """They move to the new route at once (L7mp)."""
    KEEP = "keep"
    """They finish on the old one (Envoy)."""


class ReplyStyle(Enum):
    """How an HTTP listener says that a session failed."""

    L7MP = "l7mp"
    """404 and a JSON object `{status, message, content}`."""
    ENVOY = "envoy"
    """Envoy's local replies: 404 without a route, 503 without an upstream, 504 after a time-out."""


@dataclass(frozen=True, slots=True)
class ListenerOptions:
    """What is the same for every protocol."""

    track: Seconds = field(
        default=0.0, metadata=option(doc="Seconds for which ended sessions stay in the inventory.")
    )
    on_change: OnChange = field(
        default=OnChange.REROUTE,
        metadata=option(
            doc="What live sessions do when their route changes: follow it, or end on the old one."
        ),
    )
    reply: ReplyStyle = field(
        default=ReplyStyle.L7MP,
        metadata=option(
            doc="How HTTP clients are told that a session failed: 404 with JSON, or as Envoy does."
        ),
    )
    access_log: bool = field(
        default=True, metadata=option(doc="Write a line per session, if an access log is configured.")
    )


@dataclass(frozen=True, slots=True)
class Listener:
    """A bound address, its protocol, and the rule list that its sessions ask."""

    name: str
    protocol: ProtocolUse
    rules: str
    """Name of a RuleList, late-bound."""
    options: ListenerOptions = ListenerOptions()

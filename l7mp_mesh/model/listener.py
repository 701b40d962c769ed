"""Listeners: bound addresses that emit sessions.

Source: L7mp Listener; envoy.config.listener.v3.Listener.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from l7mp_mesh.model.options import Seconds
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

    track: Seconds = 0.0
    """Seconds for which ended sessions stay in the inventory."""
    on_change: OnChange = OnChange.REROUTE
    reply: ReplyStyle = ReplyStyle.L7MP
    access_log: bool = True
    """Write a line per session, if an access log is configured."""


@dataclass(frozen=True, slots=True)
class Listener:
    """A bound address, its protocol, and the rule list that its sessions ask."""

    name: str
    protocol: ProtocolUse
    rules: str
    """Name of a RuleList, late-bound."""
    options: ListenerOptions = ListenerOptions()

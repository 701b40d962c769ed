"""Which protocol, with which options."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ProtocolUse:
    """A row of `protocols.PROTOCOLS` and its typed options for one listener or cluster."""

    name: str
    """Canonical name: HTTP, WebSocket, TCP, UDP, UnixDomainSocket, Echo, ..."""
    options: Hashable
    """An instance of the options class that the row names (a frozen dataclass)."""
    spelled: str = field(default="", compare=False)
    """The name as it was written ("WS", "UDP_server"), to be echoed back; "" for the canonical one."""

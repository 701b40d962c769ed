"""The three kinds of flow, and nothing else: legs have one, adapters stand between two."""

from __future__ import annotations

from enum import Enum


class Kind(Enum):
    """What one `data` of a leg means."""

    STREAM = "stream"
    """Bytes without boundaries (TCP, UNIX)."""
    MESSAGE = "message"
    """One `data` is one message (UDP, WebSocket)."""
    EXCHANGE = "exchange"
    """One HTTP request and its response."""

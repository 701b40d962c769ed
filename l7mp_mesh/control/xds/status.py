"""What an operator may ask about the management server."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TypeStatus:
    """One type of resource."""

    name: str
    """"CDS", "EDS", "LDS", "RDS"."""
    version: str = ""
    """Accepted last."""
    refused: str = ""
    """Why the last response was refused, "" if it was not."""


@dataclass(frozen=True, slots=True)
class XdsStatus:
    """The client as a whole."""

    target: str
    is_connected: bool
    attempts: int
    """Streams tried so far."""
    control_plane: str
    """How the server calls itself."""
    last_error: str
    """Why the last stream ended, "" if none has."""
    types: tuple[TypeStatus, ...]

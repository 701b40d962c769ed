"""Typed options of protocols and transforms: plain frozen dataclasses, read by one generic decoder.

A field's type says what is accepted: `str int float bool`, an `Enum` (by value), `tuple[X, ...]`, another
options class, `Frozen` (any JSON), `X | None`, and `Annotated[X, Between(...)]`. Its doc string and the
metadata made by `option` say the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any


@dataclass(frozen=True, slots=True)
class Between:
    """Inclusive bounds of a number."""

    low: float
    high: float


Port = Annotated[int, Between(0, 65535)]
"""A port to bind; 0 lets the system choose."""

RemotePort = Annotated[int, Between(1, 65535)]
"""A port to connect to."""

Seconds = Annotated[float, Between(0, 10**9)]
"""A duration in seconds."""


def option(*aliases: str, doc: str) -> dict[str, Any]:
    """Metadata of an options field: other names it goes by, and what it means (for the JSON Schema)."""
    return {"aliases": aliases, "doc": doc}


@dataclass(frozen=True, slots=True)
class NoOptions:
    """A protocol with nothing to configure."""

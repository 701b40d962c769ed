"""Milliseconds of the native configuration, seconds of the model."""

from __future__ import annotations

from l7mp_mesh.control.native.reader import Cursor
from l7mp_mesh.model.value import Json

_PER_SECOND = 1000
_MAX = 10**12


def from_ms(cursor: Cursor) -> float | None:
    """A duration given in milliseconds, in seconds."""
    value = cursor.number(0, _MAX)
    return None if value is None else value / _PER_SECOND


def to_ms(seconds: float) -> Json:
    """The inverse of `from_ms`."""
    value = round(seconds * _PER_SECOND, 6)
    return int(value) if value.is_integer() else value

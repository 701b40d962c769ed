"""Returns everything."""

from __future__ import annotations

from l7mp_mesh.pipe.verbs import Stage
from l7mp_mesh.ports.attributes import Attributes


class Echo(Stage):
    """Says what it hears; message borders, text and close codes are kept."""

    __slots__ = ()


def make_echo(_attributes: Attributes) -> Stage:
    """The echo of one session."""
    return Echo()

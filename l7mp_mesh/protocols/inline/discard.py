"""Swallows everything."""

from __future__ import annotations

from l7mp_mesh.pipe.verbs import Stage
from l7mp_mesh.ports.attributes import Attributes


class Silence(Stage):
    """Passes on the end and nothing else, so an exchange is answered with an empty 200."""

    __slots__ = ()

    def data(self, chunk: bytes, flags: int) -> None:
        pass


def make_silence(_attributes: Attributes) -> Stage:
    """The sink of one session."""
    return Silence()

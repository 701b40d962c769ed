"""%START_TIME%: formatted once a second, the fraction put in per line."""

from __future__ import annotations

import re
import time
from typing import Final

from l7mp_mesh.ports.session import SessionView

ISO: Final = "%Y-%m-%dT%H:%M:%S.%3fZ"
"""Envoy's default."""

FRACTION: Final = re.compile(r"%%|%([1-9]?)f")
NANOSECONDS: Final = 9

DIRECTIVE: Final = re.compile(r"%(?:[-_0^#]?[aAbBcdDeFGgHhIjklmMnpPrRsStTuUVwWxXyYzZ]|%)|%")


class StartTime:
    """Text of a second, with fractions of `digits` places between the pieces."""

    __slots__ = ("_digits", "_second", "_shapes", "_template", "_units")

    def __init__(self, pieces: list[str], digits: list[int]) -> None:
        self._shapes = pieces
        self._digits = digits
        self._units = [10 ** (NANOSECONDS - places) for places in digits]
        self._second = -1
        self._template = ""

    def __call__(self, view: SessionView) -> str:
        started = view.started
        second = int(started)
        if second != self._second:
            self._turn(second)
        nanoseconds = int((started - second) * 1e9)
        return self._template % tuple([nanoseconds // unit for unit in self._units])

    def _turn(self, second: int) -> None:
        """Write what stands for a whole second; the fractions are left open."""
        utc = time.gmtime(second)
        # %s would be read as local time by the C library.
        texts = [time.strftime(shape.replace("%s", str(second)), utc) for shape in self._shapes]
        self._template = texts[0].replace("%", "%%")
        for places, text in zip(self._digits, texts[1:], strict=True):
            self._template += f"%0{places}d" + text.replace("%", "%%")
        self._second = second


def start_time(shape: str | None) -> StartTime:
    """The command for a strftime format in UTC; %f is nanoseconds, %3f milliseconds.

    Raises ValueError for a directive that does not exist.
    """
    pieces = [""]
    digits: list[int] = []
    text = shape or ISO
    done = 0
    for found in FRACTION.finditer(text):
        pieces[-1] += text[done : found.start()]
        done = found.end()
        if found[0] == "%%":
            pieces[-1] += "%%"
        else:
            digits.append(int(found[1] or NANOSECONDS))
            pieces.append("")
    pieces[-1] += text[done:]
    for piece in pieces:
        for directive in DIRECTIVE.finditer(piece):
            if directive[0] == "%":
                raise ValueError(f"unknown directive {piece[directive.start() : directive.start() + 2]!r}")
    return StartTime(pieces, digits)

"""Tables for people: aligned, as wide as the terminal, plain where nobody looks."""

from __future__ import annotations

import os
import shutil
import unicodedata
from collections.abc import Sequence
from typing import TextIO

GAP = "  "
LEAST = 6
"""Columns are not made narrower than this."""

_BOLD, _RESET = "\x1b[1m", "\x1b[0m"


class Screen:
    """Where output goes: `width` is None where lines may be of any length."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.is_terminal = stream.isatty()
        self.width = shutil.get_terminal_size().columns if self.is_terminal else None
        self._has_colour = (
            self.is_terminal and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
        )

    def say(self, text: str) -> None:
        """Print a line."""
        print(text, file=self._stream, flush=True)

    def clear(self) -> None:
        """Make room for a new picture."""
        print("\x1b[H\x1b[2J", end="", file=self._stream)

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print a table."""
        first, *others = lay_out(head, rows, self.width)
        self.say(f"{_BOLD}{first}{_RESET}" if self._has_colour else first)
        for line in others:
            self.say(line)


def lay_out(head: Sequence[str], rows: Sequence[Sequence[str]], width: int | None) -> list[str]:
    """The lines of a table. Cells that are too wide for it are cut, those of the first column last."""
    cells = [[_one_line(cell) for cell in row] for row in (head, *rows)]
    widths = [max(map(columns, column)) for column in zip(*cells, strict=True)]
    if width is not None:
        _shrink(widths, [columns(word) for word in head], width - len(GAP) * (len(head) - 1))
    lines = (GAP.join(_fit(cell, size) for cell, size in zip(row, widths, strict=True)) for row in cells)
    return [line.rstrip() for line in lines]


def columns(text: str) -> int:
    """Columns that `text` takes on a terminal."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )


def _one_line(cell: str) -> str:
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in cell)


def _shrink(widths: list[int], least: list[int], room: int) -> None:
    floor = [min(size, max(word, LEAST)) for size, word in zip(widths, least, strict=True)]
    while sum(widths) > room:
        slack = [size - low for size, low in zip(widths, floor, strict=True)]
        if not any(slack):
            return
        # The first column is cut last: names are what the next command is given.
        widest = max((index > 0, size, index) for index, size in enumerate(widths) if slack[index])[2]
        widths[widest] -= 1


def _fit(cell: str, size: int) -> str:
    if columns(cell) <= size:
        return cell + " " * (size - columns(cell))
    kept = cell
    while columns(kept) > size - 1:
        kept = kept[:-1]
    return kept + "…" + " " * (size - 1 - columns(kept))

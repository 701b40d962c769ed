"""Where in a text a value stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

MAX_DEPTH = 64
"""Levels of nesting that are read; a configuration needs about twelve."""

Path: TypeAlias = tuple[str | int, ...]
"""Keys and indexes from the root of a document to a value."""


class Mark(NamedTuple):
    """Line and column, both from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong with the text itself."""

    mark: Mark
    why: str


class Node:
    """The positions of one value, of its members and of their keys."""

    __slots__ = ("children", "keys", "mark", "size")

    def __init__(self, mark: Mark) -> None:
        self.mark = mark
        self.children: dict[str | int, Node] = {}
        self.keys: dict[str, Mark] = {}
        self.size = 1

    def find(self, path: Path, *, key: bool) -> Mark:
        """The position of the value (or of its key) at `path`; of the nearest parent that exists."""
        node = self
        for depth, part in enumerate(path):
            if key and depth == len(path) - 1 and isinstance(part, str) and part in node.keys:
                return node.keys[part]
            child = node.children.get(part)
            if child is None:
                break
            node = child
        return node.mark


def path_text(path: Path) -> str:
    """`path` as a person writes it: "listeners[0].spec.port"."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")

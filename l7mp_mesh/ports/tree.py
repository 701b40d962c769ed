"""Paths into a metadata tree: "/IP/src_addr", "/labels/ids/0".

Slashes separate; leading, trailing and doubled ones do not count, and "/" is the whole tree. A numeric
component indexes an array. There are no escapes.
"""

from __future__ import annotations

from typing import Final, TypeAlias

from l7mp_mesh.ports.attributes import Json

MAX_DIGITS: Final = 9
"""A longer number is no index of any array."""


class Missing:
    """Type of MISSING."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = Missing()
"""What stands where a path leads nowhere; `null` is a value."""

Value: TypeAlias = "Json | Missing"
"""What a path may lead to."""


def components(path: str) -> tuple[str, ...]:
    """The names between the slashes."""
    return tuple([part for part in path.split("/") if part])


def walk(tree: Json, steps: tuple[str, ...]) -> Value:
    """The value that `steps` lead to from `tree`, not copied."""
    node = tree
    for step in steps:
        if isinstance(node, dict):
            if step not in node:
                return MISSING
            node = node[step]
        elif isinstance(node, list):
            index = index_of(step)
            if not 0 <= index < len(node):
                return MISSING
            node = node[index]
        else:
            return MISSING
    return node


def get(tree: Json, path: str) -> Value:
    """The value at `path` of `tree`, not copied."""
    return walk(tree, components(path))


def index_of(step: str) -> int:
    """The array index that a component stands for, or -1."""
    return int(step) if step.isascii() and step.isdigit() and len(step) <= MAX_DIGITS else -1

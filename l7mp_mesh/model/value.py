"""JSON values as hashable ones, for free-form parts of the configuration (labels, rewrites, comparisons)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
"""A JSON value as `json.loads` gives it."""

Frozen: TypeAlias = "bool | int | float | str | tuple[Frozen, ...] | FrozenObject | None"
"""The same, hashable: lists are tuples, objects are FrozenObject."""


@dataclass(frozen=True, slots=True)
class FrozenObject:
    """A JSON object; the order of `items` counts in comparisons."""

    items: tuple[tuple[str, Frozen], ...] = ()


def freeze(value: Json) -> Frozen:
    """`value` made hashable."""
    if isinstance(value, dict):
        return FrozenObject(tuple((key, freeze(item)) for key, item in value.items()))
    if isinstance(value, list):
        return tuple(freeze(item) for item in value)
    return value


def thaw(value: Frozen) -> Json:
    """The inverse of `freeze`: a new JSON value that may be changed."""
    if isinstance(value, FrozenObject):
        return {key: thaw(item) for key, item in value.items}
    if isinstance(value, tuple):
        return [thaw(item) for item in value]
    return value

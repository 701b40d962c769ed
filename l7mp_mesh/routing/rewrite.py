"""Rewrites of a session's metadata.

Trees are values: a rewrite copies the containers on its way and shares the rest, so whoever holds the old
tree still sees it unchanged.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Final

from l7mp_mesh.model.rules import Rewrite, SetValue
from l7mp_mesh.model.value import thaw
from l7mp_mesh.ports.attributes import Attributes, Json, Tree
from l7mp_mesh.ports.tree import components, index_of

MAX_INDEX: Final = 1023
"""Largest array index that a rewrite may create; gaps are filled with null."""


def clone(value: Json) -> Json:
    """A deep copy."""
    if isinstance(value, dict):
        return {key: clone(item) for key, item in value.items()}
    if isinstance(value, list):
        return [clone(item) for item in value]
    return value


def set_value(tree: Json, path: str, value: Json) -> Json:
    """`tree` with a copy of `value` at `path`; "/" replaces everything.

    Missing parents become objects, and so does a scalar that stands in the way. A component that is no index
    of the array it meets changes nothing.
    """
    return _set(tree, components(path), 0, clone(value))


def merge(tree: Json, patch: Tree) -> Tree:
    """`tree` with `patch` laid over it: objects are merged, everything else is replaced by a copy."""
    merged: Tree = dict(tree) if isinstance(tree, dict) else {}
    for key, item in patch.items():
        merged[key] = merge(merged.get(key), item) if isinstance(item, dict) else clone(item)
    return merged


def _set(node: Json, steps: tuple[str, ...], depth: int, value: Json) -> Json:
    if depth == len(steps):
        return value
    step = steps[depth]
    if isinstance(node, list):
        return _set_item(node, steps, depth, value)
    copy: Tree = dict(node) if isinstance(node, dict) else {}
    copy[step] = _set(copy.get(step), steps, depth + 1, value)
    return copy


def _set_item(node: list[Json], steps: tuple[str, ...], depth: int, value: Json) -> Json:
    index = index_of(steps[depth])
    if index < 0 or index > max(MAX_INDEX, len(node) - 1):
        return node
    items = node.copy()
    while len(items) <= index:
        items.append(None)
    items[index] = _set(items[index], steps, depth + 1, value)
    return items


class Operation(ABC):
    """One step of an edit."""

    __slots__ = ()

    @abstractmethod
    def on(self, tree: Json) -> Json:
        """The tree after it."""


class SetOperation(Operation):
    """Puts a value at a path."""

    __slots__ = ("steps", "value")

    def __init__(self, path: str, value: Json) -> None:
        self.steps = components(path)
        self.value = value

    def on(self, tree: Json) -> Json:
        return _set(tree, self.steps, 0, clone(self.value))


class MergeOperation(Operation):
    """Lays a tree over the metadata."""

    __slots__ = ("patch",)

    def __init__(self, patch: Tree) -> None:
        self.patch = patch

    def on(self, tree: Json) -> Json:
        return merge(tree, self.patch)


class Edit:
    """All rewrites of one rule, in order."""

    __slots__ = ("operations",)

    def __init__(self, operations: list[Operation]) -> None:
        self.operations = operations

    def apply(self, attributes: Attributes) -> None:
        """Rewrite the metadata of a session."""
        tree: Json = attributes.tree
        for operation in self.operations:
            tree = operation.on(tree)
        # A root that is no object has no fields: every path of it is missing.
        attributes.replace(tree if isinstance(tree, dict) else {})


def compile_rewrites(rewrites: tuple[Rewrite, ...]) -> Edit | None:
    """One edit out of `rewrites`, None when there are none."""
    operations: list[Operation] = []
    for rewrite in rewrites:
        if isinstance(rewrite, SetValue):
            operations.append(SetOperation(rewrite.path, thaw(rewrite.value)))
        else:
            patch = thaw(rewrite.tree)
            assert isinstance(patch, dict)
            operations.append(MergeOperation(patch))
    return Edit(operations) if operations else None

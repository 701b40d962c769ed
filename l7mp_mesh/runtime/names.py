"""What names stand for at run time. References are cells, so an update changes no referrer.

A cell lives while something refers to it or its name is defined; names that nobody mentions cost nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar
from weakref import WeakValueDictionary

from l7mp_mesh.ports.upstream import Upstream
from l7mp_mesh.routing.table import Cell, CompiledRule, RuleTable
from l7mp_mesh.session.plan import Plan, TransformUse

T = TypeVar("T")


class NameTable(Generic[T]):
    """Cells of one kind by name; `default` supplies what a name stands for while it is not defined."""

    def __init__(self, default: Callable[[str], T | None]) -> None:
        self._cells: WeakValueDictionary[str, Cell[T]] = WeakValueDictionary()
        self._defined: dict[str, Cell[T]] = {}
        self._default = default

    def cell(self, name: str) -> Cell[T]:
        """The cell of a name."""
        cell = self._cells.get(name)
        if cell is None:
            cell = self._cells[name] = Cell(name, self._default(name))
        return cell

    def define(self, name: str, value: T) -> None:
        """The name stands for `value` from now on."""
        cell = self._defined[name] = self.cell(name)
        cell.set(value)

    def undefine(self, name: str) -> T | None:
        """The name stands for nothing (its default) again; returns what it stood for."""
        cell = self._defined.pop(name, None)
        if cell is None:
            return None
        value = cell.value
        cell.set(self._default(name))
        return value

    def values(self) -> Iterator[T]:
        """What all defined names stand for."""
        for cell in self._defined.values():
            if cell.value is not None:
                yield cell.value

    def get(self, name: str) -> T | None:
        """What a defined name stands for."""
        cell = self._defined.get(name)
        return None if cell is None else cell.value


def _nothing(_name: str) -> None:
    return None


class Names:
    """All names of a runtime; `predefined` makes the clusters that exist without being configured."""

    def __init__(self, predefined: Callable[[str], Upstream | None]) -> None:
        self.clusters: NameTable[Upstream] = NameTable(predefined)
        self.transforms: NameTable[TransformUse] = NameTable(_nothing)
        self.routes: NameTable[Plan] = NameTable(_nothing)
        self.rules: NameTable[CompiledRule[Plan]] = NameTable(_nothing)
        self.tables: NameTable[RuleTable[Plan]] = NameTable(_nothing)

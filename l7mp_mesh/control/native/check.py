"""What can only be seen when all objects are there: dangling names, and rule lists in a circle."""

from __future__ import annotations

from collections.abc import Container
from types import MappingProxyType

from l7mp_mesh.control.native.scope import Scope
from l7mp_mesh.model.snapshot import Key, Kind, Snapshot


def check_names(scope: Scope, existing: Container[Key]) -> None:
    """Report names that nothing answers to. They are late-bound, so this is no error unless strict."""
    predefined = scope.vocabulary.predefined()
    for use in scope.uses:
        if not any(key in scope.origins or key in existing or key in predefined for key in use.candidates):
            words = " or ".join(key.kind.value for key in use.candidates)
            scope.report.doubt(use.path, f'there is no {words} "{use.candidates[0].name}"')


def check_loops(scope: Scope) -> None:
    """Report rule lists that apply each other in a circle, each circle once."""
    objects = dict(scope.objects)
    while (loop := Snapshot(objects=MappingProxyType(objects)).loop()) is not None:
        key = Key(Kind.RULELIST, loop[0])
        way = " -> ".join(loop)
        scope.report.error(scope.origins[key], f"rule lists apply each other in a circle: {way}")
        del objects[key]

"""Which operation a path and a method stand for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import TypeAlias

from l7mp_mesh.control.rest.call import Call
from l7mp_mesh.control.rest.reply import Refused
from l7mp_mesh.model.value import Json

Operation: TypeAlias = Callable[[Call], Awaitable[Json]]
"""Answers one call. Raises Refused."""

Pattern: TypeAlias = tuple[str, ...]
"""Segments of a path; one in braces stands for any name."""

UNKNOWN = "Unknown API operation"


class Table:
    """Patterns and their operations by method; HEAD is answered as GET."""

    def __init__(self, rows: Mapping[str, Mapping[str, Operation]]) -> None:
        self._rows = {tuple(path.split("/")[1:]): methods for path, methods in rows.items()}

    def find(self, call: Call) -> tuple[Operation, Call]:
        """The operation, and the call with its names. Raises Refused: 404, or 405 with what is allowed."""
        path = call.path
        for pattern, methods in self._rows.items() if path is not None else ():
            names = None if path is None else _match(pattern, path)
            if names is None:
                continue
            operation = methods.get("GET" if call.method == "HEAD" else call.method)
            if operation is None:
                allow = [*methods, *(["HEAD"] if "GET" in methods else [])]
                raise Refused(
                    HTTPStatus.METHOD_NOT_ALLOWED, f"{call.method[:20]} is not for this path", allow=allow
                )
            return operation, replace(call, names=names)
        raise Refused(HTTPStatus.NOT_FOUND, UNKNOWN)

    def __iter__(self) -> Iterator[tuple[str, Mapping[str, Operation]]]:
        for pattern, methods in self._rows.items():
            yield "/" + "/".join(pattern), methods


def _match(pattern: Pattern, path: tuple[str, ...]) -> tuple[str, ...] | None:
    if len(pattern) != len(path):
        return None
    names = []
    for expected, found in zip(pattern, path, strict=True):
        if expected.startswith("{"):
            names.append(found)
        elif expected != found:
            return None
    return tuple(names)

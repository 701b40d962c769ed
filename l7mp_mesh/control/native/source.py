"""Text to a value whose every part can be located."""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import Enum

from l7mp_mesh.control.native.json_text import mark_json, read_json
from l7mp_mesh.control.native.node import Fault, Mark, Node, Path
from l7mp_mesh.control.native.yaml_text import read_yaml
from l7mp_mesh.model.errors import Problem
from l7mp_mesh.model.value import Json

MAX_TEXT = 16 * 1024 * 1024
"""Characters of a text that is read."""

NOWHERE = Mark(0, 0)

_STEP = re.compile(r"\[(\d+)\]|\['((?:[^'\\]|\\.)*)'\]|([^.\[\]]+)")


class Format(Enum):
    """What a text is written in."""

    ANY = "any"
    """JSON if it is JSON, else YAML."""
    JSON = "json"
    YAML = "yaml"


class Source:
    """A value, its file name, what was wrong with the text, and the position of every part."""

    def __init__(self, value: Json, file: str, faults: tuple[Fault, ...], root: Callable[[], Node]) -> None:
        self.value = value
        self.file = file
        self.faults = faults
        self._root = root
        self._found: Node | None = None

    def position(self, path: Path, *, key: bool = False) -> Mark:
        """Where the value at `path` (or its key) stands; (0, 0) if there is no text."""
        if self._found is None:
            self._found = self._root()
        return self._found.find(path, key=key)

    def problem(self, path: str, why: str) -> Problem:
        """What is wrong with the value that a path in writing ("listeners[0].name") names."""
        line, column = self.position(steps(path), key=True)
        return Problem(self.file, line, column, path, why)

    def problems(self) -> tuple[Problem, ...]:
        """The faults of the text itself."""
        return tuple(
            Problem(self.file, fault.mark.line, fault.mark.column, "", fault.why) for fault in self.faults
        )


def steps(path: str) -> Path:
    """A path in writing ("filters[0].typed_config['a.b']") as keys and indices."""
    return tuple(int(index) if index else quoted or name for index, quoted, name in _STEP.findall(path))


def parsed(value: Json, file: str = "") -> Source:
    """A source for a value that has no text."""
    return Source(value, file, (), lambda: Node(NOWHERE))


def parse(text: str | bytes, file: str = "", form: Format = Format.ANY) -> Source:
    """Read a text; never raises, `faults` says what is wrong."""
    faults: list[Fault] = []
    content = _decode(text, faults)
    if not faults and len(content) > MAX_TEXT:
        faults.append(Fault(Mark(1, 1), f"longer than {MAX_TEXT} characters"))
    if faults:
        return Source(None, file, tuple(faults), lambda: Node(Mark(1, 1)))
    if form is Format.JSON or (form is Format.ANY and content.lstrip()[:1] in ("{", "[")):
        value = read_json(content, faults)
        if not faults or form is Format.JSON:
            good = not faults
            return Source(
                value, file, tuple(faults), lambda: mark_json(content) if good else Node(Mark(1, 1))
            )
        faults = []
    value, node = read_yaml(content, faults)
    return Source(value, file, tuple(faults), lambda: node)


def _decode(text: str | bytes, faults: list[Fault]) -> str:
    try:
        if isinstance(text, bytes):
            return text.decode("utf-8-sig")
        text.encode()
    except UnicodeDecodeError as error:
        before = error.object[: error.start]
        line = before.count(b"\n") + 1
        column = len(before[before.rfind(b"\n") + 1 :].decode(errors="replace")) + 1
        faults.append(Fault(Mark(line, column), f"not UTF-8: {error.reason}"))
        return ""
    except UnicodeEncodeError:
        faults.append(Fault(Mark(1, 1), "half of a surrogate pair in the text"))
        return ""
    return text.removeprefix("\ufeff")

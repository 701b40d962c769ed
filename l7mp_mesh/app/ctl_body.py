"""What `add` sends: a file, with or without the word around it, and where in it a problem stands."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from l7mp_mesh.app.ctl_client import CallFailed
from l7mp_mesh.control.native import Source, parse
from l7mp_mesh.model.value import Json

STDIN = "-"
_PROBLEM = re.compile(r"(?:\d+:\d+: )?(?P<path>[\w.\[\]'\\-]+): (?P<why>.+)", re.DOTALL)


class Body:
    """A file that describes one object."""

    def __init__(self, name: str, word: str) -> None:
        """Read it. Raises CallFailed if it is not JSON or YAML."""
        self._word = word
        self._source = _read(name)
        value = self._source.value
        self._is_wrapped = isinstance(value, dict) and word in value
        self.value: Json = value if self._is_wrapped else {word: value}

    def locate(self, problem: str) -> str:
        """A problem that the server found, with its place in the file instead of its place in the request."""
        found = _PROBLEM.fullmatch(problem)
        if found is None:
            return problem
        path = found["path"]
        if not self._is_wrapped:
            path = path.removeprefix(self._word).removeprefix(".")
        return str(self._source.problem(path, found["why"]))


class Whole(Body):
    """A file that describes a whole configuration."""

    def __init__(self, name: str) -> None:
        super().__init__(name, "")
        self._is_wrapped = True
        self.value = self._source.value


def _read(name: str) -> Source:
    try:
        text = sys.stdin.buffer.read() if name == STDIN else Path(name).read_bytes()
    except OSError as error:
        raise CallFailed(f"can not read {name}: {error.strerror}") from error
    source = parse(text, "stdin" if name == STDIN else name)
    if source.faults:
        raise CallFailed("\n".join(str(problem) for problem in source.problems()))
    return source

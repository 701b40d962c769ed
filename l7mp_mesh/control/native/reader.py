"""A cursor over a loose value: every read either gives a typed value or reports a problem and gives None.

A null member counts as absent, as an empty value in YAML does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import TypeVar

from l7mp_mesh.control.native.node import Path, path_text
from l7mp_mesh.control.native.source import Source
from l7mp_mesh.model.errors import Problem
from l7mp_mesh.model.value import Frozen, Json, freeze

MAX_PROBLEMS = 1000
"""Errors that are kept, and warnings; a text with more is no configuration."""

_SHOWN = 60

T = TypeVar("T")


DUMPED = ("statistics",)
"""What dumps add to an object: it may come back with it, and has no effect."""


class Report:
    """Collects what is wrong with one source."""

    def __init__(self, source: Source, *, strict: bool) -> None:
        self.strict = strict
        self._source = source
        self._errors: set[Problem] = {
            Problem(source.file, fault.mark.line, fault.mark.column, "", fault.why) for fault in source.faults
        }
        self._warnings: set[Problem] = set()

    def error(self, path: Path, why: str, *, key: bool = False) -> None:
        """The value at `path` (or its key) can not be used."""
        self._add(path, why, key=key, is_warning=False)

    def warn(self, path: Path, why: str, *, key: bool = False) -> None:
        """The value at `path` can be used all the same."""
        self._add(path, why, key=key, is_warning=True)

    def doubt(self, path: Path, why: str, *, key: bool = False) -> None:
        """A warning, or an error if the source is read strictly."""
        self._add(path, why, key=key, is_warning=not self.strict)

    def _add(self, path: Path, why: str, *, key: bool, is_warning: bool) -> None:
        kept = self._warnings if is_warning else self._errors
        if len(kept) < MAX_PROBLEMS:
            line, column = self._source.position(path, key=key)
            kept.add(Problem(self._source.file, line, column, path_text(path), why, is_warning))

    def problems(self) -> tuple[Problem, ...]:
        """Everything reported, by position."""
        return tuple(sorted(self._errors | self._warnings))


def show(value: Json) -> str:
    """`value` for a message: short, and with its type visible."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case str():
            text = value if len(value) <= _SHOWN else value[:_SHOWN] + "..."
            return f'"{text}"'
        case int() | float():
            return str(value)[:_SHOWN]
        case list():
            return "a list"
        case dict():
            return "an object"


class Cursor:
    """A value and the way to it."""

    __slots__ = ("path", "report", "value")

    def __init__(self, value: Json, path: Path, report: Report) -> None:
        self.value = value
        self.path = path
        self.report = report

    @property
    def label(self) -> str:
        """The property's name for messages: "port", "rules[0]"."""
        names = [index for index, part in enumerate(self.path) if isinstance(part, str)]
        return path_text(self.path[names[-1] :] if names else self.path)

    def child(self, key: str | int, value: Json) -> Cursor:
        """A cursor on a member."""
        return Cursor(value, (*self.path, key), self.report)

    def refuse(self, why: str) -> None:
        """Report the value as invalid."""
        self.report.error(self.path, f"Property {self.label} is invalid: {why}" if self.path else why)

    def expected(self, what: str) -> None:
        """Report that `what` was expected."""
        self.refuse(f"expected {what}, got {show(self.value)}")

    def text(self) -> str | None:
        """A string."""
        if isinstance(self.value, str):
            return self.value
        self.expected("a string")
        return None

    def name(self) -> str | None:
        """A name: one or more characters that are not white space."""
        if isinstance(self.value, str) and self.value and not any(map(str.isspace, self.value)):
            return self.value
        self.expected("a name without spaces")
        return None

    def boolean(self) -> bool | None:
        """True or false."""
        if isinstance(self.value, bool):
            return self.value
        self.expected("true or false")
        return None

    def integer(self, low: float = float("-inf"), high: float = float("inf")) -> int | None:
        """A whole number within inclusive bounds."""
        value = self.value
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        self.expected("a whole number" + bounds_text(low, high))
        return None

    def number(self, low: float = float("-inf"), high: float = float("inf")) -> float | None:
        """A number within inclusive bounds, as a float."""
        value = self.value
        if isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high:
            try:
                return float(value)
            except OverflowError:
                self.refuse("the number is too large")
                return None
        self.expected("a number" + bounds_text(low, high))
        return None

    def word(self, words: Mapping[str, T], shown: Iterable[str] = ()) -> T | None:
        """One of `words` (lower case, `_` for `-`); `shown` are those named in the message."""
        if isinstance(self.value, str) and (found := words.get(normal(self.value))) is not None:
            return found
        self.expected("one of " + ", ".join(shown or words))
        return None

    def items(self) -> list[Cursor] | None:
        """The elements of a list."""
        if isinstance(self.value, list):
            return [self.child(index, item) for index, item in enumerate(self.value)]
        self.expected("a list")
        return None

    def fields(self) -> Fields | None:
        """The members of an object."""
        if isinstance(self.value, dict):
            return Fields(self, self.value)
        self.expected("an object (a set of key-value pairs)")
        return None

    def frozen(self) -> Frozen:
        """Whatever is there, hashable."""
        return freeze(self.value)


def normal(word: str) -> str:
    """`word` as words are compared: without case, `-` and `_` alike."""
    return word.lower().replace("-", "_")


def bounds_text(low: float, high: float) -> str:
    """Inclusive bounds for a message."""
    if high == float("inf"):
        return "" if low == float("-inf") else f" of at least {low:g}"
    return f" in {low:.15g}..{high:.15g}"


class Fields:
    """The members of an object; what nobody takes is unknown."""

    __slots__ = ("_known", "_members", "cursor")

    def __init__(self, cursor: Cursor, members: dict[str, Json]) -> None:
        self.cursor = cursor
        self._members = members
        self._known: dict[str, None] = {}

    def given(self, *names: str) -> Cursor | None:
        """The member that goes by one of `names`, null or not; None if there is none."""
        self._known.update(dict.fromkeys(names))
        found = [name for name in names if name in self._members]
        for extra in found[1:]:
            self.cursor.report.error(
                (*self.cursor.path, extra), f'"{extra}" is another word for "{found[0]}": give one', key=True
            )
        return self.cursor.child(found[0], self._members[found[0]]) if found else None

    def take(self, *names: str) -> Cursor | None:
        """The member that goes by one of `names`, None if absent or null."""
        found = self.given(*names)
        return None if found is None or found.value is None else found

    def require(self, *names: str) -> Cursor | None:
        """As `take`; reports an absent one."""
        found = self.take(*names)
        if found is None:
            path = (*self.cursor.path, names[0])
            self.cursor.report.error(path, f"Property {names[0]} is required")
        return found

    def finish(self, also: Iterable[str] = ()) -> None:
        """Report the members that nobody took; `also` may stay."""
        known = {*self._known, *also}
        for name in self._members:
            if name not in known:
                close = get_close_matches(name, sorted(known), n=1)
                hint = f'; did you mean "{close[0]}"?' if close else ""
                shown = show(name)
                self.cursor.report.doubt((*self.cursor.path, name), f"unknown field {shown}{hint}", key=True)

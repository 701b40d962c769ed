"""What can be wrong with a configuration, said so that a person can mend it."""

from __future__ import annotations

from dataclasses import dataclass


class ConfigError(Exception):
    """A value can not be used: `path` names the field ("listeners[0].spec.port"), `why` the reason."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(f"{path}: {why}" if path else why)
        self.path = path
        self.why = why


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing wrong in a source text."""

    file: str
    """File name as given, "" for a request body."""
    line: int
    """From 1; 0 when the source has no lines."""
    column: int
    """From 1; 0 when the source has no columns."""
    path: str
    """Field path: "listeners[0].spec.port"; "" for the whole text."""
    why: str
    """What was found and what was expected."""
    is_warning: bool = False
    """True when the configuration can be used all the same."""

    def __str__(self) -> str:
        where = ":".join(str(part) for part in (self.file, self.line, self.column) if part)
        level = "warning: " if self.is_warning else ""
        return ": ".join(part for part in (where, self.path, f"{level}{self.why}") if part)

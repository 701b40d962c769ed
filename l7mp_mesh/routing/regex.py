"""Regular expressions of rules: RE2's language, in time linear in the length of what is searched.

The text is the client's choice: an engine that backtracks would let one request stop every other one.
"""

from __future__ import annotations

import re2


class BadRegex(Exception):
    """RE2 does not take a pattern: `why` says what it found."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Regex:
    """A pattern, ready for use. Raises BadRegex."""

    __slots__ = ("_pattern",)

    def __init__(self, text: str, *, ignore_case: bool = False) -> None:
        options = re2.Options()
        options.log_errors = False
        options.case_sensitive = not ignore_case
        # Nobody asks which part matched, and without groups RE2 is faster.
        options.never_capture = True
        try:
            self._pattern = re2.compile(text.encode(), options)
        except re2.error as error:
            raise BadRegex(_reason(error)) from error
        except UnicodeEncodeError as error:
            raise BadRegex(error.reason) from error

    def is_in(self, text: str) -> bool:
        """True when it matches somewhere in `text`."""
        return self._pattern.search(text.encode(errors="replace")) is not None

    def covers(self, text: str) -> bool:
        """True when it matches the whole of `text`."""
        return self._pattern.fullmatch(text.encode(errors="replace")) is not None


def _reason(error: Exception) -> str:
    why = error.args[0] if error.args else ""
    return why.decode(errors="replace") if isinstance(why, bytes) else str(why)

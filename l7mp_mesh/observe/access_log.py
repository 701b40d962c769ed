"""A line per session, into a file.

The session's end must not wait for a disk: lines are kept until there are FLUSH_BYTES of them or the owner
says `flush`. What can not be written is counted and forgotten. Lines are made a few at a time: one after the
other they find the processor's caches warm, and cost two thirds.
"""

from __future__ import annotations

from typing import Final

from l7mp_mesh.model.errors import ConfigError
from l7mp_mesh.observe.log_format import Line
from l7mp_mesh.observe.outlet import Outlet
from l7mp_mesh.ports.session import SessionView

FLUSH_BYTES: Final = 64 << 10
"""So much is kept before it is written."""

BATCH: Final = 32
"""So many ended sessions are kept at most before their lines are made."""


class AccessLog:
    """Writes to "stdout", "stderr" or a path.

    `lines` counts what was taken, `lost` the lines that could not be written, `errors` the failures.
    Raises ConfigError when the path can not be opened.
    """

    __slots__ = (
        "_ended",
        "_line",
        "_outlet",
        "_pending",
        "_size",
        "errors",
        "lines",
        "path",
    )

    def __init__(self, path: str, line: Line) -> None:
        self.path = path
        self.lines = 0
        self.errors = 0
        self._line = line
        self._ended: list[SessionView] = []
        self._pending: list[str] = []
        self._size = 0
        try:
            self._outlet = Outlet(path)
        except OSError as error:
            raise ConfigError("admin.access_log_path", f"can not open {path!r}: {error.strerror}") from error

    @property
    def lost(self) -> int:
        """Lines that were taken and could not be written."""
        return self._outlet.lost

    def write(self, view: SessionView) -> None:
        """Take the line of a session, which changes no more."""
        self.lines += 1
        self._ended.append(view)
        if len(self._ended) == BATCH:
            self._format()
            if self._size >= FLUSH_BYTES:
                self.flush()

    def flush(self) -> None:
        """Write what was kept; what a full pipe does not take now is kept for the next time."""
        self._format()
        data = "".join(self._pending).encode("utf-8", "backslashreplace")
        self._pending.clear()
        self._size = 0
        try:
            self._outlet.write(data)
        except OSError:
            self.errors += 1

    def reopen(self) -> None:
        """Go on in a new file after the old one was moved away; the old one is kept if that fails."""
        self.flush()
        if self._outlet.is_shared:
            return
        try:
            fresh = Outlet(self.path)
        except OSError:
            self.errors += 1
            return
        fresh.take_over(self._outlet)
        self._outlet = fresh

    def close(self) -> None:
        """Write what was kept and release the file; nothing may be written after it."""
        self.flush()
        self._outlet.close()

    def _format(self) -> None:
        ended, self._ended = self._ended, []
        for view in ended:
            text = self._line.format(view)
            self._pending.append(text)
            self._size += len(text)

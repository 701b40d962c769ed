"""A line per session, into a file.

The session's end must not wait for a disk: lines are kept until there are FLUSH_BYTES of them or the owner
says `flush`. What can not be written is counted and forgotten. Lines are made a few at a time: one after the
other they find the processor's caches warm, and cost two thirds.
"""

from __future__ import annotations

import os
from typing import Final

from l7mp_mesh.model.errors import ConfigError
from l7mp_mesh.observe.log_format import Line
from l7mp_mesh.ports.session import SessionView

FLUSH_BYTES: Final = 64 << 10
"""So much is kept before it is written."""

BATCH: Final = 32
"""So many ended sessions are kept at most before their lines are made."""

MAX_PENDING: Final = 1 << 20
"""So much is kept at most while a pipe takes nothing."""

STANDARD: Final = {"stdout": 1, "stderr": 2}

# Appending, so that rotation by copy and truncate works; not blocking, for the sake of named pipes.
FLAGS: Final = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY


class AccessLog:
    """Writes to "stdout", "stderr" or a path.

    `lines` counts what was taken, `lost` the lines that could not be written, `errors` the failures.
    Raises ConfigError when the path can not be opened.
    """

    __slots__ = (
        "_descriptor",
        "_ended",
        "_line",
        "_pending",
        "_size",
        "_unwritten",
        "errors",
        "lines",
        "lost",
        "path",
    )

    def __init__(self, path: str, line: Line) -> None:
        self.path = path
        self.lines = 0
        self.lost = 0
        self.errors = 0
        self._line = line
        self._ended: list[SessionView] = []
        self._pending: list[str] = []
        self._size = 0
        self._unwritten = b""
        try:
            self._descriptor = _open(path)
        except OSError as error:
            raise ConfigError("admin.access_log_path", f"can not open {path!r}: {error.strerror}") from error

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
        data = self._unwritten + "".join(self._pending).encode("utf-8", "backslashreplace")
        self._pending.clear()
        self._size = 0
        self._unwritten = b""
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
        except BlockingIOError:
            self._keep(data)
        except OSError:
            self.errors += 1
            self.lost += data.count(b"\n")

    def reopen(self) -> None:
        """Go on in a new file after the old one was moved away; the old one is kept if that fails."""
        self.flush()
        if self.path in STANDARD:
            return
        try:
            fresh = _open(self.path)
        except OSError:
            self.errors += 1
            return
        os.close(self._descriptor)
        self._descriptor = fresh

    def close(self) -> None:
        """Write what was kept and release the file; nothing may be written after it."""
        self.flush()
        self.lost += self._unwritten.count(b"\n")
        self._unwritten = b""
        if self.path not in STANDARD:
            os.close(self._descriptor)

    def _format(self) -> None:
        ended, self._ended = self._ended, []
        for view in ended:
            text = self._line.format(view)
            self._pending.append(text)
            self._size += len(text)

    def _keep(self, data: bytes) -> None:
        if len(data) <= MAX_PENDING:
            self._unwritten = data
            return
        # The first line may be written in part already: what is cut off must end where a line ends.
        kept = data.rfind(b"\n", 0, MAX_PENDING) + 1
        self.lost += data.count(b"\n", kept)
        self._unwritten = data[:kept]


def _open(path: str) -> int:
    standard = STANDARD.get(path)
    return os.open(path, FLAGS, 0o644) if standard is None else standard

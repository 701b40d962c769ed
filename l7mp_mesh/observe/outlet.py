"""Where lines leave the process: written at once or kept for the next time, never waited for."""

from __future__ import annotations

import contextlib
import os
import select
from typing import Final

MAX_PENDING: Final = 1 << 20
"""So much is kept at most while a pipe takes nothing."""

STANDARD: Final = {"stdout": 1, "stderr": 2}

# Appending, so that rotation by copy and truncate works; not blocking, for the sake of named pipes.
FLAGS: Final = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY


class Outlet:
    """Writes to "stdout", "stderr" or a path; `lost` counts the lines that were given up.

    Raises OSError when the path can not be opened. Standard streams are shared with other processes, which do
    not expect them to stop blocking: they are asked before every piece, which is so short that one that takes
    anything takes all of it (POSIX, PIPE_BUF).
    """

    __slots__ = ("_descriptor", "_piece", "_poll", "_unwritten", "is_shared", "lost")

    def __init__(self, path: str) -> None:
        self.lost = 0
        self.is_shared = path in STANDARD
        self._unwritten = b""
        self._poll: select.poll | None = None
        self._piece = MAX_PENDING
        if self.is_shared:
            self._descriptor = STANDARD[path]
            self._piece = select.PIPE_BUF
            self._poll = select.poll()
            self._poll.register(self._descriptor, select.POLLOUT)
        else:
            self._descriptor = os.open(path, FLAGS, 0o644)

    @property
    def is_clogged(self) -> bool:
        """True while something waits for the next `write`."""
        return bool(self._unwritten)

    def write(self, data: bytes) -> None:
        """Write what waits, and `data`, as far as it is taken now. Raises OSError: the rest is lost then."""
        data = self._unwritten + data
        self._unwritten = b""
        size = len(data)
        done = 0
        view = memoryview(data)
        try:
            with contextlib.suppress(BlockingIOError):  # Full: the rest is kept.
                while done < size and self._has_room():
                    done += os.write(self._descriptor, view[done : done + self._piece])
        except OSError:
            self.lost += data.count(b"\n", done)
            raise
        if done < size:
            self._keep(data[done:])

    def take_over(self, other: Outlet) -> None:
        """Keep what `other` could not write, and close it."""
        self._unwritten = other._unwritten + self._unwritten
        other._unwritten = b""
        self.lost += other.lost
        other.close()

    def close(self) -> None:
        """Give up what waits, and release the descriptor."""
        self.lost += self._unwritten.count(b"\n")
        self._unwritten = b""
        if not self.is_shared:
            os.close(self._descriptor)

    def _has_room(self) -> bool:
        return self._poll is None or bool(self._poll.poll(0))

    def _keep(self, data: bytes) -> None:
        if len(data) <= MAX_PENDING:
            self._unwritten = data
            return
        # The first line may be written in part already: what is cut off must end where a line ends.
        kept = data.rfind(b"\n", 0, MAX_PENDING) + 1
        self.lost += data.count(b"\n", kept)
        self._unwritten = data[:kept]

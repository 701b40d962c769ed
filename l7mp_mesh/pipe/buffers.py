"""Bounded memory: a lossy queue for datagrams and a replay buffer for what may have to be sent again."""

from __future__ import annotations

from collections import deque

from l7mp_mesh.pipe.head import Last
from l7mp_mesh.pipe.verbs import Sink


class BoundedQueue:
    """Messages waiting for a sink; beyond `limit` of them or `limit_bytes` the newest is dropped."""

    __slots__ = ("_bytes", "_items", "dropped", "limit", "limit_bytes")

    def __init__(self, limit: int, limit_bytes: int) -> None:
        self.limit = limit
        self.limit_bytes = limit_bytes
        self.dropped = 0
        self._bytes = 0
        self._items: deque[tuple[bytes, int]] = deque()

    def put(self, chunk: bytes, flags: int) -> bool:
        """Keep `chunk`; False when it was dropped."""
        if len(self._items) >= self.limit or self._bytes + len(chunk) > self.limit_bytes:
            self.dropped += 1
            return False
        self._bytes += len(chunk)
        self._items.append((chunk, flags))
        return True

    def take(self) -> tuple[bytes, int]:
        """The oldest message; raises IndexError when empty."""
        item = self._items.popleft()
        self._bytes -= len(item[0])
        return item

    def __len__(self) -> int:
        return len(self._items)


class ReplayBuffer:
    """What one direction said so far, as long as it fits: to be said again to the next attempt.

    Over `limit` bytes it forgets everything and `is_complete` turns False: no retry is possible then.
    """

    __slots__ = ("_chunks", "_ended", "_last", "is_complete", "limit", "size")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.size = 0
        self.is_complete = True
        self._chunks: list[tuple[bytes, int]] = []
        self._ended = False
        self._last: Last | None = None

    def data(self, chunk: bytes, flags: int, *, is_owed: bool = False) -> None:
        """Remember a chunk, if everything before it is still known.

        One that is owed was not yet said to anybody: it is kept in any case. Whoever owes has paused its
        source, so that is one read more than the limit at most.
        """
        if not self.is_complete:
            return
        self.size += len(chunk)
        if self.size > self.limit and not is_owed:
            self.is_complete = False
            self._chunks.clear()
            return
        self._chunks.append((chunk, flags))

    def end(self, last: Last | None) -> None:
        """Remember that the direction is complete."""
        self._ended = True
        self._last = last

    def replay(self, into: Sink) -> None:
        """Say it all to `into` (after its `open`)."""
        for chunk, flags in self._chunks:
            into.data(chunk, flags)
        if self._ended:
            into.end(self._last)

"""Transforms for inline-transform.yaml; docs/writing-a-transform.md explains them."""

from __future__ import annotations

from l7mp_mesh.pipe.head import Head, RequestHead, ResponseHead
from l7mp_mesh.pipe.headers import Headers
from l7mp_mesh.pipe.verbs import DISCARD, Stage, Valve
from l7mp_mesh.ports.transform import ExchangeStage


class Shout(Stage):
    """Capital letters, and a mark at the end of every message."""

    def __init__(self, mark: str = "") -> None:
        super().__init__()
        self._mark = mark.encode()

    def data(self, chunk: bytes, flags: int) -> None:
        """Pass the message on, louder."""
        self.next.data(chunk.upper() + self._mark, flags)


class Count(Stage):
    """Numbers the messages of a session. One object is made per session and direction."""

    def __init__(self) -> None:
        super().__init__()
        self._count = 0

    def data(self, chunk: bytes, flags: int) -> None:
        """Pass the message on with its number in front."""
        self._count += 1
        self.next.data(f"{self._count}: ".encode() + chunk, flags)


class KeepOut(ExchangeStage):
    """Answers requests for a path itself; the upstream never hears of them."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path.encode()

    def open(self, head: Head, valve: Valve) -> None:
        """Look at the request line before anything else is done."""
        if self.exchange is not None and isinstance(head, RequestHead) and head.target == self._path:
            self.next = DISCARD
            self.exchange.reply(ResponseHead(403, Headers()), b"not here\n")
        else:
            self.next.open(head, valve)

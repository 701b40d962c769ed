"""Inline transforms that tests configure by name: `support.stages:Refuse`."""

from __future__ import annotations

from l7mp_mesh.pipe.head import Head, ResponseHead
from l7mp_mesh.pipe.headers import Headers
from l7mp_mesh.pipe.verbs import Stage, Valve
from l7mp_mesh.ports.transform import ExchangeStage


class Refuse(ExchangeStage):
    """Answers by itself every request whose path holds `word`."""

    def __init__(self, word: str = "secret") -> None:
        super().__init__()
        self._word = word.encode()

    def open(self, head: Head, valve: Valve) -> None:
        if self.exchange is not None and self._word in getattr(head, "target", b""):
            self.exchange.reply(ResponseHead(403, Headers(), 0), b"refused")
        else:
            self.next.open(head, valve)


class Stamp(Stage):
    """Adds a header field to a response."""

    def __init__(self, name: str = "x-stamp") -> None:
        super().__init__()
        self._name = name.encode()

    def open(self, head: Head, valve: Valve) -> None:
        if isinstance(head, ResponseHead):
            head.headers.append(self._name, b"seen")
        self.next.open(head, valve)


class Broken(Stage):
    """Fails at the first byte."""

    def data(self, chunk: bytes, flags: int) -> None:
        raise RuntimeError("broken on purpose")

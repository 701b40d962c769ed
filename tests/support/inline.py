"""Inline transforms that tests name in configurations ("support.inline:Upper")."""

from __future__ import annotations

from l7mp_mesh.pipe.verbs import Stage


class Upper(Stage):
    """Upper-cases every chunk."""

    def data(self, chunk: bytes, flags: int) -> None:
        self.next.data(chunk.upper(), flags)


class Faulty(Stage):
    """Breaks on the word "boom"."""

    def data(self, chunk: bytes, flags: int) -> None:
        if b"boom" in chunk:
            raise ValueError("went boom")
        self.next.data(chunk, flags)


class Prefix(Stage):
    """Puts a word in front of every chunk."""

    def __init__(self, word: str) -> None:
        super().__init__()
        self._word = word.encode()

    def data(self, chunk: bytes, flags: int) -> None:
        self.next.data(self._word + chunk, flags)

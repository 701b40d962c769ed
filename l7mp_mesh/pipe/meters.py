"""Counting what passes: bytes and chunks per direction, and the time of last use."""

from __future__ import annotations

from l7mp_mesh.pipe.verbs import Stage


class Activity:
    """Marks use without a timer: the registry's sweep compares `mark` with its own count of sweeps.

    `touched` is set by every chunk and cleared by the sweep, so an idle session costs one attribute read
    per sweep and a busy one a store per chunk.
    """

    __slots__ = ("touched",)

    def __init__(self) -> None:
        self.touched = True


class Meter(Stage):
    """Counts the bytes and chunks (messages, for a MESSAGE flow) of one direction."""

    __slots__ = ("activity", "bytes", "chunks")

    def __init__(self, activity: Activity) -> None:
        super().__init__()
        self.activity = activity
        self.bytes = 0
        self.chunks = 0

    def data(self, chunk: bytes, flags: int) -> None:
        self.bytes += len(chunk)
        self.chunks += 1
        self.activity.touched = True
        self.next.data(chunk, flags)

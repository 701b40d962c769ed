"""Fakes of the pipe: a sink that remembers, a valve that counts."""

from __future__ import annotations

from l7mp_mesh.pipe.head import Close, Head, Last, RequestHead, ResponseHead, Trailers
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.pipe.verbs import OPEN_VALVE, Sink, Valve


class CountingValve(Valve):
    """How often it was paused, net; never below zero."""

    def __init__(self) -> None:
        self.held = 0
        self.pauses = 0

    def pause(self) -> None:
        self.held += 1
        self.pauses += 1

    def resume(self) -> None:
        assert self.held, "resume() without pause()"
        self.held -= 1


class Recorder(Sink):
    """Remembers every verb: `log` holds heads as tuples, chunks as bytes, "end" and ("abort", reason)."""

    def __init__(self) -> None:
        self.log: list[object] = []
        self.valve: Valve = OPEN_VALVE
        self.heads: list[Head] = []
        self.last: Last | None = None
        self.flags: list[int] = []

    @property
    def body(self) -> bytes:
        """All chunks, joined."""
        return b"".join(item for item in self.log if isinstance(item, bytes))

    @property
    def is_ended(self) -> bool:
        return "end" in self.log

    @property
    def aborted(self) -> Reason | None:
        for item in self.log:
            if isinstance(item, tuple) and item[0] == "abort":
                assert isinstance(item[1], Reason)
                return item[1]
        return None

    def inform(self, head: Head) -> None:
        self.log.append(("inform", *describe(head)))

    def open(self, head: Head, valve: Valve) -> None:
        self.valve = valve
        self.heads.append(head)
        self.log.append(("open", *describe(head)))

    def data(self, chunk: bytes, flags: int) -> None:
        self.log.append(chunk)
        self.flags.append(flags)

    def end(self, last: Last | None) -> None:
        self.last = last
        self.log.append("end")

    def abort(self, reason: Reason) -> None:
        self.log.append(("abort", reason))


def describe(head: Head) -> tuple[object, ...]:
    """A head as a comparable tuple."""
    match head:
        case RequestHead():
            return (head.method, head.target, head.authority, tuple(head.headers.fields), head.length)
        case ResponseHead():
            return (head.status, tuple(head.headers.fields), head.length)
        case _:
            return ()


def trailers(recorder: Recorder) -> list[tuple[bytes, bytes]]:
    """Trailer fields that came with the end."""
    assert isinstance(recorder.last, Trailers | None)
    return recorder.last.headers.fields if recorder.last else []


def close_of(recorder: Recorder) -> tuple[int, str] | None:
    """Close code and text that came with the end."""
    return (recorder.last.code, recorder.last.text) if isinstance(recorder.last, Close) else None

"""The data algebra: four verbs with the flow (`open data end abort`), two against it (`pause resume`).

    open ─data*─ end
      └── abort at most once, at any time; nothing follows it

Whatever consumes bytes is a `Sink`; whatever passes them on is a `Stage`. Verbs only set state and pass on:
they never wait, never raise for what a peer did, and `resume()` never emits inside the same call. After
`pause()` one more read may arrive, so every holder bounds what it keeps.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from l7mp_mesh.pipe.head import Head, Last
from l7mp_mesh.pipe.reason import Reason

TEXT = 1
"""Flag of `data`: this message is text (WebSocket opcode 1)."""


class Valve(ABC):
    """The handle by which a sink holds back its source. Counted: as many `resume()` as `pause()`."""

    __slots__ = ()

    @abstractmethod
    def pause(self) -> None:
        """Emit no more than what is already on its way."""

    @abstractmethod
    def resume(self) -> None:
        """Take back one `pause()`; emission goes on in a later turn."""


class Sink(ABC):
    """One direction of a flow, seen by whoever feeds it."""

    __slots__ = ()

    def inform(self, head: Head) -> None:  # noqa: B027
        """Take an interim response (1xx). Ignored unless a sink can use it (RFC 9110 section 15.2)."""

    @abstractmethod
    def open(self, head: Head, valve: Valve) -> None:
        """Begin: `valve` holds back whoever calls."""

    @abstractmethod
    def data(self, chunk: bytes, flags: int) -> None:
        """Take a chunk (STREAM, EXCHANGE body) or one whole message (MESSAGE)."""

    @abstractmethod
    def end(self, last: Last | None) -> None:
        """Complete the direction (half-close)."""

    @abstractmethod
    def abort(self, reason: Reason) -> None:
        """Break the direction off; nothing follows."""


class Stage(Sink):
    """A sink that passes every verb to `next`; override what you change."""

    __slots__ = ("next",)

    def __init__(self) -> None:
        self.next: Sink = DISCARD

    def inform(self, head: Head) -> None:
        self.next.inform(head)

    def open(self, head: Head, valve: Valve) -> None:
        self.next.open(head, valve)

    def data(self, chunk: bytes, flags: int) -> None:
        self.next.data(chunk, flags)

    def end(self, last: Last | None) -> None:
        self.next.end(last)

    def abort(self, reason: Reason) -> None:
        self.next.abort(reason)


class Discard(Sink):
    """Swallows everything."""

    __slots__ = ()

    def open(self, head: Head, valve: Valve) -> None:
        pass

    def data(self, chunk: bytes, flags: int) -> None:
        pass

    def end(self, last: Last | None) -> None:
        pass

    def abort(self, reason: Reason) -> None:
        pass


class OpenValve(Valve):
    """A valve for sources that can not be held back; the sink bounds what it keeps."""

    __slots__ = ()

    def pause(self) -> None:
        pass

    def resume(self) -> None:
        pass


DISCARD = Discard()
OPEN_VALVE = OpenValve()

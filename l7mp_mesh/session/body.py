"""Transforms in the middle of an exchange: the head passes by, the body goes through a leg.

    open ──────────────────────────────▶ next.open (length unknown from here on)
    data ─▶ hop.inlet ─▶ leg ─▶ hop ───▶ next.data

Trailers of the original body go on behind the transformed one. A leg of messages can not tell the end of a
body: it is over when each message was answered by one, or when the deadline of the exchange for such ends
has come.
"""

from __future__ import annotations

from l7mp_mesh.pipe.head import STREAM_HEAD, UNKNOWN_LENGTH, Head, Last, RequestHead, ResponseHead
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.pipe.verbs import DISCARD, Sink, Stage, Valve
from l7mp_mesh.session.hop import Hop


class BodyThrough(Stage):
    """Splices a hop into the body of one direction."""

    __slots__ = ("_hop", "_last")

    def __init__(self, hop: Hop) -> None:
        super().__init__()
        self._hop: Hop | None = hop
        self._last: Last | None = None
        hop.lead_to(BodyBack(self))

    def open(self, head: Head, valve: Valve) -> None:
        hop = self._hop
        if hop is None:
            return
        if isinstance(head, RequestHead | ResponseHead) and head.length:
            head.length = UNKNOWN_LENGTH
        self.next.open(head, hop.outlet)
        hop.inlet.open(STREAM_HEAD, valve)

    def data(self, chunk: bytes, flags: int) -> None:
        if self._hop is not None:
            self._hop.inlet.data(chunk, flags)

    def end(self, last: Last | None) -> None:
        self._last = last
        if self._hop is not None:
            self._hop.inlet.end(None)
            self.settle()

    def settle(self) -> None:
        """A part of the transformed body has come back."""
        if self._hop is not None:
            self._hop.settle()

    def finish(self) -> None:
        """The transform has said all it had to say."""
        self.next.end(self._last)

    def unlink(self) -> None:
        """Forget the neighbours: the exchange is over."""
        self._hop = None
        self.next = DISCARD


class BodyBack(Sink):
    """Where the transformed body comes back."""

    __slots__ = ("_through",)

    def __init__(self, through: BodyThrough) -> None:
        self._through = through

    def open(self, head: Head, valve: Valve) -> None:
        """The hop's outlet is the valve; `next` got it with its head."""

    def data(self, chunk: bytes, flags: int) -> None:
        self._through.next.data(chunk, flags)
        self._through.settle()

    def end(self, last: Last | None) -> None:
        self._through.finish()

    def abort(self, reason: Reason) -> None:
        self._through.next.abort(reason)

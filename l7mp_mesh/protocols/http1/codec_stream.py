"""What both sides of HTTP/1 have in common: a byte stream that bears one exchange after the other.

A read is consumed step by step, up to the end of what is wanted now; the rest is the surplus: it waits, with
reading paused, until something changes. Nothing points from a connection to an exchange that is over.
"""

from __future__ import annotations

from abc import abstractmethod

from l7mp_mesh.pipe.head import STREAM_HEAD, Head
from l7mp_mesh.pipe.relay import Relay
from l7mp_mesh.pipe.verbs import DISCARD, OPEN_VALVE, Sink, Valve
from l7mp_mesh.ports.leg import Leg
from l7mp_mesh.protocols.http1.codec_body import BodyReader


class MessageSink(Sink):
    """Where the message that we send in one exchange is written."""

    __slots__ = ("_codec", "is_begun", "is_over")

    _codec: StreamCodec | None
    is_begun: bool
    is_over: bool

    @property
    def is_linked(self) -> bool:
        """True while the connection belongs to this exchange."""
        return self._codec is not None

    def unlink(self) -> None:
        """The exchange is over: whatever is still written goes nowhere."""
        self._codec = None


class StreamCodec(Sink):
    """What the leg of one connection is started into."""

    __slots__ = (
        "_at",
        "_body",
        "_has_ended",
        "_into",
        "_is_advancing",
        "_is_holding",
        "_is_started",
        "_lower",
        "_message",
        "_phase",
        "_surplus",
        "_valve",
        "_window",
        "pressure",
        "writer",
    )

    _message: MessageSink | None
    """What is being written in the exchange of the moment."""
    _window: Relay | None
    """Valve of the body that is being read."""

    def __init__(self, lower: Leg, header_limit: int) -> None:
        self._lower = lower
        self._body = BodyReader(header_limit)
        self._valve: Valve = OPEN_VALVE
        self._phase = 0
        self._into: Sink = DISCARD
        self._is_started = False
        self._message = None
        self._window = None
        self._surplus = b""
        self._at = 0
        self._is_advancing = False
        self._is_holding = False
        self._has_ended = False
        self.writer = lower.sink
        self.pressure = Relay()
        """What the connection's writer pulls: acts on the source of the message that is being written."""

    def open(self, head: Head, valve: Valve) -> None:
        self._valve = valve
        self.writer.open(STREAM_HEAD, self.pressure)

    @abstractmethod
    def _step(self) -> bool:
        """Consume a part of the surplus; False when the rest has to wait."""

    @abstractmethod
    def _end_of_input(self) -> None:
        """The peer has said FIN, and everything before it is consumed."""

    def _take(self, chunk: bytes) -> None:
        # At most one read arrives after the pause.
        self._surplus = self._surplus[self._at :] + chunk if self._surplus else chunk
        self._at = 0
        self._advance()

    def _advance(self) -> None:
        if self._is_advancing:
            return
        self._is_advancing = True
        while self._surplus and self._step():
            pass
        if self._has_ended and not self._surplus:
            self._end_of_input()
        self._is_advancing = False
        if self._surplus:
            if not self._is_holding:
                self._is_holding = True
                self._valve.pause()
        elif self._is_holding:
            self._release()

    def _release(self) -> None:
        if self._is_holding:
            self._is_holding = False
            self._valve.resume()

    def _consumed(self, end: int) -> None:
        if end < 0 or end == len(self._surplus):
            self._surplus = b""
            self._at = 0
        else:
            self._at = end

    def _pass_raw(self) -> bool:
        """A tunnel: the whole surplus goes through."""
        rest = self._surplus[self._at :]
        self._surplus = b""
        self._into.data(rest, 0)
        return True

    def _detach(self) -> None:
        """The exchange is over: nothing may point to it any more."""
        message = self._message
        if message is not None:
            message.unlink()
            self._message = None
        self._into = DISCARD
        self._is_started = False
        window = self._window
        if window is not None:
            self._window = None
            window.let_go()
        self.pressure.let_go()

"""The response of one exchange: verbs become bytes on the client's connection.

READY ─open→ OPEN ─end→ OVER
  └──── abort: a reply of our own, then the connection closes
         OPEN ─abort→ the connection closes, the body visibly incomplete
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from l7mp_mesh.pipe.head import UNKNOWN_LENGTH, Head, Last, ResponseHead, Trailers
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.pipe.verbs import OPEN_VALVE, Sink, Valve
from l7mp_mesh.protocols.http.rescue import reply_for
from l7mp_mesh.protocols.http1.codec_stream import MessageSink
from l7mp_mesh.protocols.http1.writer import (
    CHUNKED,
    CLOSE,
    JOINED,
    KEEP_ALIVE,
    LAST_CHUNK,
    NO_FRAMING,
    length_framing,
    response_bytes,
    trailer_bytes,
)

if TYPE_CHECKING:
    from l7mp_mesh.protocols.http1.codec import ServerCodec

NONE: Final = 0
"""No body by rule; what comes is dropped."""
LENGTH: Final = 1
IN_CHUNKS: Final = 2
UNTIL_CLOSE: Final = 3
RAW: Final = 4

SWITCHING: Final = 101
OK: Final = 200
REDIRECT: Final = 300
NO_CONTENT: Final = 204
NOT_MODIFIED: Final = 304


class ResponseSink(MessageSink):
    """Where the answer to one request is written."""

    __slots__ = (
        "_framing",
        "_is_v11",
        "_keeps_alive",
        "_method",
        "_remaining",
    )

    _codec: ServerCodec | None

    def __init__(self, codec: ServerCodec, method: bytes, is_v11: bool, keeps_alive: bool) -> None:  # noqa: FBT001
        self._codec = codec
        self._method = method
        self._is_v11 = is_v11
        self._keeps_alive = keeps_alive
        self._framing = NONE
        self._remaining = 0
        self.is_begun = False
        self.is_over = False

    def make_last(self) -> None:
        """Nothing follows on this connection, whether the client can still be told or not."""
        self._keeps_alive = False

    def inform(self, head: Head) -> None:
        codec = self._codec
        # HTTP/1.0 knows no interim responses (RFC 9110 section 15.2).
        if codec is not None and self._is_v11 and not self.is_begun:
            assert isinstance(head, ResponseHead)
            codec.writer.data(response_bytes(head, NO_FRAMING), 0)

    def open(self, head: Head, valve: Valve) -> None:
        codec = self._codec
        if codec is None or self.is_begun:
            return
        assert isinstance(head, ResponseHead)
        if head.status == SWITCHING and not codec.awaits_decision:
            self.abort(Reason.UPSTREAM_PROTOCOL)
            return
        self.is_begun = True
        if codec.awaits_decision and self._is_switch(head):
            self._framing = RAW
            codec.pressure.attach(valve)
            codec.writer.data(response_bytes(head, _switch_framing(head)), 0)
            codec.switched()
            return
        framing = self._frame(head)
        if codec.is_last:
            self._keeps_alive = False
        if not self._keeps_alive:
            framing = CLOSE + framing
        elif not self._is_v11:
            framing = KEEP_ALIVE + framing
        codec.pressure.attach(valve)
        codec.writer.data(response_bytes(head, framing), 0)
        if codec.awaits_decision:
            codec.declined()

    def data(self, chunk: bytes, flags: int) -> None:
        codec = self._codec
        if codec is None or not chunk:
            return
        framing = self._framing
        if framing == LENGTH:
            self._remaining -= len(chunk)
            if self._remaining < 0:
                # More than was promised: the client would read it as the next response.
                self._cut(codec, Reason.UPSTREAM_PROTOCOL)
                return
            codec.writer.data(chunk, 0)
        elif framing == IN_CHUNKS:
            write_chunk(codec.writer, chunk)
        elif framing != NONE:
            codec.writer.data(chunk, 0)

    def end(self, last: Last | None) -> None:
        codec = self._codec
        if codec is None or self.is_over:
            return
        framing = self._framing
        if framing == LENGTH and self._remaining:
            self._cut(codec, Reason.UPSTREAM_PROTOCOL)
            return
        self.is_over = True
        if framing == IN_CHUNKS:
            tail = trailer_bytes(last.headers.fields) if isinstance(last, Trailers) else LAST_CHUNK
            codec.writer.data(tail, 0)
        codec.finished(keeps_alive=self._keeps_alive)

    def abort(self, reason: Reason) -> None:
        codec = self._codec
        if codec is None:
            return
        if self.is_begun:
            self._cut(codec, reason)
            return
        head, body = reply_for(reason, reason.text, codec.mute())
        self._keeps_alive = False
        self.open(head, OPEN_VALVE)
        self.data(body, 0)
        self.end(None)

    def _cut(self, codec: ServerCodec, reason: Reason) -> None:
        # A framed body shows that it is incomplete, so what was written may still arrive; without framing
        # only a reset tells the client.
        codec.close(Reason.OK if self._framing in (LENGTH, IN_CHUNKS) else reason)

    def _is_switch(self, head: ResponseHead) -> bool:
        if self._method == b"CONNECT":
            return OK <= head.status < REDIRECT
        return head.status == SWITCHING and bool(head.upgrade)

    def _frame(self, head: ResponseHead) -> bytes:
        """Decide how the body is delimited (RFC 9112 section 6.3)."""
        length = head.length
        if self._method == b"HEAD" or head.status == NOT_MODIFIED:
            return length_framing(length) if length >= 0 else NO_FRAMING
        if head.status == NO_CONTENT:
            return NO_FRAMING
        if length != UNKNOWN_LENGTH:
            self._framing = LENGTH
            self._remaining = length
            return length_framing(length)
        if self._is_v11:
            self._framing = IN_CHUNKS
            return CHUNKED
        self._framing = UNTIL_CLOSE
        self._keeps_alive = False
        return NO_FRAMING


def write_chunk(writer: Sink, chunk: bytes) -> None:
    """Write one chunk of a chunked body."""
    size = len(chunk)
    if size <= JOINED:
        writer.data(b"%x\r\n%b\r\n" % (size, chunk), 0)
    else:
        writer.data(b"%x\r\n" % size, 0)
        writer.data(chunk, 0)
        writer.data(b"\r\n", 0)


def _switch_framing(head: ResponseHead) -> bytes:
    if head.status == SWITCHING:
        return b"connection: upgrade\r\nupgrade: %b\r\n\r\n" % head.upgrade
    return NO_FRAMING

"""The request of one exchange: verbs become bytes on the server's connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from l7mp_mesh.pipe.head import Head, Last, RequestHead, Trailers
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.pipe.verbs import Valve
from l7mp_mesh.protocols.http1.codec_response import write_chunk
from l7mp_mesh.protocols.http1.codec_stream import MessageSink
from l7mp_mesh.protocols.http1.writer import (
    CHUNKED,
    CLOSE,
    EMPTY,
    LAST_CHUNK,
    NO_FRAMING,
    length_framing,
    request_bytes,
    trailer_bytes,
)

if TYPE_CHECKING:
    from l7mp_mesh.protocols.http1.codec_client import ClientCodec

BODILESS: Final = frozenset((b"GET", b"HEAD", b"DELETE", b"OPTIONS", b"TRACE", b"CONNECT"))
"""Methods whose requests do not announce an empty body (RFC 9110 section 8.6)."""

LENGTH: Final = 0
IN_CHUNKS: Final = 1
RAW: Final = 2


class RequestSink(MessageSink):
    """Where one request is written."""

    __slots__ = ("_framing", "_remaining", "lost", "method", "upgrade")

    _codec: ClientCodec | None

    def __init__(self, codec: ClientCodec) -> None:
        self._codec = codec
        self._framing = LENGTH
        self._remaining = 0
        self.method = b""
        self.upgrade = b""
        self.is_begun = False
        self.is_over = False
        self.lost = Reason.UPSTREAM_RESET
        """Why the connection went away, should it do so before the leg is started."""

    def open(self, head: Head, valve: Valve) -> None:
        codec = self._codec
        if codec is None or self.is_begun:
            return
        assert isinstance(head, RequestHead)
        self.is_begun = True
        self.method = head.method
        self.upgrade = head.upgrade
        framing = self._frame(head)
        if codec.is_once and self._framing != RAW:
            framing = CLOSE + framing
        codec.pressure.attach(valve)
        codec.writer.data(request_bytes(head, framing), 0)

    def data(self, chunk: bytes, flags: int) -> None:
        codec = self._codec
        if codec is None or not chunk or self.is_over:
            return
        if self._framing == LENGTH:
            self._remaining -= len(chunk)
            if self._remaining < 0:
                # More than was promised: the server would read it as the next request.
                codec.fail(Reason.DOWNSTREAM_PROTOCOL)
                return
            codec.writer.data(chunk, 0)
        elif self._framing == IN_CHUNKS:
            write_chunk(codec.writer, chunk)
        else:
            codec.writer.data(chunk, 0)

    def end(self, last: Last | None) -> None:
        codec = self._codec
        if codec is None or self.is_over:
            return
        if self._framing == LENGTH and self._remaining:
            codec.fail(Reason.DOWNSTREAM_PROTOCOL)
            return
        self.is_over = True
        if self._framing == IN_CHUNKS:
            tail = trailer_bytes(last.headers.fields) if isinstance(last, Trailers) else LAST_CHUNK
            codec.writer.data(tail, 0)
        codec.sent()

    def abort(self, reason: Reason) -> None:
        if self._codec is not None:
            self._codec.close(reason)

    def _frame(self, head: RequestHead) -> bytes:
        length = head.length
        if head.upgrade:
            self._framing = RAW
            return b"connection: upgrade\r\nupgrade: %b\r\n\r\n" % head.upgrade
        if head.method == b"CONNECT":
            self._framing = RAW
            return NO_FRAMING
        if length < 0:
            self._framing = IN_CHUNKS
            return CHUNKED
        self._remaining = length
        if length:
            return length_framing(length)
        return NO_FRAMING if head.method in BODILESS else EMPTY

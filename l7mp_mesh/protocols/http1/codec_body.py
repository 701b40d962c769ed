"""HTTP/1 bodies: how many bytes of a read belong to a message, and which of them are payload.

SIZE ─line→ DATA ─all→ MARK ─crlf→ SIZE      (chunked, RFC 9112 section 7.1)
  └─size 0→ TRAILER ─empty line→ over
"""

from __future__ import annotations

import re
from typing import Final

from l7mp_mesh.pipe.head import UNKNOWN_LENGTH, Trailers
from l7mp_mesh.pipe.headers import Headers
from l7mp_mesh.protocols.http.fields import FRAMING
from l7mp_mesh.protocols.http1.parser import EMPTY_LINE, BadMessage

DATA: Final = 0
MARK: Final = 1
SIZE: Final = 2
TRAILER: Final = 3
LENGTH: Final = 4
FOREVER: Final = 5

SIZE_LIMIT: Final = 1024
"""Longest size line with its extensions."""
SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})(?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?").fullmatch
TRAILER_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*)").fullmatch


class BodyReader:
    """Reads the body of one message after the other.

    After `feed`, `payload` holds what the read carried; after its end, `trailers` what followed the body.
    """

    __slots__ = ("_limit", "_pos", "_remaining", "_state", "_tail", "payload", "trailers")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._state = LENGTH
        self._remaining = 0
        self._tail = b""
        self._pos = 0
        self.payload = b""
        self.trailers: Trailers | None = None

    @property
    def is_until_close(self) -> bool:
        """The end of the connection is the end of the body."""
        return self._state == FOREVER

    def begin(self, length: int, *, is_chunked: bool) -> None:
        """A body of `length` bytes, chunked, or (UNKNOWN_LENGTH) as long as the connection."""
        self.trailers = None
        self._remaining = length
        if is_chunked:
            self._state = SIZE
        else:
            self._state = FOREVER if length == UNKNOWN_LENGTH else LENGTH

    def feed(self, data: bytes, start: int) -> int:
        """Read on in `data[start:]`; the offset behind the body, or -1 when it goes on. Raises BadMessage."""
        if self._state == LENGTH:
            return self._feed_length(data, start)
        if self._state == FOREVER:
            self.payload = data[start:]
            return -1
        held = len(self._tail)
        if held:
            data = self._tail + data[start:]
            self._tail = b""
            end = self._feed_chunks(data, 0)
            return end if end < 0 else end - held + start
        return self._feed_chunks(data, start)

    def _feed_length(self, data: bytes, start: int) -> int:
        available = len(data) - start
        if available < self._remaining:
            self._remaining -= available
            self.payload = data[start:]
            return -1
        end = start + self._remaining
        self._remaining = 0
        self.payload = data[start:end]
        return end

    def _feed_chunks(self, data: bytes, start: int) -> int:
        pieces: list[bytes] = []
        self._pos = start
        is_over = False
        goes_on = True
        while goes_on:
            if self._state == DATA:
                goes_on = self._take_data(data, pieces)
            elif self._state == MARK:
                goes_on = self._take_mark(data)
            elif self._state == SIZE:
                goes_on = self._take_size(data)
            else:
                is_over = self._take_trailers(data)
                goes_on = False
        self.payload = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        if is_over:
            return self._pos
        self._tail = data[self._pos :]
        return -1

    def _take_data(self, data: bytes, pieces: list[bytes]) -> bool:
        piece = data[self._pos : self._pos + self._remaining]
        if piece:
            pieces.append(piece)
            self._pos += len(piece)
            self._remaining -= len(piece)
        if self._remaining:
            return False
        self._state = MARK
        return True

    def _take_mark(self, data: bytes) -> bool:
        mark = data[self._pos : self._pos + 2]
        if mark == b"\r\n":
            self._pos += 2
            self._state = SIZE
            return True
        if mark not in (b"", b"\r"):
            raise BadMessage(400, "chunk longer than its size")
        return False

    def _take_size(self, data: bytes) -> bool:
        end = data.find(b"\r\n", self._pos, self._pos + SIZE_LIMIT)
        if end < 0:
            if len(data) - self._pos >= SIZE_LIMIT or b"\n" in data[self._pos :]:
                raise BadMessage(400, "malformed chunk size")
            return False
        found = SIZE_LINE(data[self._pos : end])
        if found is None:
            raise BadMessage(400, "malformed chunk size")
        self._pos = end + 2
        self._remaining = int(found[1], 16)
        self._state = DATA if self._remaining else TRAILER
        return True

    def _take_trailers(self, data: bytes) -> bool:
        start = self._pos
        if data[start : start + 2] == b"\r\n":
            self._pos += 2
            return True
        end = data.find(EMPTY_LINE, start)
        if (end if end >= 0 else len(data)) - start > self._limit:
            raise BadMessage(431, f"trailer section longer than {self._limit} bytes")
        if end < 0:
            return False
        self._pos = end + 4
        fields = [_trailer(line) for line in data[start:end].split(b"\r\n")]
        fields = [field for field in fields if field[0] not in FRAMING]
        self.trailers = Trailers(Headers(fields)) if fields else None
        return True


def _trailer(line: bytes) -> tuple[bytes, bytes]:
    found = TRAILER_LINE(line)
    if found is None:
        raise BadMessage(400, "malformed trailer field")
    return found[1].lower(), found[2].rstrip(b" \t")

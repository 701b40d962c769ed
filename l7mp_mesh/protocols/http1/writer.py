"""HTTP/1 heads as bytes: always made from parsed fields, never copied through."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from l7mp_mesh.pipe.head import RequestHead, ResponseHead

STATUS_LINE: Final[dict[int, bytes]] = {
    status.value: b"HTTP/1.1 %d %b\r\n" % (status.value, status.phrase.encode()) for status in HTTPStatus
}
CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
LAST_CHUNK: Final = b"0\r\n\r\n"
JOINED: Final = 8192
"""Chunks up to this size are copied behind their size line; larger ones are written as they are."""

NO_FRAMING: Final = b"\r\n"
CHUNKED: Final = b"transfer-encoding: chunked\r\n\r\n"
CLOSE: Final = b"connection: close\r\n"
KEEP_ALIVE: Final = b"connection: keep-alive\r\n"
EMPTY: Final = b"content-length: 0\r\n\r\n"


def response_bytes(head: ResponseHead, framing: bytes) -> bytes:
    """A response head; `framing` are the last field lines with the empty line."""
    if head.reason:
        line = clean(b"HTTP/1.1 %d %b" % (head.status, head.reason)) + b"\r\n"
    else:
        line = STATUS_LINE.get(head.status) or b"HTTP/1.1 %d \r\n" % head.status
    fields = head.headers.fields
    return line + field_lines(fields) + framing if fields else line + framing


def request_bytes(head: RequestHead, framing: bytes) -> bytes:
    """A request head; `framing` as in `response_bytes`."""
    line = b"%b %b HTTP/1.1\r\nhost: %b\r\n" % (head.method, head.target, head.authority)
    if line.count(b" ") != 3 or line.count(b"\n") != 2 or line.count(b"\r") != 2:  # noqa: PLR2004
        line = _safe_line(head)
    fields = head.headers.fields
    return line + field_lines(fields) + framing if fields else line + framing


def field_lines(fields: list[tuple[bytes, bytes]]) -> bytes:
    """Field lines, each with its end."""
    lines = b"\r\n".join([b": ".join(field) for field in fields])
    breaks = len(fields) - 1
    if lines.count(b"\n") != breaks or lines.count(b"\r") != breaks:
        # A rewrite or transform put a line break into a name or value: it must not become a field of its own.
        lines = b"\r\n".join([clean(b": ".join(field)) for field in fields])
    return lines + b"\r\n"


def trailer_bytes(fields: list[tuple[bytes, bytes]]) -> bytes:
    """The last chunk with a trailer section (RFC 9112 section 7.1.2)."""
    return b"0\r\n" + field_lines(fields) + b"\r\n" if fields else LAST_CHUNK


def length_framing(length: int) -> bytes:
    """A body of known length."""
    return b"content-length: %d\r\n\r\n" % length if length else EMPTY


def clean(text: bytes) -> bytes:
    """`text` without line breaks and NUL (RFC 9110 section 5.5 lets them become spaces)."""
    return text.replace(b"\r", b" ").replace(b"\n", b" ").replace(b"\0", b" ")


def _safe_line(head: RequestHead) -> bytes:
    method = clean(head.method).replace(b" ", b"")
    target = clean(head.target).replace(b" ", b"%20")
    authority = clean(head.authority).replace(b" ", b"")
    return b"%b %b HTTP/1.1\r\nhost: %b\r\n" % (method, target, authority)

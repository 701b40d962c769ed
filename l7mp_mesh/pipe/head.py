"""What `open` carries: the head of a stream, of a request or of a response; and what `end` may carry.

Heads are parsed values. A codec re-serialises them from their fields; what was not parsed is not forwarded.
"""

from __future__ import annotations

from l7mp_mesh.pipe.headers import Headers

UNKNOWN_LENGTH = -1
"""Body length of a head whose end is known only when `end` comes (chunked, or until close)."""


class Head:
    """Base of all heads."""

    __slots__ = ()


class StreamHead(Head):
    """Head of a STREAM or MESSAGE leg: there is nothing to say but that it is open."""

    __slots__ = ()


STREAM_HEAD = StreamHead()
"""The one instance everybody passes on: it has no state."""


class RequestHead(Head):
    """An HTTP request line and its fields (RFC 9110 section 6.2).

    `target` is the origin-form path with query (or authority-form for CONNECT), `authority` the Host or
    `:authority`, `length` the body length in bytes, 0 when there is no body, UNKNOWN_LENGTH when unknown.
    `upgrade` is the lower-case protocol asked for by an Upgrade header, `b""` without one. `headers` never
    hold Host, Content-Length, Transfer-Encoding or a hop-by-hop field.
    """

    __slots__ = ("authority", "headers", "length", "method", "scheme", "target", "upgrade")

    def __init__(  # noqa: PLR0913
        self,
        method: bytes,
        target: bytes,
        authority: bytes,
        headers: Headers,
        length: int = 0,
        *,
        scheme: bytes = b"http",
        upgrade: bytes = b"",
    ) -> None:
        self.method = method
        self.target = target
        self.authority = authority
        self.headers = headers
        self.length = length
        self.scheme = scheme
        self.upgrade = upgrade

    def __repr__(self) -> str:
        return f"RequestHead({self.method!r} {self.scheme!r}://{self.authority!r}{self.target!r})"


class ResponseHead(Head):
    """An HTTP status line and its fields (RFC 9110 section 6.2).

    `length` as in `RequestHead`; for an answer without a body by rule (HEAD, 204, 304) it is what a
    Content-Length said, or UNKNOWN_LENGTH. `upgrade` is set when the answer switches protocols (101, or 2xx
    to CONNECT): from there on both directions carry raw bytes.
    """

    __slots__ = ("headers", "length", "reason", "status", "upgrade")

    def __init__(
        self,
        status: int,
        headers: Headers,
        length: int = 0,
        *,
        reason: bytes = b"",
        upgrade: bytes = b"",
    ) -> None:
        self.status = status
        self.headers = headers
        self.length = length
        self.reason = reason
        self.upgrade = upgrade

    def __repr__(self) -> str:
        return f"ResponseHead({self.status})"


class Last:
    """Base of what `end` may carry."""

    __slots__ = ()


class Trailers(Last):
    """Trailer fields of a request or response (RFC 9110 section 6.5)."""

    __slots__ = ("headers",)

    def __init__(self, headers: Headers) -> None:
        self.headers = headers


class Close(Last):
    """How a WebSocket ended (RFC 6455 section 7.4): `code` 1000..4999, `text` at most 123 bytes of UTF-8."""

    __slots__ = ("code", "text")

    def __init__(self, code: int, text: str = "") -> None:
        self.code = code
        self.text = text

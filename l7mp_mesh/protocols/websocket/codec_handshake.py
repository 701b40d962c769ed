"""The opening handshake (RFC 6455 section 4): what a request must say, and what the answer proves."""

from __future__ import annotations

import base64
import binascii
import hashlib

from l7mp_mesh.pipe.head import Head, RequestHead, ResponseHead, StreamHead
from l7mp_mesh.pipe.headers import Headers

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_VERSION = b"13"
_KEY_SIZE = 16


class WebSocketHead(StreamHead):
    """Head of an upstream WebSocket: the sub-protocol its server chose, empty if it chose none."""

    __slots__ = ("subprotocol",)

    def __init__(self, subprotocol: bytes) -> None:
        self.subprotocol = subprotocol


class Refusal(Exception):
    """The other side said something that is no handshake; `status` is the answer to a client."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text

    def response(self) -> tuple[ResponseHead, bytes]:
        """The answer to a client."""
        body = f"{self.text}\n".encode()
        headers = Headers([(b"content-type", b"text/plain; charset=utf-8")])
        if self.status == 426:  # noqa: PLR2004 - Upgrade Required (RFC 9110 section 15.5.22)
            headers.append(b"sec-websocket-version", _VERSION)
        return ResponseHead(self.status, headers, len(body)), body


class Handshake:
    """A valid upgrade request, waiting to be accepted."""

    __slots__ = ("key", "offered")

    def __init__(self, key: bytes, offered: list[bytes]) -> None:
        self.key = key
        self.offered = offered

    def response(self, head: Head) -> ResponseHead:
        """The 101 for a session that goes to a leg with `head`.

        An upstream WebSocket's choice of sub-protocol is final; elsewhere the first offer is taken.
        """
        headers = Headers([(b"sec-websocket-accept", accept_key(self.key))])
        chosen = self.offered[0] if self.offered else b""
        if isinstance(head, WebSocketHead):
            chosen = head.subprotocol
        if chosen and chosen in self.offered:
            headers.append(b"sec-websocket-protocol", chosen)
        return ResponseHead(101, headers, upgrade=b"websocket")


def parse_request(head: RequestHead) -> Handshake:
    """Check an upgrade request. Raises Refusal."""
    if head.upgrade != b"websocket":
        raise Refusal(426, "This address speaks WebSocket: expected an upgrade request.")
    if head.method != b"GET":
        raise Refusal(400, f"Expected GET, got {head.method.decode('latin-1')}.")
    if head.headers.get(b"sec-websocket-version") != _VERSION:
        raise Refusal(426, "Expected Sec-WebSocket-Version: 13.")
    keys = head.headers.get_all(b"sec-websocket-key")
    if len(keys) != 1 or not _is_key(keys[0]):
        raise Refusal(400, "Expected one Sec-WebSocket-Key of 16 bytes in base64.")
    return Handshake(keys[0], offers(head.headers))


def parse_response(head: Head, key: bytes, offered: list[bytes]) -> WebSocketHead:
    """Check the answer to an upgrade request with `key`. Raises Refusal."""
    if not isinstance(head, ResponseHead) or head.status != 101:  # noqa: PLR2004 - Switching Protocols
        status = head.status if isinstance(head, ResponseHead) else 0
        raise Refusal(status, f"expected 101 to the WebSocket handshake, got {status}")
    if head.upgrade != b"websocket" or head.headers.get(b"sec-websocket-accept") != accept_key(key):
        raise Refusal(101, "the WebSocket handshake was accepted with a wrong key or protocol")
    if b"sec-websocket-extensions" in head.headers:
        raise Refusal(101, "the server insists on a WebSocket extension that was not offered")
    chosen = head.headers.get(b"sec-websocket-protocol") or b""
    if chosen and chosen not in offered:
        raise Refusal(
            101, f"the server chose a sub-protocol that was not offered: {chosen.decode('latin-1')}"
        )
    return WebSocketHead(chosen)


def offers(headers: Headers) -> list[bytes]:
    """Sub-protocols of a request, in order of preference."""
    listed = b",".join(headers.get_all(b"sec-websocket-protocol")).split(b",")
    return [name for name in (item.strip(b" \t") for item in listed) if name]


def accept_key(key: bytes) -> bytes:
    """Proof that `key` was understood (RFC 6455 section 4.2.2)."""
    return base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest())


def _is_key(text: bytes) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) == _KEY_SIZE
    except binascii.Error:
        return False

"""Turns upgraded exchanges into WebSockets: a client's request into a leg, and a lower leg to a server."""

from __future__ import annotations

import asyncio
import base64
import secrets

from l7mp_mesh.pipe.head import Head, Last, RequestHead
from l7mp_mesh.pipe.headers import Headers
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.pipe.verbs import DISCARD, OPEN_VALVE, Valve
from l7mp_mesh.ports.attributes import Attributes
from l7mp_mesh.ports.clock import Clock
from l7mp_mesh.ports.layer import Accept, ConnectFailed, Layer
from l7mp_mesh.ports.leg import Leg
from l7mp_mesh.protocols.websocket.codec import FromPeer, WebSocketLeg
from l7mp_mesh.protocols.websocket.codec_frames import MAX_MESSAGE
from l7mp_mesh.protocols.websocket.codec_handshake import (
    Refusal,
    WebSocketHead,
    offers,
    parse_request,
    parse_response,
)
from l7mp_mesh.routing.request import request_from, rewritten_head

IDLE_TIMEOUT = 3600.0
"""Seconds without a message in either direction that end a session, as for TCP."""


class WebSocketLayer(Layer):
    """WebSocket over HTTP; `max_message` is the longest message accepted, in bytes."""

    def __init__(self, clock: Clock, max_message: int = MAX_MESSAGE) -> None:
        self._clock = clock
        self._max_message = max_message

    def accept(self, lower: Leg, attributes: Attributes, emit: Accept) -> None:
        assert attributes.head is not None, "a WebSocket stands on an exchange"
        try:
            handshake = parse_request(attributes.head)
        except Refusal as refusal:
            refuse(lower, refusal)
            return
        attributes.prefix = "WS"
        attributes.idle_timeout = IDLE_TIMEOUT
        emit(WebSocketLeg(lower, self._clock, self._max_message, handshake), attributes)

    async def connect(self, lower: Leg, attributes: Attributes) -> Leg:
        request = upgrade_request(attributes)
        leg = WebSocketLeg(lower, self._clock, self._max_message, None)
        server = FromServer(leg, request)
        lower.start(server)
        lower.sink.open(request, leg.writable)
        try:
            await server.answer
        except ConnectFailed as failure:
            lower.close(failure.reason)
            raise
        except asyncio.CancelledError:
            lower.close(Reason.CONNECT_TIMEOUT)
            raise
        return leg


class FromServer(FromPeer):
    """Where the lower leg of an upstream WebSocket emits; `answer` is done when the handshake is."""

    __slots__ = ("_is_accepted", "_key", "_offered", "answer")

    def __init__(self, leg: WebSocketLeg, request: RequestHead) -> None:
        super().__init__(leg)
        self._key = request.headers.get(b"sec-websocket-key") or b""
        self._offered = offers(request.headers)
        self._is_accepted = False
        self.answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def open(self, head: Head, valve: Valve) -> None:
        try:
            accepted = parse_response(head, self._key, self._offered)
        except Refusal as refusal:
            reason = Reason.UPSTREAM_PROTOCOL if refusal.status == 101 else Reason.CONNECT_FAILED  # noqa: PLR2004
            self._fail(reason, refusal.text)
            return
        self._accept(accepted, valve)

    def data(self, chunk: bytes, flags: int) -> None:
        if self._is_accepted:
            super().data(chunk, flags)

    def end(self, last: Last | None) -> None:
        if self._is_accepted:
            super().end(last)
        else:
            self._fail(Reason.CONNECT_FAILED, "the connection ended during the WebSocket handshake")

    def abort(self, reason: Reason) -> None:
        if self._is_accepted:
            super().abort(reason)
        else:
            self._fail(Reason.CONNECT_FAILED, f"the WebSocket handshake failed: {reason.text}")

    def _accept(self, head: WebSocketHead, valve: Valve) -> None:
        self._is_accepted = True
        self._leg.accepted(head, valve)
        if not self.answer.done():
            self.answer.set_result(None)

    def _fail(self, reason: Reason, detail: str) -> None:
        if not self.answer.done():
            self.answer.set_exception(ConnectFailed(reason, detail))


def refuse(lower: Leg, refusal: Refusal) -> None:
    """Answer a request that is no handshake."""
    head, body = refusal.response()
    lower.start(DISCARD)
    lower.sink.open(head, OPEN_VALVE)
    lower.sink.data(body, 0)
    lower.sink.end(None)
    lower.close(Reason.OK)


def upgrade_request(attributes: Attributes) -> RequestHead:
    """The handshake for a session: its path, header fields and sub-protocols, addressed to the endpoint.

    The Host that the client used is not forwarded; one that a rewrite set is.
    """
    if attributes.head is None:
        base = request_from(attributes, 0)
        authority = base.authority
    else:
        base = rewritten_head(attributes.head, attributes)
        is_changed = base.authority != attributes.head.authority
        authority = base.authority if is_changed else attributes.authority
    target = base.target if base.target.startswith(b"/") else b"/"
    offered = base.headers.get_all(b"sec-websocket-protocol")
    headers = Headers([field for field in base.headers if _is_forwarded(field[0])])
    headers.append(b"sec-websocket-version", b"13")
    headers.append(b"sec-websocket-key", base64.b64encode(secrets.token_bytes(16)))
    if offered:
        headers.append(b"sec-websocket-protocol", b", ".join(offered))
    return RequestHead(b"GET", target, authority, headers, upgrade=b"websocket")


def _is_forwarded(name: bytes) -> bool:
    return not name.startswith(b"sec-websocket-") and name != b"expect"

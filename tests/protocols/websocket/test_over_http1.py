"""The layer over the real HTTP/1 one: from bytes to messages and back."""

from __future__ import annotations

import asyncio

from support.clock import FakeClock
from support.leg import PlayedLeg
from support.pipe import Recorder
from websockets.frames import Frame, Opcode

from l7mp_mesh.pipe.head import STREAM_HEAD
from l7mp_mesh.pipe.kind import Kind
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.pipe.verbs import OPEN_VALVE, TEXT
from l7mp_mesh.ports.attributes import Attributes, Peer
from l7mp_mesh.ports.leg import Leg
from l7mp_mesh.protocols.http1.layer import Http1Layer
from l7mp_mesh.protocols.http1.options import Http1Options
from l7mp_mesh.protocols.websocket.codec_handshake import accept_key
from l7mp_mesh.protocols.websocket.layer import WebSocketLayer

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
REQUEST = (
    b"GET /chat HTTP/1.1\r\nHost: example\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: soap, wamp\r\nSec-WebSocket-Key: "
    + KEY
    + b"\r\n\r\n"
)
FRAMES = Frame(Opcode.TEXT, b"hello").serialize(mask=True) + Frame(Opcode.CLOSE, b"\x0f\xa1").serialize(
    mask=True
)


def session_of(*reads: bytes) -> tuple[PlayedLeg, Recorder, list[Leg]]:
    """A client's connection, what the session hears, and the legs that came out."""
    clock = FakeClock()
    lower, session = PlayedLeg(Kind.STREAM), Recorder()
    legs: list[Leg] = []

    def accept(leg: Leg, _attributes: Attributes) -> None:
        legs.append(leg)
        leg.start(session)
        leg.sink.open(STREAM_HEAD, OPEN_VALVE)

    attributes = Attributes("l", "TCP", Peer("TCP", "10.0.0.1", 1, "10.0.0.2", 2), -1)
    websocket = WebSocketLayer(clock)
    http = Http1Layer(Http1Options(), clock)
    http.accept(lower, attributes, lambda leg, known: websocket.accept(leg, known, accept))
    lower.into.open(STREAM_HEAD, OPEN_VALVE)
    for read in reads:
        lower.into.data(read, 0)
    return lower, session, legs


def test_a_client_is_upgraded_wherever_its_bytes_are_cut() -> None:
    whole = REQUEST + FRAMES
    for cut in range(1, len(whole)):
        lower, session, _ = session_of(whole[:cut], whole[cut:])
        assert session.log == [("open",), b"hello", "end"]
        assert session.flags == [TEXT]
        head, _, frames = lower.written.body.partition(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        assert lines[0].startswith(b"http/1.1 101")
        assert b"upgrade: websocket" in lines
        assert b"sec-websocket-protocol: soap" in lines
        assert b"sec-websocket-accept: " + accept_key(KEY).lower() in lines
        assert frames == b"\x88\x02\x0f\xa1"


def test_the_connection_closes_after_both_have_said_goodbye() -> None:
    lower, session, legs = session_of(REQUEST, FRAMES)
    legs[0].sink.end(None)
    assert session.is_ended
    assert lower.closed is Reason.OK


def test_a_plain_request_is_told_to_upgrade_and_the_connection_lives_on() -> None:
    lower, _, legs = session_of(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert legs == []
    assert lower.written.body.startswith(b"HTTP/1.1 426 ")
    lower.into.data(REQUEST, 0)
    assert len(legs) == 1


def test_a_session_that_fails_before_the_upgrade_is_an_http_error() -> None:
    clock = FakeClock()
    lower = PlayedLeg(Kind.STREAM)
    attributes = Attributes("l", "TCP", Peer("TCP", "10.0.0.1", 1, "10.0.0.2", 2), -1)
    websocket = WebSocketLayer(clock)

    def fail(leg: Leg, _attributes: Attributes) -> None:
        leg.sink.abort(Reason.NO_ROUTE)
        leg.close(Reason.NO_ROUTE)

    Http1Layer(Http1Options(), clock).accept(
        lower, attributes, lambda leg, known: websocket.accept(leg, known, fail)
    )
    lower.into.open(STREAM_HEAD, OPEN_VALVE)
    lower.into.data(REQUEST, 0)
    assert lower.written.body.startswith(b"HTTP/1.1 404 ")
    assert lower.written.body.count(b"HTTP/1.1") == 1


def test_a_server_is_spoken_to_wherever_its_bytes_are_cut() -> None:
    async def scenario(cut: int) -> None:
        lower = PlayedLeg(Kind.STREAM)
        attributes = Attributes("l", "UDP", Peer("UDP", "10.0.0.1", 1, "10.0.0.2", 2), 0)
        clock = FakeClock()
        carrier = await Http1Layer(Http1Options(), clock).carry(lower)
        lower.into.open(STREAM_HEAD, OPEN_VALVE)
        leg_above = carrier.bear(attributes)
        task = asyncio.ensure_future(WebSocketLayer(clock).connect(leg_above, attributes.towards(b"up:80")))
        await asyncio.wait([task], timeout=0)
        request = lower.written.body
        assert request.startswith(b"GET / HTTP/1.1\r\n")
        assert b"host: up:80\r\n" in request.lower()
        (key,) = (
            line[19:] for line in request.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key: ")
        )
        answer = (
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept_key(key) + b"\r\n\r\n\x82\x02hi\x88\x02\x0f\xa1"
        )
        lower.into.data(answer[:cut], 0)
        lower.into.data(answer[cut:], 0)
        leg, session = await task, Recorder()
        leg.start(session)
        assert session.log == [("open",), b"hi", "end"]
        assert carrier.room() == 0
        leg.sink.end(None)
        assert lower.closed is Reason.OK

    for cut in range(1, 150):
        asyncio.run(scenario(cut))

from __future__ import annotations

import asyncio

import pytest
from support.clock import FakeClock
from support.leg import PlayedLeg
from support.pipe import Recorder

from l7mp_mesh.pipe.head import STREAM_HEAD, RequestHead, ResponseHead
from l7mp_mesh.pipe.headers import Headers
from l7mp_mesh.pipe.kind import Kind
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.pipe.verbs import OPEN_VALVE, TEXT
from l7mp_mesh.ports.attributes import Attributes, Peer
from l7mp_mesh.ports.layer import ConnectFailed
from l7mp_mesh.ports.leg import Leg
from l7mp_mesh.protocols.websocket.codec_handshake import accept_key
from l7mp_mesh.protocols.websocket.layer import IDLE_TIMEOUT, WebSocketLayer, upgrade_request

PEER = Peer("TCP", "10.0.0.1", 4000, "10.0.0.2", 80)
GOOD = [(b"sec-websocket-version", b"13"), (b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ==")]


def attributes_of(head: RequestHead | None) -> Attributes:
    return Attributes("l", "HTTP", PEER, 3, head=head)


def request(
    headers: list[tuple[bytes, bytes]], method: bytes = b"GET", upgrade: bytes = b"websocket"
) -> RequestHead:
    return RequestHead(method, b"/p?x=1", b"front:80", Headers(headers), upgrade=upgrade)


def accept(head: RequestHead) -> tuple[PlayedLeg, list[tuple[Leg, Attributes]]]:
    lower = PlayedLeg(Kind.EXCHANGE)
    emitted: list[tuple[Leg, Attributes]] = []
    layer = WebSocketLayer(FakeClock())
    layer.accept(lower, attributes_of(head), lambda leg, attributes: emitted.append((leg, attributes)))
    return lower, emitted


def test_an_upgrade_request_becomes_a_message_leg_with_its_metadata() -> None:
    lower, ((leg, attributes),) = accept(request(GOOD))
    assert leg.kind is Kind.MESSAGE
    assert attributes.idle_timeout == IDLE_TIMEOUT
    assert attributes.name == "WS:10.0.0.1:4000-10.0.0.2:80-3"
    assert attributes.tree["HTTP"]["url"]["path"] == "/p?x=1"
    assert lower.written.log == []
    assert not lower.is_started


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (request(GOOD, upgrade=b""), 426),
        (request(GOOD, upgrade=b"h2c"), 426),
        (request(GOOD, method=b"POST"), 400),
        (request(GOOD[1:]), 426),
        (request([(b"sec-websocket-version", b"8"), GOOD[1]]), 426),
        (request(GOOD[:1]), 400),
        (request([*GOOD, GOOD[1]]), 400),
        (request([GOOD[0], (b"sec-websocket-key", b"c2hvcnQ=")]), 400),
        (request([GOOD[0], (b"sec-websocket-key", b"\xff not base64")]), 400),
    ],
)
def test_what_is_no_handshake_is_refused_with_a_reason(head: RequestHead, status: int) -> None:
    lower, emitted = accept(head)
    assert emitted == []
    (answer,) = lower.written.heads
    assert isinstance(answer, ResponseHead)
    assert answer.status == status
    assert answer.length == len(lower.written.body) > 20
    assert lower.written.is_ended
    assert lower.closed is Reason.OK
    if status == 426:
        assert answer.headers.get(b"sec-websocket-version") == b"13"


class Server:
    """Plays the server during a handshake."""

    def __init__(self, head: RequestHead | None = None) -> None:
        self.lower = PlayedLeg(Kind.EXCHANGE)
        self.task = asyncio.ensure_future(
            WebSocketLayer(FakeClock()).connect(self.lower, attributes_of(head))
        )

    async def request(self) -> RequestHead:
        await asyncio.wait([self.task], timeout=0)
        (head,) = self.lower.written.heads
        assert isinstance(head, RequestHead)
        return head

    async def answer(self, status: int = 101, **extra: bytes) -> None:
        key = (await self.request()).headers.get(b"sec-websocket-key")
        assert key is not None
        fields = [(b"sec-websocket-accept", extra.pop("accept", accept_key(key)))]
        fields += [(name.replace("_", "-").encode(), value) for name, value in extra.items()]
        upgrade = b"websocket" if status == 101 else b""
        self.lower.into.open(ResponseHead(status, Headers(fields), upgrade=upgrade), OPEN_VALVE)

    async def failure(self) -> ConnectFailed:
        with pytest.raises(ConnectFailed) as caught:
            await asyncio.wait_for(self.task, 5)
        assert self.lower.closed is caught.value.reason
        return caught.value


def test_a_server_that_agrees_gives_a_message_leg() -> None:
    async def scenario() -> None:
        server = Server(request([*GOOD, (b"sec-websocket-protocol", b"soap, wamp")]))
        await server.answer(sec_websocket_protocol=b"wamp")
        server.lower.into.data(b"\x81\x02hi", 0)
        leg = await server.task
        session = Recorder()
        leg.start(session)
        leg.sink.open(STREAM_HEAD, OPEN_VALVE)
        leg.sink.data(b"x", TEXT)
        assert session.log == [("open",), b"hi"]
        assert session.flags == [TEXT]
        assert server.lower.written.body[:2] == b"\x81\x81"

    asyncio.run(scenario())


def test_a_server_that_declines_fails_the_connection_with_its_status() -> None:
    async def scenario() -> None:
        server = Server()
        await server.answer(503)
        failure = await server.failure()
        assert failure.reason is Reason.CONNECT_FAILED
        assert "503" in failure.detail

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "extra",
    [
        {"accept": b"wrong"},
        {"sec_websocket_protocol": b"never offered"},
        {"sec_websocket_extensions": b"permessage-deflate"},
    ],
)
def test_a_server_that_proves_nothing_is_a_protocol_error(extra: dict[str, bytes]) -> None:
    async def scenario() -> None:
        server = Server()
        await server.answer(**extra)
        assert (await server.failure()).reason is Reason.UPSTREAM_PROTOCOL

    asyncio.run(scenario())


def test_a_connection_that_ends_or_breaks_during_the_handshake_fails() -> None:
    async def scenario() -> None:
        for verb in ("end", "abort"):
            server = Server()
            await server.request()
            if verb == "end":
                server.lower.into.end(None)
            else:
                server.lower.into.abort(Reason.UPSTREAM_RESET)
            assert (await server.failure()).reason is Reason.CONNECT_FAILED

    asyncio.run(scenario())


def test_a_cancelled_handshake_closes_the_connection() -> None:
    async def scenario() -> None:
        server = Server()
        await server.request()
        server.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await server.task
        assert server.lower.closed is Reason.CONNECT_TIMEOUT
        server.lower.into.abort(Reason.UPSTREAM_RESET)

    asyncio.run(scenario())


def test_the_handshake_takes_path_fields_and_offers_of_the_client_but_not_its_host() -> None:
    head = request(
        [
            *GOOD,
            (b"cookie", b"c=1"),
            (b"sec-websocket-protocol", b"soap"),
            (b"sec-websocket-extensions", b"permessage-deflate"),
        ]
    )
    made = upgrade_request(attributes_of(head).towards(b"10.9.9.9:81"))
    assert (made.method, made.target, made.authority) == (b"GET", b"/p?x=1", b"10.9.9.9:81")
    assert made.upgrade == b"websocket"
    assert made.headers.get(b"cookie") == b"c=1"
    assert made.headers.get_all(b"sec-websocket-version") == [b"13"]
    assert made.headers.get_all(b"sec-websocket-protocol") == [b"soap"]
    assert made.headers.get(b"sec-websocket-extensions") is None
    keys = made.headers.get_all(b"sec-websocket-key")
    assert len(keys) == 1
    assert keys != [GOOD[1][1]]


def test_a_session_without_http_metadata_asks_for_the_root() -> None:
    made = upgrade_request(attributes_of(None))
    assert (made.method, made.target, made.authority) == (b"GET", b"/", b"")


def test_a_rewritten_host_and_path_are_used() -> None:
    attributes = attributes_of(None)
    attributes.replace({"HTTP": {"url": {"host": "media", "path": "//twice"}, "headers": {"x": "1"}}})
    made = upgrade_request(attributes)
    assert (made.target, made.authority) == (b"//twice", b"media")
    assert made.headers.get(b"x") == b"1"

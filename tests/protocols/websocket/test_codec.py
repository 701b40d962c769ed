from __future__ import annotations

import pytest
from support.clock import FakeClock
from support.leg import PlayedLeg
from support.pipe import CountingValve, Recorder, close_of
from websockets.frames import Frame, Opcode

from l7mp_mesh.pipe.head import STREAM_HEAD, Close, RequestHead
from l7mp_mesh.pipe.headers import Headers
from l7mp_mesh.pipe.kind import Kind
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.pipe.verbs import OPEN_VALVE, TEXT
from l7mp_mesh.protocols.websocket.codec import CLOSE_TIMEOUT, LINGER_TIME, FromPeer, WebSocketLeg
from l7mp_mesh.protocols.websocket.codec_handshake import Handshake, WebSocketHead

REQUEST = RequestHead(b"GET", b"/", b"h", Headers(), upgrade=b"websocket")
KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def masked(opcode: Opcode, payload: bytes) -> bytes:
    return Frame(opcode, payload).serialize(mask=True)


CLOSE_1000 = masked(Opcode.CLOSE, b"\x03\xe8")


class Pausing(Recorder):
    """A session that says pause whenever it was given something, if it is told to."""

    is_shy = False

    def data(self, chunk: bytes, flags: int) -> None:
        super().data(chunk, flags)
        if self.is_shy:
            self.valve.pause()


class Downstream:
    """A client's WebSocket: the test is the client (`lower`) and the session (`session`)."""

    def __init__(self, *offered: bytes, is_open: bool = True) -> None:
        self.clock = FakeClock()
        self.lower = PlayedLeg(Kind.EXCHANGE)
        self.leg = WebSocketLeg(self.lower, self.clock, 1000, Handshake(KEY, list(offered)))
        self.session = Pausing()
        self.reading = CountingValve()
        self.leg.start(self.session)
        self.lower.into.open(REQUEST, self.reading)
        if is_open:
            self.leg.sink.open(STREAM_HEAD, OPEN_VALVE)
            self.lower.written.log.clear()

    @property
    def wrote(self) -> list[object]:
        return self.lower.written.log


def test_the_upgrade_is_accepted_when_the_session_has_its_other_side() -> None:
    ws = Downstream(is_open=False)
    assert ws.session.log == [("open",)]
    assert ws.wrote == []
    ws.leg.sink.open(STREAM_HEAD, OPEN_VALVE)
    assert ws.wrote == [("open", 101, ((b"sec-websocket-accept", ACCEPT),), 0)]


@pytest.mark.parametrize(
    ("head", "chosen"),
    [
        (STREAM_HEAD, b"soap"),
        (WebSocketHead(b"wamp"), b"wamp"),
        (WebSocketHead(b""), None),
        (WebSocketHead(b"never offered"), None),
    ],
)
def test_the_upstreams_choice_of_subprotocol_is_final(head: WebSocketHead, chosen: bytes | None) -> None:
    ws = Downstream(b"soap", b"wamp", is_open=False)
    ws.leg.sink.open(head, OPEN_VALVE)
    (answer,) = ws.lower.written.heads
    assert answer.headers.get(b"sec-websocket-protocol") == chosen
    assert answer.upgrade == b"websocket"


def test_a_session_that_fails_first_answers_with_an_http_error() -> None:
    ws = Downstream(is_open=False)
    ws.leg.sink.abort(Reason.NO_ROUTE)
    assert ws.wrote[0] == ("abort", Reason.NO_ROUTE)
    assert ws.lower.closed is Reason.OK
    ws.leg.close(Reason.NO_ROUTE)
    ws.leg.sink.open(STREAM_HEAD, OPEN_VALVE)
    assert ("open", 101) not in [item[:2] for item in ws.wrote if isinstance(item, tuple)]


def test_messages_and_their_type_pass_both_ways() -> None:
    ws = Downstream()
    ws.lower.into.data(masked(Opcode.TEXT, b"q") + masked(Opcode.BINARY, b"r"), 0)
    assert ws.session.log == [("open",), b"q", b"r"]
    assert ws.session.flags == [TEXT, 0]
    ws.leg.sink.data(b"a", TEXT)
    ws.leg.sink.data(b"b", 0)
    assert ws.wrote == [b"\x81\x01a", b"\x82\x01b"]


def test_the_clients_close_is_answered_and_the_session_ends_the_rest() -> None:
    ws = Downstream()
    ws.lower.into.data(masked(Opcode.CLOSE, b"\x0f\xa1bye"), 0)
    assert close_of(ws.session) == (4001, "bye")
    assert ws.wrote == [b"\x88\x05\x0f\xa1bye"]
    assert ws.lower.closed is None
    ws.leg.sink.data(b"too late", 0)
    ws.leg.sink.end(Close(4001, "bye"))
    assert ws.wrote == [b"\x88\x05\x0f\xa1bye", "end"]
    assert ws.lower.closed is Reason.OK
    ws.leg.close(Reason.OK)
    assert ws.wrote == [b"\x88\x05\x0f\xa1bye", "end"]


def test_the_sessions_close_crosses_and_waits_for_the_answer() -> None:
    ws = Downstream()
    ws.leg.sink.end(Close(4002, "x"))
    assert ws.wrote == [b"\x88\x03\x0f\xa2x"]
    ws.lower.into.data(masked(Opcode.TEXT, b"in flight"), 0)
    assert ws.lower.closed is None
    ws.lower.into.data(masked(Opcode.CLOSE, b"\x0f\xa2"), 0)
    assert ws.session.log == [("open",), b"in flight", "end"]
    assert ws.lower.closed is Reason.OK


def test_a_plain_end_is_a_normal_closure() -> None:
    ws = Downstream()
    ws.leg.sink.end(None)
    assert ws.wrote == [b"\x88\x02\x03\xe8"]


def test_a_client_that_does_not_answer_a_close_is_let_go() -> None:
    ws = Downstream()
    ws.leg.sink.end(None)
    ws.clock.advance(CLOSE_TIMEOUT - 0.1)
    assert ws.lower.closed is None
    ws.clock.advance(0.2)
    assert ws.lower.closed is Reason.OK
    assert ws.session.log == [("open",), "end"]


def test_a_session_that_talks_on_to_a_closed_client_is_aborted() -> None:
    ws = Downstream()
    ws.lower.into.data(CLOSE_1000, 0)
    ws.clock.advance(CLOSE_TIMEOUT + 0.1)
    assert ws.session.log == [("open",), "end", ("abort", Reason.DOWNSTREAM_RESET)]
    assert ws.lower.closed is Reason.OK


def test_no_deadline_is_left_behind() -> None:
    ws = Downstream()
    ws.leg.sink.end(None)
    ws.lower.into.data(CLOSE_1000, 0)
    ws.clock.advance(60)
    assert ws.session.log == [("open",), "end"]


def test_a_lost_connection_is_a_reset() -> None:
    ws = Downstream()
    ws.lower.into.end(None)
    assert ws.session.aborted is Reason.DOWNSTREAM_RESET
    assert ws.lower.closed is Reason.OK


def test_an_end_of_the_connection_after_our_close_is_an_end() -> None:
    ws = Downstream()
    ws.leg.sink.end(None)
    ws.lower.into.end(None)
    assert ws.session.log == [("open",), "end"]


def test_an_abort_of_the_connection_passes() -> None:
    ws = Downstream()
    ws.lower.into.abort(Reason.IDLE_TIMEOUT)
    assert ws.session.log == [("open",), ("abort", Reason.IDLE_TIMEOUT)]


@pytest.mark.parametrize(
    ("reason", "code"), [(Reason.UPSTREAM_RESET, 1011), (Reason.SHUTDOWN, 1001), (Reason.DELETED, 1001)]
)
def test_an_aborted_session_says_goodbye_before_it_closes(reason: Reason, code: int) -> None:
    ws = Downstream()
    ws.leg.sink.abort(reason)
    assert ws.wrote == [b"\x88\x02" + code.to_bytes(2, "big"), "end"]
    ws.lower.into.data(masked(Opcode.TEXT, b"x"), 0)
    ws.lower.into.data(masked(Opcode.CLOSE, b""), 0)
    assert ws.lower.closed is None
    ws.lower.into.end(None)
    assert ws.lower.closed is Reason.OK
    assert ws.session.log == [("open",)]


def test_a_peer_that_was_cut_off_has_a_moment_to_read_why() -> None:
    ws = Downstream()
    ws.session.valve.pause()
    ws.leg.sink.abort(Reason.UPSTREAM_RESET)
    assert ws.reading.held == 0
    ws.clock.advance(LINGER_TIME - 0.1)
    assert ws.lower.closed is None
    ws.clock.advance(0.2)
    assert ws.lower.closed is Reason.OK


def test_a_leg_that_was_closed_before_its_start_stays_silent() -> None:
    leg, _, _ = upstream()
    session = Recorder()
    leg.close(Reason.DELETED)
    leg.start(session)
    assert session.log == []


def test_a_closed_leg_says_goodbye_and_is_silent() -> None:
    ws = Downstream()
    ws.leg.close(Reason.DELETED)
    ws.leg.close(Reason.OK)
    assert ws.wrote == [b"\x88\x02\x03\xe9", "end"]
    ws.lower.into.data(CLOSE_1000, 0)
    ws.lower.into.end(None)
    assert ws.session.log == [("open",)]


def test_a_protocol_error_is_answered_and_aborts_the_session() -> None:
    ws = Downstream()
    ws.lower.into.data(masked(Opcode.TEXT, b"ok") + masked(Opcode.TEXT, b"\xff"), 0)
    assert ws.session.log == [("open",), b"ok", ("abort", Reason.DOWNSTREAM_PROTOCOL)]
    assert isinstance(ws.wrote[0], bytes)
    assert ws.wrote[0][2:4] == b"\x03\xef"
    ws.lower.into.abort(Reason.DOWNSTREAM_RESET)
    assert ws.lower.closed is Reason.OK


def test_an_answer_given_in_the_turn_of_a_close_is_dropped() -> None:
    class Echoing(Recorder):
        def data(self, chunk: bytes, flags: int) -> None:
            super().data(chunk, flags)
            echo.data(chunk, flags)

    lower = PlayedLeg(Kind.EXCHANGE)
    leg = WebSocketLeg(lower, FakeClock(), 1000, Handshake(KEY, []))
    session = Echoing()
    echo = leg.sink
    leg.start(session)
    lower.into.open(REQUEST, OPEN_VALVE)
    leg.sink.open(STREAM_HEAD, OPEN_VALVE)
    lower.into.data(masked(Opcode.TEXT, b"q") + CLOSE_1000, 0)
    assert session.log == [("open",), b"q", "end"]
    assert lower.written.log[1:] == [b"\x88\x02\x03\xe8"]


def test_the_session_holds_back_the_client_and_the_client_the_session() -> None:
    ws = Downstream(is_open=False)
    source = CountingValve()
    ws.leg.sink.open(STREAM_HEAD, source)
    ws.session.valve.pause()
    assert ws.reading.held == 1
    ws.lower.written.valve.pause()
    assert source.held == 1
    ws.lower.written.valve.resume()
    assert source.held == 0


def upstream() -> tuple[WebSocketLeg, PlayedLeg, CountingValve]:
    lower, reading = PlayedLeg(Kind.EXCHANGE), CountingValve()
    leg = WebSocketLeg(lower, FakeClock(), 1000, None)
    lower.start(FromPeer(leg))
    leg.accepted(WebSocketHead(b"soap"), reading)
    return leg, lower, reading


def test_a_server_is_held_until_the_session_listens_and_nothing_it_said_is_lost() -> None:
    leg, lower, reading = upstream()
    assert reading.held == 1
    lower.into.data(b"\x81\x02h", 0)
    lower.into.data(b"i\x88\x02\x03\xe8", 0)
    lower.into.end(None)
    session = Recorder()
    leg.start(session)
    assert session.log == [("open",), b"hi", "end"]
    assert isinstance(session.heads[0], WebSocketHead)
    assert session.heads[0].subprotocol == b"soap"


def test_a_server_that_resets_early_is_heard_of_at_the_start() -> None:
    leg, lower, _ = upstream()
    lower.into.abort(Reason.UPSTREAM_RESET)
    session = Recorder()
    leg.start(session)
    assert session.log == [("open",), ("abort", Reason.UPSTREAM_RESET)]


def test_starting_lets_the_server_go() -> None:
    leg, _, reading = upstream()
    leg.start(Recorder())
    assert reading.held == 0


def test_towards_a_server_frames_are_masked() -> None:
    leg, lower, _ = upstream()
    leg.start(Recorder())
    leg.sink.open(STREAM_HEAD, OPEN_VALVE)
    leg.sink.data(b"hello", TEXT)
    (chunk,) = lower.written.log
    assert isinstance(chunk, bytes)
    assert chunk[:2] == b"\x81\x85"
    assert bytes(byte ^ chunk[2 + index % 4] for index, byte in enumerate(chunk[6:])) == b"hello"


def test_messages_of_one_read_wait_while_the_session_is_paused() -> None:
    ws = Downstream()
    wire = b"".join(masked(Opcode.BINARY, b"%06d" % number) for number in range(20_000))
    ws.session.valve.pause()
    ws.lower.into.data(wire, 0)
    ws.lower.into.data(masked(Opcode.TEXT, b"after"), 0)
    assert ws.session.body == b""
    assert ws.reading.held == 1
    ws.session.valve.resume()
    assert ws.session.body == b"", "a valve emits nothing in the turn of its resume"
    ws.clock.advance(0)
    assert ws.session.log[1:] == [*(b"%06d" % number for number in range(20_000)), b"after"]
    assert ws.session.flags[-1] == TEXT


def test_a_session_that_pauses_at_every_message_gets_them_one_by_one_and_then_the_close() -> None:
    ws = Downstream()
    ws.session.is_shy = True
    wire = b"".join(masked(Opcode.BINARY, b"%d" % number) for number in range(50))
    ws.lower.into.data(wire + masked(Opcode.PING, b"p") + CLOSE_1000, 0)
    ws.lower.into.end(None)
    for number in range(50):
        assert ws.session.body == b"".join(b"%d" % known for known in range(number + 1))
        ws.session.valve.resume()
        ws.clock.advance(0)
    assert ws.session.is_ended
    assert close_of(ws.session) == (1000, "")


def test_a_connection_that_is_lost_while_messages_wait_aborts_at_once() -> None:
    ws = Downstream()
    ws.session.valve.pause()
    ws.lower.into.data(masked(Opcode.BINARY, b"x"), 0)
    ws.lower.into.abort(Reason.DOWNSTREAM_RESET)
    assert ws.session.aborted is Reason.DOWNSTREAM_RESET
    ws.session.valve.resume()
    ws.clock.advance(0)
    assert ws.session.body == b""

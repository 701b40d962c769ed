"""HTTP/1, downstream: nonsense, aborts, half-closes and time-outs."""

import pytest
from support.http1 import CHUNKED, Down, response
from support.leg import FakeLeg
from support.pipe import Recorder

from l7mp_mesh.model.listener import ReplyStyle
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.pipe.verbs import OPEN_VALVE
from l7mp_mesh.protocols.http1.options import Http1Options

GET = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST /y HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nX-A: b\r\n\r\nhello"


def test_nonsense_is_answered_and_the_connection_closed() -> None:
    down = Down()
    down.feed(b"GET / HTTP/1.1\r\n\r\n")
    wire = down.lower.take()
    assert wire.startswith(
        b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\nconnection: close\r\n"
    )
    assert b'"content": "Host is missing"' in wire
    down.lower.finish()
    assert down.lower.closed is Reason.OK


def test_envoy_answers_nonsense_with_an_empty_body() -> None:
    down = Down(Http1Options(reply=ReplyStyle.ENVOY))
    down.feed(b"GET / HTTP/1.1\r\n\r\n")
    assert down.lower.take() == b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


def test_a_bad_chunk_is_answered_and_the_receiver_told() -> None:
    down = Down()
    down.feed(b"PUT /z HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", b"zz\r\n")
    assert down.lower.take().startswith(b"HTTP/1.1 400")
    assert down.requests[0].aborted is Reason.DOWNSTREAM_PROTOCOL


def test_a_bad_chunk_after_the_answer_has_begun_cuts_the_connection() -> None:
    down = Down()
    down.feed(b"PUT /z HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
    down.legs[0].sink.open(response(200, CHUNKED), OPEN_VALVE)
    down.feed(b"zz\r\n")
    assert down.lower.closed is Reason.DOWNSTREAM_PROTOCOL


def test_abort_before_the_head_writes_a_reply() -> None:
    down = Down()
    down.feed(GET)
    down.legs[0].sink.abort(Reason.UPSTREAM_RESET)
    wire = down.lower.take()
    assert wire.startswith(b"HTTP/1.1 502 Bad Gateway\r\n")
    assert b"connection: close" in wire
    assert Reason.UPSTREAM_RESET.text.encode() in wire
    assert down.lower.closed is Reason.OK


def test_abort_within_a_chunked_body_leaves_it_unterminated() -> None:
    down = Down()
    down.feed(GET)
    sink = down.legs[0].sink
    sink.open(response(200, CHUNKED), OPEN_VALVE)
    sink.data(b"hi", 0)
    sink.abort(Reason.UPSTREAM_RESET)
    assert down.lower.take().endswith(b"2\r\nhi\r\n")
    assert down.lower.closed is Reason.OK


def test_abort_of_a_body_without_framing_is_a_reset() -> None:
    down = Down()
    down.feed(b"GET / HTTP/1.0\r\n\r\n")
    sink = down.legs[0].sink
    sink.open(response(200, CHUNKED), OPEN_VALVE)
    sink.abort(Reason.UPSTREAM_RESET)
    assert down.lower.closed is Reason.UPSTREAM_RESET


@pytest.mark.parametrize("body", [b"h", b"hello"])
def test_a_body_of_another_length_than_promised_cuts_the_connection(body: bytes) -> None:
    down = Down()
    down.feed(GET + GET)
    wire = down.answer(response(200, 3), body)
    assert b"hello" not in wire
    assert down.lower.closed is Reason.OK
    assert len(down.legs) == 1


def test_a_client_that_disappears_aborts_the_exchange() -> None:
    down = Down()
    down.feed(GET)
    down.lower.reset()
    assert down.requests[0].aborted is Reason.DOWNSTREAM_RESET
    down.legs[0].sink.open(response(), OPEN_VALVE)
    down.legs[0].close(Reason.OK)
    assert down.lower.take() == b""


def test_a_client_that_ends_within_its_request_aborts_the_exchange() -> None:
    down = Down()
    down.feed(POST[:-2])
    down.lower.finish()
    assert down.requests[0].aborted is Reason.DOWNSTREAM_RESET


def test_a_half_closed_client_gets_its_answer() -> None:
    down = Down()
    down.feed(POST)
    down.lower.finish()
    assert down.lower.closed is None
    wire = down.answer(response(200, 2), b"ok")
    assert b"connection: close" in wire
    assert wire.endswith(b"ok")
    assert down.lower.closed is Reason.OK


def test_a_half_closed_client_gets_all_its_pipelined_answers() -> None:
    down = Down()
    down.feed(GET + GET)
    down.lower.finish()
    down.answer(response())
    down.answer(response())
    assert len(down.legs) == 2
    assert down.lower.closed is Reason.OK


def test_an_idle_client_that_ends_is_closed() -> None:
    down = Down()
    down.lower.finish()
    assert down.lower.closed is Reason.OK


def test_a_head_that_never_completes_is_answered_with_408() -> None:
    down = Down(Http1Options(header_timeout=30.0))
    down.feed(GET[:-1])
    down.clock.advance(15.0)
    assert down.lower.take() == b""
    down.clock.advance(30.0)
    assert down.lower.take().startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    down.clock.advance(1.0)
    assert down.lower.closed is Reason.OK


def test_a_connection_without_a_request_is_closed_in_the_end() -> None:
    down = Down(Http1Options(idle_timeout=60.0))
    for _ in range(5):
        down.clock.advance(45.0)
        down.feed(GET)
        down.answer(response())
    assert down.lower.closed is None
    down.clock.advance(60.0)
    assert down.lower.closed is Reason.OK


def test_a_connection_that_waits_for_its_answer_is_left_alone() -> None:
    down = Down(Http1Options(idle_timeout=60.0))
    down.feed(GET)
    down.clock.advance(600.0)
    assert down.lower.closed is None
    assert down.answer(response()).startswith(b"HTTP/1.1 200")


def test_closing_an_unanswered_leg_closes_the_connection_once() -> None:
    down = Down()
    down.feed(GET)
    down.legs[0].close(Reason.DELETED)
    down.legs[0].close(Reason.OK)
    assert down.lower.closed is Reason.DELETED
    assert down.requests[0].aborted is None


def test_closing_an_answered_leg_leaves_the_connection() -> None:
    down = Down()
    down.feed(GET)
    down.answer(response())
    down.feed(GET)
    down.legs[0].close(Reason.DELETED)
    down.legs[0].sink.abort(Reason.DELETED)
    assert down.lower.closed is None
    assert down.answer(response()).startswith(b"HTTP/1.1 200")


def test_ten_thousand_pipelined_requests_answered_at_once_do_not_exhaust_the_stack() -> None:
    down = Down()
    legs = down.legs

    class Answering(list[Recorder]):
        def append(self, item: Recorder) -> None:
            super().append(item)
            sink = legs[-1].sink
            sink.open(response(), OPEN_VALVE)
            sink.end(None)

    down.requests = Answering()
    down.feed(GET * 10_000)
    assert len(legs) == 10_000
    assert isinstance(down.lower, FakeLeg)
    assert down.lower.valve.held == 0

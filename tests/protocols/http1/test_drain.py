"""HTTP/1, downstream: connections of a listener that has stopped."""

from support.http1 import CHUNKED, Down, response

from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.pipe.verbs import OPEN_VALVE

GET = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
LAST_ANSWER = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


def test_a_connection_that_waits_for_a_request_is_closed() -> None:
    down = Down()
    down.feed(GET)
    assert down.answer(response()) == ANSWER
    down.layer.drain()
    assert down.lower.closed is Reason.OK


def test_a_connection_that_was_never_used_is_closed() -> None:
    down = Down()
    down.layer.drain()
    down.layer.drain()
    assert down.lower.closed is Reason.OK


def test_a_pending_answer_says_that_it_is_the_last() -> None:
    down = Down()
    down.feed(GET)
    down.layer.drain()
    assert down.lower.closed is None
    assert down.answer(response()) == LAST_ANSWER
    assert down.lower.closed is Reason.OK


def test_an_answer_under_way_is_completed_and_the_connection_closed() -> None:
    down = Down()
    down.feed(GET)
    sink = down.legs[0].sink
    sink.open(response(200, CHUNKED), OPEN_VALVE)
    down.layer.drain()
    assert down.lower.closed is None
    sink.end(None)
    assert down.lower.take().endswith(b"0\r\n\r\n")
    assert down.lower.closed is Reason.OK


def test_a_request_that_has_begun_to_arrive_is_served() -> None:
    down = Down()
    down.feed(GET[:9])
    down.layer.drain()
    down.feed(GET[9:])
    assert down.answer(response()) == LAST_ANSWER
    assert down.lower.closed is Reason.OK


def test_a_pipelined_request_is_not_served_any_more() -> None:
    down = Down()
    down.feed(GET + GET)
    down.layer.drain()
    assert down.answer(response()) == LAST_ANSWER
    assert len(down.legs) == 1


def test_a_tunnel_lives_on() -> None:
    down = Down()
    down.feed(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
    head = response(101)
    head.upgrade = b"x"
    down.legs[0].sink.open(head, OPEN_VALVE)
    down.layer.drain()
    down.legs[0].sink.data(b"hello", 0)
    assert down.lower.take().endswith(b"hello")
    assert down.lower.closed is None

import pytest
from support.http1 import CHUNKED, Down, response
from support.pipe import CountingValve, Recorder, trailers

from l7mp_mesh.pipe.head import ResponseHead
from l7mp_mesh.pipe.headers import Headers
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.pipe.verbs import OPEN_VALVE

GET = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST /y HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nX-A: b\r\n\r\nhello"
IN_CHUNKS = (
    b"PUT /z HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3;ext=1\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 7 \r\nHost: no\r\n\r\n"
)
UPGRADE = b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
SWITCH = ResponseHead(101, Headers(), CHUNKED, upgrade=b"websocket")


def summary(request: Recorder) -> tuple[object, bytes, bool]:
    return request.log[0], request.body, request.is_ended


@pytest.mark.parametrize("cut", range(len(POST + IN_CHUNKS) + 1))
def test_requests_survive_any_split_of_the_stream(cut: int) -> None:
    down = Down()
    wire = POST + IN_CHUNKS
    answered = 0
    for part in (wire[:cut], wire[cut:]):
        if part:
            down.feed(part)
        while answered < len(down.legs) and down.requests[answered].is_ended:
            answered += 1
            down.answer(response())
    first, second = down.requests
    assert summary(first) == (("open", b"POST", b"/y", b"a", ((b"x-a", b"b"),), 5), b"hello", True)
    assert summary(second) == (("open", b"PUT", b"/z", b"a", (), CHUNKED), b"abcde", True)
    assert trailers(second) == [(b"x-sum", b"7")]
    assert down.lower.valve.held == 0
    assert down.lower.closed is None


def test_requests_survive_byte_by_byte() -> None:
    down = Down()
    down.feed(*(bytes([byte]) for byte in IN_CHUNKS))
    assert down.requests[0].body == b"abcde"
    assert down.requests[0].is_ended


def test_sessions_are_named_and_numbered() -> None:
    down = Down()
    down.feed(GET)
    down.answer(response())
    down.feed(GET)
    assert [known.name for known in down.attributes] == [
        "HTTP:192.0.2.1:4000-192.0.2.2:80-0",
        "HTTP:192.0.2.1:4000-192.0.2.2:80-1",
    ]
    assert down.attributes[0].head is down.requests[0].heads[0]


@pytest.mark.parametrize(
    ("head", "body", "wire"),
    [
        (response(200, 2), [b"hi"], b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"),
        (response(200, 0), [], b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"),
        (
            response(200, CHUNKED, [(b"x-a", b"b")]),
            [b"hi", b"", b"you"],
            b"HTTP/1.1 200 OK\r\nx-a: b\r\ntransfer-encoding: chunked\r\n\r\n"
            b"2\r\nhi\r\n3\r\nyou\r\n0\r\n\r\n",
        ),
        (response(204, CHUNKED), [], b"HTTP/1.1 204 No Content\r\n\r\n"),
        (response(304, 9), [], b"HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n"),
        (response(304, CHUNKED), [], b"HTTP/1.1 304 Not Modified\r\n\r\n"),
        (response(799, 0), [], b"HTTP/1.1 799 \r\ncontent-length: 0\r\n\r\n"),
        (
            ResponseHead(200, Headers(), 0, reason=b"Fine"),
            [],
            b"HTTP/1.1 200 Fine\r\ncontent-length: 0\r\n\r\n",
        ),
    ],
)
def test_responses_on_the_wire(head: ResponseHead, body: list[bytes], wire: bytes) -> None:
    down = Down()
    down.feed(GET)
    assert down.answer(head, *body) == wire
    assert down.lower.closed is None


def test_trailers_follow_the_last_chunk() -> None:
    down = Down()
    down.feed(GET)
    assert down.answer(response(200, CHUNKED), trailers=[(b"x-sum", b"7")]).endswith(b"0\r\nx-sum: 7\r\n\r\n")


def test_large_chunks_are_written_as_they_are() -> None:
    down = Down()
    down.feed(GET)
    sink, large = down.legs[0].sink, b"x" * 100_000
    sink.open(response(200, CHUNKED), OPEN_VALVE)
    sink.data(large, 0)
    assert any(item is large for item in down.lower.written.log)
    assert down.lower.take().endswith(b"186a0\r\n" + large + b"\r\n")


def test_line_breaks_in_values_do_not_become_fields() -> None:
    down = Down()
    down.feed(GET)
    wire = down.answer(response(200, 0, [(b"x-a", b"b\r\nset-cookie: c"), (b"x-d", b"e")]))
    assert b"x-a: b  set-cookie: c\r\nx-d: e\r\n" in wire


@pytest.mark.parametrize("length", [5, CHUNKED])
def test_the_response_to_head_has_no_body(length: int) -> None:
    down = Down()
    down.feed(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
    wire = down.answer(response(200, length), b"hello")
    assert wire == b"HTTP/1.1 200 OK\r\n" + (b"content-length: 5\r\n\r\n" if length == 5 else b"\r\n")
    down.feed(GET)
    assert len(down.legs) == 2


@pytest.mark.parametrize(
    ("version", "connection", "length", "written", "closes"),
    [
        (b"1.1", b"", 0, b"", False),
        (b"1.1", b"", CHUNKED, b"", False),
        (b"1.1", b"close", 0, b"connection: close", True),
        (b"1.0", b"", 0, b"connection: close", True),
        (b"1.0", b"keep-alive", 0, b"connection: keep-alive", False),
        (b"1.0", b"keep-alive", CHUNKED, b"connection: close", True),
    ],
)
def test_the_connection_persists_as_agreed(
    version: bytes, connection: bytes, length: int, written: bytes, closes: bool
) -> None:
    down = Down()
    field = b"Connection: " + connection + b"\r\n" if connection else b""
    down.feed(b"GET / HTTP/" + version + b"\r\nHost: a\r\n" + field + b"\r\n")
    wire = down.answer(response(200, length))
    assert (written in wire) if written else (b"connection" not in wire)
    assert (down.lower.closed is Reason.OK) is closes


def test_an_http_1_0_client_reads_until_the_end() -> None:
    down = Down()
    down.feed(b"GET / HTTP/1.0\r\n\r\n")
    wire = down.answer(response(200, CHUNKED), b"hi", b"you")
    assert wire == b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nhiyou"


def test_pipelined_requests_wait_for_their_turn() -> None:
    down = Down()
    down.feed(GET + GET + GET)
    assert (len(down.legs), down.lower.valve.held) == (1, 1)
    down.answer(response())
    assert (len(down.legs), down.lower.valve.held) == (2, 1)
    down.answer(response())
    assert (len(down.legs), down.lower.valve.held) == (3, 0)
    down.feed(GET)
    assert (len(down.legs), down.lower.valve.held) == (3, 1)
    down.answer(response())
    assert (len(down.legs), down.lower.valve.held) == (4, 0)


def test_a_leg_that_is_started_late_gets_everything() -> None:
    down = Down(starts=False)
    down.feed(POST[:-2])
    assert down.lower.valve.held == 1
    down.feed(POST[-2:])
    request = down.requests[0]
    down.legs[0].start(request)
    assert request.body == b"hello"
    assert request.is_ended
    assert down.lower.valve.held == 0


def test_an_answer_before_the_start_keeps_the_connection_if_the_body_is_here() -> None:
    down = Down(starts=False)
    down.feed(POST)
    assert down.answer(response(404)).startswith(b"HTTP/1.1 404")
    down.feed(GET)
    assert len(down.legs) == 2
    down.legs[0].start(down.requests[0])
    assert down.requests[0].aborted is Reason.DOWNSTREAM_RESET


def test_an_answer_before_the_body_ends_the_connection_gently() -> None:
    down = Down()
    down.feed(POST[:-2])
    down.answer(response(413))
    assert down.lower.closed is None
    down.feed(b"lo" * 1000)
    assert len(down.legs) == 1
    down.clock.advance(1.0)
    assert down.lower.closed is Reason.OK


def test_the_valve_holds_back_the_client() -> None:
    down = Down()
    down.feed(POST[:-2])
    valve = down.requests[0].valve
    valve.pause()
    valve.pause()
    assert down.lower.valve.held == 2
    valve.resume()
    assert down.lower.valve.held == 1
    valve.resume()
    down.feed(POST[-2:])
    assert down.requests[0].is_ended


def test_an_exchange_gives_back_its_pauses_when_it_is_over() -> None:
    down = Down()
    down.feed(POST)
    valve = down.requests[0].valve
    valve.pause()
    down.answer(response())
    assert down.lower.valve.held == 0
    valve.pause()
    assert down.lower.valve.held == 0


def test_a_slow_client_holds_back_the_response() -> None:
    down = Down()
    down.feed(GET)
    source = CountingValve()
    down.lower.written.valve.pause()
    down.legs[0].sink.open(response(200, 2), source)
    assert source.held == 1
    down.lower.written.valve.resume()
    assert source.held == 0
    down.lower.written.valve.pause()
    down.legs[0].sink.data(b"hi", 0)
    down.legs[0].sink.end(None)
    assert source.held == 0
    down.feed(GET)
    after = CountingValve()
    down.legs[1].sink.open(response(200, 2), after)
    assert after.held == 1


EXPECT = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"


def test_a_client_that_waits_is_told_to_continue() -> None:
    down = Down(starts=False)
    down.feed(EXPECT)
    assert down.lower.take() == b""
    down.legs[0].start(down.requests[0])
    assert down.lower.take() == b"HTTP/1.1 100 Continue\r\n\r\n"
    down.feed(b"hi")
    assert down.requests[0].log == [("open", b"POST", b"/", b"a", (), 2), b"hi", "end"]


class Closed(Recorder):
    def open(self, head: object, valve: object) -> None:
        super().open(head, valve)  # type: ignore[arg-type]
        self.valve.pause()


def test_it_is_told_when_the_receiver_lets_the_body_flow() -> None:
    down = Down(starts=False)
    down.feed(EXPECT)
    request = Closed()
    down.legs[0].start(request)
    assert down.lower.take() == b""
    request.valve.resume()
    assert down.lower.take() == b"HTTP/1.1 100 Continue\r\n\r\n"


def test_it_is_not_told_after_a_final_answer() -> None:
    down = Down(starts=False)
    down.feed(EXPECT)
    request = Closed()
    down.legs[0].start(request)
    assert down.answer(response(403)).startswith(b"HTTP/1.1 403")
    request.valve.resume()
    assert down.lower.take() == b""


def test_interim_responses_pass() -> None:
    down = Down()
    down.feed(GET)
    down.legs[0].sink.inform(ResponseHead(103, Headers([(b"link", b"</a>")])))
    assert down.lower.take() == b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"
    assert down.answer(response()).startswith(b"HTTP/1.1 200")


def test_http_1_0_gets_no_interim_response() -> None:
    down = Down()
    down.feed(b"GET / HTTP/1.0\r\n\r\n")
    down.legs[0].sink.inform(ResponseHead(103, Headers()))
    assert down.lower.take() == b""


@pytest.mark.parametrize("cut", range(len(UPGRADE) + 4))
def test_an_upgrade_turns_the_connection_into_a_tunnel(cut: int) -> None:
    down = Down()
    wire = UPGRADE + b"raw"
    for part in (wire[:cut], wire[cut:]):
        if part:
            down.feed(part)
    request, sink = down.requests[0], down.legs[0].sink
    assert not request.is_ended
    assert request.body == b""
    sink.open(SWITCH, OPEN_VALVE)
    assert down.lower.take() == (
        b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n"
    )
    assert request.body == b"raw"
    down.feed(b"GET ")
    sink.data(b"back", 0)
    assert (request.body, down.lower.take()) == (b"rawGET ", b"back")
    down.lower.finish()
    assert request.is_ended
    sink.data(b"more", 0)
    assert down.lower.take() == b"more"
    sink.end(None)
    assert "end" in down.lower.written.log
    assert down.lower.closed is Reason.OK


def test_a_tunnel_may_end_at_the_other_end_first() -> None:
    down = Down()
    down.feed(UPGRADE)
    sink = down.legs[0].sink
    sink.open(SWITCH, OPEN_VALVE)
    sink.end(None)
    assert down.lower.closed is None
    down.feed(b"still")
    down.lower.finish()
    assert down.requests[0].body == b"still"
    assert down.requests[0].is_ended
    assert down.lower.closed is Reason.OK


def test_a_refused_upgrade_is_an_ordinary_exchange() -> None:
    down = Down()
    down.feed(UPGRADE + GET)
    assert down.answer(response(400)).startswith(b"HTTP/1.1 400")
    assert down.requests[0].is_ended
    assert len(down.legs) == 2


def test_connect_opens_a_tunnel_with_2xx() -> None:
    down = Down()
    down.feed(b"CONNECT b:443 HTTP/1.1\r\nHost: b:443\r\n\r\nraw")
    down.legs[0].sink.open(response(200, CHUNKED), OPEN_VALVE)
    assert down.lower.take() == b"HTTP/1.1 200 OK\r\n\r\n"
    assert down.requests[0].body == b"raw"


def test_101_without_a_question_is_an_upstream_fault() -> None:
    down = Down()
    down.feed(GET)
    down.legs[0].sink.open(SWITCH, OPEN_VALVE)
    assert down.lower.take().startswith(b"HTTP/1.1 502")

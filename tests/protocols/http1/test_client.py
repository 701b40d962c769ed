import pytest
from support.clock import FakeClock
from support.http1 import CHUNKED, PEER, Up, at_once, request
from support.leg import FakeLeg
from support.pipe import CountingValve, Recorder, trailers

from l7mp_mesh.pipe.head import RequestHead, ResponseHead, Trailers
from l7mp_mesh.pipe.headers import Headers
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.pipe.verbs import OPEN_VALVE
from l7mp_mesh.ports.attributes import Attributes
from l7mp_mesh.protocols.http1.layer import Http1Layer
from l7mp_mesh.protocols.http1.options import Http1Options

PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: b\r\n\r\nhi"
IN_CHUNKS = (
    b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
    b"HTTP/1.1 200 Fine\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
    b"3\r\nabc\r\n2;x\r\nde\r\n0\r\nX-Sum: 7\r\n\r\n"
)
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\nX-A: b\r\n\r\n"


@pytest.mark.parametrize(
    ("head", "body", "wire"),
    [
        (request(), [], b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"),
        (
            request(b"GET", b"/p?q", 0, [(b"x-a", b"b"), (b"te", b"trailers")]),
            [],
            b"GET /p?q HTTP/1.1\r\nhost: a\r\nx-a: b\r\nte: trailers\r\n\r\n",
        ),
        (request(b"POST"), [], b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n"),
        (
            request(b"POST", length=2),
            [b"h", b"i"],
            b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nhi",
        ),
        (
            request(b"PUT", length=CHUNKED),
            [b"hi", b""],
            b"PUT / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
        ),
        (request(target=b"/a b\r\nx: y"), [], b"GET /a%20b%20%20x:%20y HTTP/1.1\r\nhost: a\r\n\r\n"),
        (
            request(fields=[(b"x", b"y\r\nz: z")]),
            [],
            b"GET / HTTP/1.1\r\nhost: a\r\nx: y  z: z\r\n\r\n",
        ),
    ],
)
def test_requests_on_the_wire(head: RequestHead, body: list[bytes], wire: bytes) -> None:
    up = Up()
    up.ask(head, *body)
    assert up.lower.take() == wire


def test_request_trailers_follow_the_last_chunk() -> None:
    up = Up()
    leg, _ = up.ask(request(b"PUT", length=CHUNKED), ends=False)
    leg.sink.end(Trailers(Headers([(b"x-sum", b"7")])))
    assert up.lower.take().endswith(b"\r\n\r\n0\r\nx-sum: 7\r\n\r\n")


@pytest.mark.parametrize("cut", range(len(PLAIN) + 1))
def test_a_response_survives_any_split_of_the_stream(cut: int) -> None:
    up = Up()
    _, answer = up.ask(request())
    for part in (PLAIN[:cut], PLAIN[cut:]):
        if part:
            up.lower.feed(part)
    assert answer.log[0] == ("open", 200, ((b"x-a", b"b"),), 2)
    assert (answer.body, answer.is_ended) == (b"hi", True)
    assert up.carrier.room() == 1
    assert up.lower.valve.held == 0


@pytest.mark.parametrize("cut", range(len(IN_CHUNKS) + 1))
def test_a_chunked_response_survives_any_split_of_the_stream(cut: int) -> None:
    up = Up()
    _, answer = up.ask(request())
    for part in (IN_CHUNKS[:cut], IN_CHUNKS[cut:]):
        if part:
            up.lower.feed(part)
    assert answer.log[0] == ("inform", 103, ((b"link", b"x"),), 0)
    assert answer.log[1] == ("open", 200, ((b"trailer", b"X-Sum"),), CHUNKED)
    assert (answer.body, trailers(answer)) == (b"abcde", [(b"x-sum", b"7")])
    assert up.carrier.room() == 1


@pytest.mark.parametrize("cut", range(len(SWITCH) + 4))
def test_a_switch_survives_any_split_of_the_stream(cut: int) -> None:
    up = Up()
    leg, answer = up.ask(request(upgrade=b"websocket"), ends=False)
    assert b"connection: upgrade\r\nupgrade: websocket\r\n\r\n" in up.lower.take()
    wire = SWITCH + b"raw"
    for part in (wire[:cut], wire[cut:]):
        if part:
            up.lower.feed(part)
    head = answer.heads[0]
    assert isinstance(head, ResponseHead)
    assert (head.status, head.upgrade, answer.body) == (101, b"websocket", b"raw")
    leg.sink.data(b"GET", 0)
    assert up.lower.take() == b"GET"
    up.lower.finish()
    assert answer.is_ended
    leg.sink.data(b"more", 0)
    assert up.lower.take() == b"more"
    assert not up.carrier.is_closed()
    leg.sink.end(None)
    assert up.carrier.is_closed()
    assert up.carrier.room() == 0


def test_a_refused_upgrade_leaves_the_connection_usable() -> None:
    up = Up()
    leg, answer = up.ask(request(upgrade=b"websocket"), ends=False)
    up.lower.feed(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\n")
    leg.sink.end(None)
    up.lower.feed(b"no")
    assert answer.is_ended
    assert up.carrier.room() == 1


def test_connect_opens_a_tunnel_with_2xx() -> None:
    up = Up()
    leg, answer = up.ask(request(b"CONNECT", b"a:1"), ends=False)
    up.lower.feed(b"HTTP/1.1 200 OK\r\n\r\nraw")
    leg.sink.data(b"more", 0)
    assert answer.body == b"raw"
    assert up.lower.take().endswith(b"more")


@pytest.mark.parametrize(
    ("method", "wire", "length"),
    [
        (b"HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", 10),
        (b"HEAD", b"HTTP/1.1 200 OK\r\n\r\n", CHUNKED),
        (b"GET", b"HTTP/1.1 204 No Content\r\n\r\n", CHUNKED),
        (b"GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n", 10),
    ],
)
def test_responses_without_a_body_by_rule(method: bytes, wire: bytes, length: int) -> None:
    up = Up()
    for _ in range(2):
        _, answer = up.ask(request(method))
        up.lower.feed(wire)
        assert answer.log[-1] == "end"
        assert answer.heads[0].length == length  # type: ignore[attr-defined]
        assert up.carrier.room() == 1


def test_a_response_until_close() -> None:
    up = Up()
    _, answer = up.ask(request())
    up.lower.feed(b"HTTP/1.1 200 OK\r\n\r\nabc")
    up.lower.feed(b"def")
    assert not answer.is_ended
    up.lower.finish()
    assert (answer.body, answer.is_ended, answer.aborted) == (b"abcdef", True, None)
    assert up.carrier.is_closed()


@pytest.mark.parametrize(
    ("wire", "persists"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", False),
    ],
)
def test_the_connection_persists_as_agreed(wire: bytes, persists: bool) -> None:
    up = Up()
    _, answer = up.ask(request())
    assert up.carrier.room() == 0
    up.lower.feed(wire)
    assert answer.log[-1] == "end"
    assert (up.carrier.room() == 1, up.carrier.is_closed()) == (persists, not persists)
    assert up.changes == [(1, False) if persists else (0, True)]


def test_the_carrier_has_room_before_the_receiver_hears_the_end() -> None:
    up = Up()
    rooms: list[int] = []

    class Watching(Recorder):
        def end(self, last: object) -> None:
            rooms.append(up.carrier.room())

    leg = up.bear()
    leg.start(Watching())
    leg.sink.open(request(), OPEN_VALVE)
    leg.sink.end(None)
    up.lower.feed(PLAIN)
    assert rooms == [1]


def test_a_carrier_bears_one_exchange_after_the_other() -> None:
    up = Up()
    for _ in range(3):
        _, answer = up.ask(request(b"POST", length=2), b"hi")
        up.lower.feed(IN_CHUNKS)
        assert answer.body == b"abcde"
    assert up.changes == [(1, False)] * 3


def test_an_answer_before_the_request_was_sent_closes_the_connection() -> None:
    up = Up()
    leg, answer = up.ask(request(b"POST", length=5), b"he", ends=False)
    up.lower.feed(PLAIN)
    assert (answer.body, answer.is_ended) == (b"hi", True)
    assert up.carrier.is_closed()
    leg.sink.data(b"llo", 0)
    leg.sink.end(None)


@pytest.mark.parametrize("event", ["bytes", "fin", "reset"])
def test_an_idle_carrier_whose_peer_says_anything_is_closed(event: str) -> None:
    up = Up()
    match event:
        case "bytes":
            up.lower.feed(b"HTTP/1.1 408 Request Timeout\r\n\r\n")
        case "fin":
            up.lower.finish()
        case _:
            up.lower.reset()
    assert up.carrier.is_closed()
    assert up.carrier.room() == 0
    assert up.changes == [(0, True)]


@pytest.mark.parametrize(
    "wire",
    [
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
        b"HTTP/1.1 102 Processing\r\nContent-Length: 2\r\n\r\nhi",
    ],
)
def test_nonsense_from_the_server_is_a_protocol_error(wire: bytes) -> None:
    up = Up()
    _, answer = up.ask(request())
    up.lower.feed(wire)
    assert answer.aborted is Reason.UPSTREAM_PROTOCOL
    assert up.carrier.is_closed()
    assert up.lower.closed is Reason.UPSTREAM_PROTOCOL


@pytest.mark.parametrize("sent", [b"", PLAIN[:10], PLAIN[:-1]])
@pytest.mark.parametrize("event", ["fin", "reset"])
def test_a_server_that_disappears_resets_the_exchange(sent: bytes, event: str) -> None:
    up = Up()
    _, answer = up.ask(request())
    if sent:
        up.lower.feed(sent)
    if event == "fin":
        up.lower.finish()
    else:
        up.lower.reset()
    assert answer.aborted is Reason.UPSTREAM_RESET
    assert not answer.is_ended
    assert up.carrier.is_closed()


def test_a_response_before_the_request_is_a_protocol_error() -> None:
    up = Up()
    leg, answer = up.bear(), Recorder()
    leg.start(answer)
    up.lower.feed(PLAIN)
    assert answer.aborted is Reason.UPSTREAM_PROTOCOL


def test_a_leg_that_is_started_late_gets_everything() -> None:
    up = Up()
    leg, answer = up.bear(), Recorder()
    leg.sink.open(request(), OPEN_VALVE)
    leg.sink.end(None)
    up.lower.feed(PLAIN)
    assert up.lower.valve.held == 1
    leg.start(answer)
    assert (answer.body, answer.is_ended) == (b"hi", True)
    assert up.lower.valve.held == 0


def test_a_leg_that_is_started_too_late_hears_why() -> None:
    up = Up()
    leg, answer = up.bear(), Recorder()
    up.lower.reset()
    leg.start(answer)
    assert answer.aborted is Reason.UPSTREAM_RESET


def test_100_from_the_server_stays_here() -> None:
    up = Up()
    _, answer = up.ask(request())
    up.lower.feed(b"HTTP/1.1 100 Continue\r\n\r\n" + PLAIN)
    assert [item[0] for item in answer.log if isinstance(item, tuple)] == ["open"]
    assert answer.body == b"hi"


def test_the_valve_holds_back_the_server_and_lets_go_at_the_end() -> None:
    up = Up()
    _, answer = up.ask(request())
    up.lower.feed(PLAIN[:-1])
    answer.valve.pause()
    assert up.lower.valve.held == 1
    up.lower.feed(PLAIN[-1:])
    assert up.lower.valve.held == 0
    answer.valve.pause()
    assert up.lower.valve.held == 0


def test_a_slow_server_holds_back_the_request() -> None:
    up = Up()
    source = CountingValve()
    leg = up.bear()
    leg.start(Recorder())
    leg.sink.open(request(b"POST", length=5), source)
    up.lower.written.valve.pause()
    assert source.held == 1
    up.lower.written.valve.resume()
    assert source.held == 0


@pytest.mark.parametrize("body", [b"h", b"hello you"])
def test_a_body_of_another_length_than_promised_breaks_the_connection(body: bytes) -> None:
    up = Up()
    _, answer = up.ask(request(b"POST", length=5), body)
    assert answer.aborted is Reason.DOWNSTREAM_PROTOCOL
    assert up.carrier.is_closed()
    assert b"you" not in up.lower.take()


def test_giving_up_an_exchange_closes_the_connection() -> None:
    for give_up in ("close", "abort"):
        up = Up()
        leg, answer = up.ask(request())
        if give_up == "close":
            leg.close(Reason.DELETED)
        else:
            leg.sink.abort(Reason.DELETED)
        assert up.lower.closed is Reason.DELETED
        assert up.changes == [(0, True)]
        assert answer.log == []


def test_giving_up_a_complete_exchange_leaves_the_connection() -> None:
    up = Up()
    leg, _ = up.ask(request())
    up.lower.feed(PLAIN)
    leg.close(Reason.DELETED)
    assert up.carrier.room() == 1


def test_closing_the_carrier_aborts_its_leg() -> None:
    up = Up()
    _, answer = up.ask(request())
    up.carrier.close(Reason.SHUTDOWN)
    assert answer.aborted is Reason.SHUTDOWN
    assert up.lower.closed is Reason.SHUTDOWN


def test_connect_is_a_connection_used_once() -> None:
    lower, answer = FakeLeg(), Recorder()
    leg = at_once(Http1Layer(Http1Options(), FakeClock()).connect(lower, Attributes("w", "HTTP", PEER, 0)))
    leg.start(answer)
    leg.sink.open(request(), OPEN_VALVE)
    leg.sink.end(None)
    assert b"connection: close" in lower.take()
    lower.feed(PLAIN)
    assert answer.is_ended
    assert lower.closed is Reason.OK

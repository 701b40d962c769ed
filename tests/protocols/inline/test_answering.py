from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import pytest
from support.clock import FakeClock
from support.pipe import Recorder

from l7mp_mesh.model.endpoints import Endpoint
from l7mp_mesh.model.errors import ConfigError
from l7mp_mesh.model.options import NoOptions
from l7mp_mesh.model.value import FrozenObject
from l7mp_mesh.pipe.head import UNKNOWN_LENGTH, RequestHead, ResponseHead
from l7mp_mesh.pipe.headers import Headers
from l7mp_mesh.pipe.kind import Kind
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.pipe.verbs import OPEN_VALVE
from l7mp_mesh.ports.attributes import Attributes, Peer
from l7mp_mesh.ports.environment import Environment
from l7mp_mesh.ports.layer import ConnectFailed
from l7mp_mesh.ports.leg import Leg
from l7mp_mesh.ports.responder import Responder
from l7mp_mesh.protocols.inline import ROWS
from l7mp_mesh.protocols.inline.direct_response import DirectResponseOptions
from l7mp_mesh.protocols.inline.responder import ControllerOptions, is_local

LOOPBACK = Peer("TCP", "10.0.0.1", 1, "127.0.0.1", 1234)
OUTSIDE = Peer("TCP", "127.0.0.1", 1, "10.0.0.2", 1234)
SOCKET = Peer("UNIX", "", 0, "/run/mesh.sock", 0)


class Program(Responder):
    """Answers with what it was asked."""

    limit = 10

    def __init__(self) -> None:
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.is_cancelled = False

    async def answer(
        self, request: RequestHead, body: bytes, attributes: Attributes
    ) -> tuple[ResponseHead, bytes]:
        try:
            await self.may_answer.wait()
        except asyncio.CancelledError:
            self.is_cancelled = True
            raise
        if body == b"raise":
            raise KeyError(body)
        return ResponseHead(201, Headers([(b"x", b"1")])), request.target + b"=" + body


async def connect(
    name: str, options: object, peer: Peer, program: Responder | None, kind: Kind | None = Kind.EXCHANGE
) -> Leg:
    (row,) = (row for row in ROWS if row.name == name)
    assert row.cluster is not None
    responders = {} if program is None else {name: program}
    attributes = Attributes("l", "HTTP", peer, 0)
    attributes.kind = kind
    connector = row.cluster.connector(options, Environment(FakeClock(), responders))
    return await connector.connect(Endpoint("e", "<VIRTUAL>"), attributes)


async def until(is_true: Callable[[], bool]) -> None:
    """Let other tasks run until `is_true`; fails after many turns."""
    for _ in range(100):
        if is_true():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came true")


def ask(
    leg: Leg, *chunks: bytes, method: bytes = b"POST", host: bytes = b"127.0.0.1:1234", origin: bytes = b""
) -> Recorder:
    out = Recorder()
    leg.start(out)
    fields = Headers([(b"origin", origin)] if origin else [])
    leg.sink.open(RequestHead(method, b"/p", host, fields, UNKNOWN_LENGTH), OPEN_VALVE)
    for chunk in chunks:
        leg.sink.data(chunk, 0)
    leg.sink.end(None)
    return out


def status_of(out: Recorder) -> int:
    (head,) = out.heads
    assert isinstance(head, ResponseHead)
    return head.status


def test_a_responder_answers_the_whole_request() -> None:
    async def scenario() -> None:
        out = ask(await connect("L7mpController", ControllerOptions(), LOOPBACK, Program()), b"a", b"b")
        await until(lambda: out.is_ended)
        assert out.log == [("open", 201, ((b"x", b"1"),), 5), b"/p=ab", "end"]

    asyncio.run(scenario())


def test_an_answer_to_head_has_a_length_and_no_body() -> None:
    async def scenario() -> None:
        leg = await connect("Prometheus", NoOptions(), OUTSIDE, Program())
        out = ask(leg, method=b"HEAD")
        await until(lambda: out.is_ended)
        assert out.log == [("open", 201, ((b"x", b"1"),), 3), "end"]

    asyncio.run(scenario())


def test_a_body_over_the_responders_limit_is_413() -> None:
    async def scenario() -> None:
        out = ask(await connect("Prometheus", NoOptions(), LOOPBACK, Program()), b"0123456789", b"x", b"y")
        assert out.is_ended
        assert status_of(out) == 413
        assert json.loads(out.body)["content"] == "The request body is longer than 10 bytes"

    asyncio.run(scenario())


def test_the_controller_answers_403_outside_of_loopback_unless_it_is_public() -> None:
    async def scenario() -> None:
        private = ask(await connect("L7mpController", ControllerOptions(), OUTSIDE, Program()), b"x" * 100)
        assert status_of(private) == 403
        assert json.loads(private.body) == {
            "status": 403,
            "message": "Forbidden",
            "content": "L7mpController answers on loopback addresses only",
        }
        public = ask(await connect("L7mpController", ControllerOptions(public=True), OUTSIDE, Program()))
        await until(lambda: public.is_ended)
        assert status_of(public) == 201

    asyncio.run(scenario())


FOREIGN = [
    (b"evil.example", b""),
    (b"evil.example:1234", b"http://evil.example:1234"),
    (b"localhost.evil.example", b""),
    (b"127.0.0.1.evil.example", b""),
    (b"127.0.0.1:1234", b"http://evil.example"),
    (b"127.0.0.1:1234", b"http://127.0.0.1:3000"),
    (b"localhost:1234", b"null"),
    (b"", b"http://evil.example"),
]


@pytest.mark.parametrize(("host", "origin"), FOREIGN)
def test_the_controller_answers_403_to_what_a_foreign_page_may_send(host: bytes, origin: bytes) -> None:
    async def scenario() -> None:
        leg = await connect("L7mpController", ControllerOptions(), LOOPBACK, Program())
        assert status_of(ask(leg, host=host, origin=origin)) == 403
        for peer, is_public in ((LOOPBACK, True), (SOCKET, False)):
            leg = await connect("L7mpController", ControllerOptions(public=is_public), peer, Program())
            out = ask(leg, host=host, origin=origin)
            await until(lambda out=out: out.is_ended)
            assert status_of(out) == 201

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        (b"", b""),
        (b"localhost", b""),
        (b"LocalHost:1234", b"http://localhost:1234"),
        (b"mesh.localhost:1", b""),
        (b"[::1]:1234", b"http://[::1]:1234"),
        (b"[::1]", b""),
        (b"192.0.2.1:80", b"https://192.0.2.1:80"),
    ],
)
def test_the_controller_answers_under_addresses_and_localhost(host: bytes, origin: bytes) -> None:
    async def scenario() -> None:
        leg = await connect("L7mpController", ControllerOptions(), LOOPBACK, Program())
        out = ask(leg, host=host, origin=origin)
        await until(lambda: out.is_ended)
        assert status_of(out) == 201

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("peer", "local"),
    [
        (LOOPBACK, True),
        (OUTSIDE, False),
        (Peer("TCP", "::1", 1, "::1", 2), True),
        (Peer("TCP", "::1", 1, "::ffff:127.0.0.1", 2), True),
        (Peer("TCP", "::1", 1, "::ffff:10.0.0.1", 2), False),
        (Peer("TCP", "::1", 1, "fe80::1%eth0", 2), False),
        (Peer("UNIX", "", 0, "/tmp/s", 0), True),
        (Peer("TCP", "", 0, "nonsense", 0), False),
    ],
)
def test_local_is_what_no_other_machine_can_reach(peer: Peer, *, local: bool) -> None:
    assert is_local(peer) is local


@pytest.mark.parametrize("kind", [Kind.STREAM, Kind.MESSAGE])
def test_the_controller_is_reached_through_http_only(kind: Kind) -> None:
    with pytest.raises(ConnectFailed) as caught:
        asyncio.run(connect("L7mpController", ControllerOptions(), LOOPBACK, Program(), kind))
    assert caught.value.reason is Reason.NOT_ADAPTABLE


def test_a_responder_that_does_not_run_fails_the_connection() -> None:
    with pytest.raises(ConnectFailed, match="Prometheus"):
        asyncio.run(connect("Prometheus", NoOptions(), LOOPBACK, None))


def test_a_closed_leg_ends_the_task_and_is_silent() -> None:
    async def scenario() -> None:
        program = Program()
        program.may_answer.clear()
        leg = await connect("Prometheus", NoOptions(), LOOPBACK, program)
        out = ask(leg)
        await asyncio.sleep(0)
        leg.close(Reason.DOWNSTREAM_RESET)
        await until(lambda: program.is_cancelled)
        assert out.log == []

    asyncio.run(scenario())


def test_a_responder_that_crashes_is_500_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        out = ask(await connect("Prometheus", NoOptions(), LOOPBACK, Program()), b"raise")
        await until(lambda: out.is_ended)
        assert status_of(out) == 500

    asyncio.run(scenario())
    assert "task crashed" in caplog.text


def direct(kind: Kind, options: DirectResponseOptions) -> Leg:
    return asyncio.run(connect("DirectResponse", options, LOOPBACK, None, kind))


def test_a_direct_response_says_what_was_configured() -> None:
    options = DirectResponseOptions(status=503, body="ü", headers=FrozenObject((("X-Why", "maintenance"),)))
    out = ask(direct(Kind.EXCHANGE, options), b"x" * 100_000)
    fields = ((b"content-type", b"text/plain; charset=utf-8"), (b"x-why", b"maintenance"))
    assert out.log == [("open", 503, fields, 2), "ü".encode(), "end"]


def test_a_status_without_content_has_no_body() -> None:
    out = ask(direct(Kind.EXCHANGE, DirectResponseOptions(status=204, body="x")))
    assert out.log == [("open", 204, (), 0), "end"]


def test_a_type_among_the_headers_wins() -> None:
    options = DirectResponseOptions(body="{}", headers=FrozenObject((("Content-Type", "application/json"),)))
    out = ask(direct(Kind.EXCHANGE, options))
    assert out.log[0] == ("open", 200, ((b"content-type", b"application/json"),), 2)


@pytest.mark.parametrize("kind", [Kind.STREAM, Kind.MESSAGE])
def test_elsewhere_a_direct_response_is_its_body(kind: Kind) -> None:
    leg, out = direct(kind, DirectResponseOptions(body="hello")), Recorder()
    assert leg.kind is kind
    leg.start(out)
    assert out.log == [("open",), b"hello", "end"]


@pytest.mark.parametrize(
    "headers", [(("bad name", "x"),), (("Content-Length", "3"),), (("x", "a\r\nb: c"),), (("x", 3),)]
)
def test_header_fields_that_can_not_be_written_are_refused(headers: tuple[tuple[str, str], ...]) -> None:
    with pytest.raises(ConfigError):
        DirectResponseOptions(headers=FrozenObject(headers))

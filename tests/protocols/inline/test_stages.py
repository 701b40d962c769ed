from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path

import pytest
from support.clock import FakeClock
from support.pipe import CountingValve, Recorder, close_of

from l7mp_mesh.model.endpoints import Endpoint
from l7mp_mesh.model.options import NoOptions
from l7mp_mesh.pipe.adapt import AdaptLimits, adapter
from l7mp_mesh.pipe.head import STREAM_HEAD, UNKNOWN_LENGTH, Close, RequestHead
from l7mp_mesh.pipe.headers import Headers
from l7mp_mesh.pipe.kind import Kind
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.pipe.verbs import OPEN_VALVE, TEXT
from l7mp_mesh.ports.attributes import Attributes, Peer
from l7mp_mesh.ports.environment import Environment
from l7mp_mesh.ports.layer import ConnectFailed
from l7mp_mesh.ports.leg import Leg
from l7mp_mesh.protocols.inline import ROWS
from l7mp_mesh.protocols.inline.leg import COLLECT_LIMIT
from l7mp_mesh.protocols.inline.logger import LoggerOptions

ENDPOINT = Endpoint("e", "<VIRTUAL>")
ENVIRONMENT = Environment(FakeClock(), {})


def attributes_of(kind: Kind | None) -> Attributes:
    attributes = Attributes("l", "UDP", Peer("UDP", "10.0.0.1", 1, "10.0.0.2", 2), 0)
    attributes.kind = kind
    return attributes


def leg_of(
    name: str, kind: Kind | None, options: object = None, environment: Environment = ENVIRONMENT
) -> Leg:
    (row,) = (row for row in ROWS if row.name == name)
    assert row.cluster is not None
    assert row.cluster.is_virtual
    connector = row.cluster.connector(options or NoOptions(), environment)
    return asyncio.run(connector.connect(ENDPOINT, attributes_of(kind)))


def started(name: str, kind: Kind, options: object = None) -> tuple[Leg, Recorder]:
    leg, out = leg_of(name, kind, options), Recorder()
    assert out.log == []
    leg.start(out)
    leg.sink.open(STREAM_HEAD, OPEN_VALVE)
    return leg, out


def exchange(name: str, *chunks: bytes) -> Recorder:
    """What an HTTP session gets for a request with these chunks."""
    leg = leg_of(name, Kind.EXCHANGE)
    out = Recorder()
    request = RequestHead(b"POST", b"/", b"h", Headers(), UNKNOWN_LENGTH)
    made = adapter(Kind.EXCHANGE, leg.kind, lambda: request, AdaptLimits())
    assert made is not None
    made.down.next = out
    made.up.next = leg.sink
    leg.start(made.down)
    made.up.open(request, OPEN_VALVE)
    for chunk in chunks:
        made.up.data(chunk, 0)
    made.up.end(None)
    return out


@pytest.mark.parametrize("kind", [Kind.STREAM, Kind.MESSAGE])
def test_an_inline_leg_takes_the_kind_of_its_session(kind: Kind) -> None:
    assert leg_of("Echo", kind).kind is kind


def test_an_echo_keeps_borders_text_and_close_codes() -> None:
    leg, out = started("Echo", Kind.MESSAGE)
    leg.sink.data(b"a", TEXT)
    leg.sink.data(b"", 0)
    leg.sink.end(Close(4001, "x"))
    assert out.log == [("open",), b"a", b"", "end"]
    assert out.flags == [TEXT, 0]
    assert close_of(out) == (4001, "x")


def test_a_reader_of_the_echo_holds_back_the_session() -> None:
    leg, out = leg_of("Echo", Kind.STREAM), Recorder()
    leg.start(out)
    out.valve.pause()
    source = CountingValve()
    leg.sink.open(STREAM_HEAD, source)
    assert source.held == 1
    out.valve.resume()
    assert source.held == 0


def test_the_echo_of_a_request_is_a_response_with_its_body() -> None:
    out = exchange("Echo", b"one", b"two")
    assert out.log == [("open", 200, (), UNKNOWN_LENGTH), b"one", b"two", "end"]


def test_an_abort_by_the_session_is_not_echoed() -> None:
    leg, out = started("Echo", Kind.STREAM)
    leg.sink.abort(Reason.DOWNSTREAM_RESET)
    leg.sink.data(b"x", 0)
    assert out.log == [("open",)]


def test_a_closed_leg_is_silent() -> None:
    leg, out = started("Echo", Kind.STREAM)
    leg.close(Reason.DELETED)
    leg.close(Reason.OK)
    leg.sink.data(b"x", 0)
    leg.sink.end(None)
    assert out.log == [("open",)]


def test_a_thousand_messages_vanish_and_the_end_comes_back() -> None:
    leg, out = started("Discard", Kind.MESSAGE)
    for _ in range(1000):
        leg.sink.data(b"x", 0)
    assert out.log == [("open",)]
    leg.sink.end(None)
    assert out.log == [("open",), "end"]


def test_a_discarded_request_is_answered_with_nothing() -> None:
    assert exchange("Discard", b"x").log == [("open", 200, (), 0), "end"]


def test_json_encap_wraps_payload_and_metadata_as_text() -> None:
    leg, out = started("JSONEncap", Kind.MESSAGE)
    leg.sink.data(b"\x00\xff", 0)
    assert json.loads(out.body) == {
        "metadata": {
            "IP": {"src_addr": "10.0.0.1", "dst_addr": "10.0.0.2"},
            "UDP": {"src_port": 1, "dst_port": 2},
        },
        "payload": base64.b64encode(b"\x00\xff").decode(),
    }
    assert out.flags == [TEXT]


def test_decap_inverts_encap() -> None:
    encap, middle = started("JSONEncap", Kind.MESSAGE)
    encap.sink.data(bytes(range(256)), 0)
    decap, out = started("JSONDecap", Kind.MESSAGE)
    decap.sink.data(middle.body, TEXT)
    assert out.log == [("open",), bytes(range(256))]


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"{",
        b"[]",
        b"3",
        b'{"payload": 3}',
        b'{"payload": "***"}',
        b'{"payload": "\xc3\xbc"}',
        b'{"payload": "abc"}',
        b"\xff\xfe",
        b"[" * 100_000,
    ],
)
def test_what_is_no_json_payload_is_dropped(bad: bytes) -> None:
    leg, out = started("JSONDecap", Kind.MESSAGE)
    leg.sink.data(bad, 0)
    leg.sink.data(b'{"payload": "aGk="}', 0)
    assert out.log == [("open",), b"hi"]


def test_the_body_of_a_request_is_wrapped_as_one() -> None:
    out = exchange("JSONEncap", b"one", b"two")
    assert base64.b64decode(json.loads(out.body)["payload"]) == b"onetwo"
    assert out.is_ended


def test_a_request_without_a_payload_is_answered_with_nothing() -> None:
    assert exchange("JSONDecap", b"no json").log == [("open", 200, (), 0), "end"]


def test_a_body_too_long_to_be_one_message_is_refused() -> None:
    out = exchange("JSONEncap", bytes(COLLECT_LIMIT), b"x", b"y")
    assert out.log == [("abort", Reason.REQUEST_TOO_LARGE)]


def test_loggers_share_a_file_and_never_truncate_it(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"before\n")
    for prefix in ("in", "", "out"):
        leg, out = started("Logger", Kind.MESSAGE, LoggerOptions(log_file=str(path), log_prefix=prefix))
        leg.sink.data(b"data", TEXT)
        leg.sink.end(None)
        assert out.log == [("open",), b"data", "end"]
    assert path.read_bytes() == b"before\nin: data\ndata\nout: data\n"


def test_a_dash_is_standard_output(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    leg = leg_of("Logger", Kind.STREAM, LoggerOptions(log_prefix="p"), Environment(FakeClock(), {}))
    leg.start(Recorder())
    leg.sink.data(b"shown", 0)
    assert capfdbinary.readouterr().out == b"p: shown\n"


def test_a_file_that_can_not_be_opened_fails_the_connection(tmp_path: Path) -> None:
    with pytest.raises(ConnectFailed, match="missing"):
        leg_of("Logger", Kind.STREAM, LoggerOptions(log_file=str(tmp_path / "missing" / "log")))


def test_a_full_disk_does_not_stop_traffic(caplog: pytest.LogCaptureFixture) -> None:
    leg, out = started("Logger", Kind.STREAM, LoggerOptions(log_file="/dev/full"))
    leg.sink.data(b"a", 0)
    leg.sink.data(b"b", 0)
    assert out.log == [("open",), b"a", b"b"]
    assert len(caplog.records) == 1

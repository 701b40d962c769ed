"""What an exchange leaves behind: nothing, and no call arranged with the clock."""

import gc

import pytest
from support.clock import FakeClock
from support.http1 import PEER, Down, Up, at_once, request, response
from support.leg import FakeLeg
from support.pipe import Recorder

from l7mp_mesh.pipe.verbs import OPEN_VALVE
from l7mp_mesh.ports.attributes import Attributes
from l7mp_mesh.ports.leg import Leg
from l7mp_mesh.protocols.http1.layer import Http1Layer
from l7mp_mesh.protocols.http1.options import Http1Options

GET = b"GET /x HTTP/1.1\r\nHost: a\r\nUser-Agent: t\r\n\r\n"
POST = b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"
PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
IN_CHUNKS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"


def relay(down: Down, up: Up, wire: bytes, answer: bytes) -> None:
    """One exchange through both codecs, the response written as it is read."""
    down.feed(wire)
    leg = up.bear()
    leg.start(down.legs[-1].sink)
    leg.sink.open(down.requests[-1].heads[0], OPEN_VALVE)
    for chunk in down.requests[-1].log:
        if isinstance(chunk, bytes):
            leg.sink.data(chunk, 0)
    leg.sink.end(None)
    up.lower.feed(answer)
    for kept in (down.legs, down.requests, down.attributes, up.changes):
        kept.clear()  # type: ignore[attr-defined]
    down.lower.take()
    up.lower.take()


def test_no_reference_cycle_outlives_an_exchange() -> None:
    down, up = Down(), Up()
    cases = [(GET, PLAIN), (POST, PLAIN), (GET, IN_CHUNKS), (POST, IN_CHUNKS)]
    for wire, answer in cases:
        relay(down, up, wire, answer)
    gc.collect()
    gc.disable()
    try:
        for _ in range(50):
            for wire, answer in cases:
                relay(down, up, wire, answer)
        assert gc.collect() == 0
    finally:
        gc.enable()
    assert up.carrier.room() == 1


@pytest.mark.parametrize("wire", [b"", GET[:10], GET, POST[:-4], b"nonsense\r\n"])
def test_no_reference_cycle_outlives_an_accepted_connection(wire: bytes) -> None:
    layer = Http1Layer(Http1Options(), FakeClock())
    legs: list[Leg] = []
    gc.collect()
    gc.disable()
    try:
        lower = FakeLeg()
        layer.accept(lower, Attributes("web", "HTTP", PEER, -1), lambda leg, _: legs.append(leg))
        if wire:
            lower.feed(wire)
        while legs:
            legs.pop().start(Recorder())
        lower.reset()
        del lower
        assert gc.collect() == 0
    finally:
        gc.enable()


@pytest.mark.parametrize("wire", [b"", PLAIN[:10], PLAIN, PLAIN + PLAIN, b"nonsense\r\n"])
def test_no_reference_cycle_outlives_an_opened_connection(wire: bytes) -> None:
    layer = Http1Layer(Http1Options(), FakeClock())
    gc.collect()
    gc.disable()
    try:
        lower = FakeLeg()
        carrier = at_once(layer.carry(lower))
        carrier.on_change(lambda _: None)
        leg = carrier.bear(Attributes("web", "HTTP", PEER, 0))
        leg.start(Recorder())
        leg.sink.open(request(), OPEN_VALVE)
        leg.sink.end(None)
        if wire:
            lower.feed(wire)
        lower.reset()
        assert carrier.is_closed()
        del lower, leg, carrier
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_an_exchange_without_body_pauses_nothing() -> None:
    down, up = Down(), Up()
    for _ in range(3):
        relay(down, up, GET, PLAIN)
    assert down.lower.valve.pauses == 0
    assert up.lower.valve.pauses == 0


def test_a_small_response_is_a_head_and_a_body_on_the_wire() -> None:
    down, up = Down(), Up()
    down.feed(GET)
    up.ask(request())
    sink = down.legs[0].sink
    sink.open(response(200, 2), OPEN_VALVE)
    sink.data(b"hi", 0)
    sink.end(None)
    assert [item for item in down.lower.written.log if isinstance(item, bytes)] == [
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n",
        b"hi",
    ]
    assert isinstance(down.requests[0], Recorder)

"""Random and mutated input, without sockets: nothing raises, nothing is kept."""

import gc
import random
import tracemalloc
from collections.abc import Callable

import pytest
from support.http1 import CHUNKED, Down, Up, request, response

from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.pipe.verbs import OPEN_VALVE

ROUNDS = 100_000
GROWTH = 256 * 1024
"""Bytes that the heap may grow between the first tenth and the end."""

REQUESTS = [
    b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n",
    b"HEAD http://a/x?q HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    b"POST /y HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello",
    b"PUT /z HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3;e=1\r\nabc\r\n2\r\nde\r\n0\r\nX-S: 7\r\n\r\n",
    b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nraw",
    b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\nraw",
]
RESPONSES = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
    b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
    b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n",
    b"HTTP/1.0 200 OK\r\n\r\nuntil the end",
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nraw",
]
TOKENS = (
    b"\r\n",
    b"\r",
    b"\n",
    b"\0",
    b":",
    b" ",
    b"\xff",
    b"0",
    b"ffffffff",
    b"chunked",
    b"\r\n\r\n",
    b"Host",
)


def mutated(rng: random.Random, seeds: list[bytes]) -> bytes:
    wire = bytearray(b"".join(rng.choices(seeds, k=rng.randint(1, 3))))
    for _ in range(rng.choice((0, 1, 1, 2, 5))):
        at = rng.randrange(len(wire) + 1)
        match rng.randrange(4):
            case 0:
                wire[at:at] = rng.choice(TOKENS)
            case 1:
                del wire[at : at + rng.randint(1, 8)]
            case 2:
                wire[at : at + 1] = rng.randbytes(1)
            case _:
                wire[at:] = rng.randbytes(rng.randint(0, 64))
    return bytes(wire)


def reads(rng: random.Random, wire: bytes) -> list[bytes]:
    cuts = sorted(rng.choices(range(len(wire) + 1), k=rng.randint(0, 4)))
    parts = [wire[start:end] for start, end in zip([0, *cuts], [*cuts, len(wire)], strict=True)]
    return [part for part in parts if part]


def play_server(rng: random.Random) -> None:
    down = Down(starts=rng.random() < 0.8)
    for part in reads(rng, mutated(rng, REQUESTS)):
        down.feed(part)
        if down.legs and rng.random() < 0.7:
            answer(rng, down)
    assert down.lower.valve.held <= 2
    if rng.random() < 0.5:
        down.lower.finish()
    else:
        down.lower.reset()
    down.clock.advance(2.0)


def answer(rng: random.Random, down: Down) -> None:
    leg, sink = down.legs[-1], down.legs[-1].sink
    match rng.randrange(6):
        case 0:
            leg.close(rng.choice(list(Reason)))
        case 1:
            sink.abort(Reason.DELETED)
        case 2:
            sink.inform(response(103))
        case _:
            head = response(rng.choice((200, 204, 101, 404)), rng.choice((0, 2, CHUNKED)))
            head.upgrade = b"websocket" if head.status == 101 else b""
            sink.open(head, OPEN_VALVE)
            sink.data(b"hi", 0)
            sink.end(None)


def play_client(rng: random.Random) -> None:
    up = Up()
    wire = mutated(rng, RESPONSES)
    head = request(rng.choice((b"GET", b"HEAD", b"POST")), length=rng.choice((0, 2, CHUNKED)))
    if rng.random() < 0.2:
        head.upgrade = b"websocket"
    leg, recorded = up.ask(head, ends=rng.random() < 0.8)
    for part in reads(rng, wire):
        up.lower.feed(part)
        if up.carrier.room():
            leg, recorded = up.ask(request())
        elif rng.random() < 0.05:
            leg.close(Reason.DELETED)
    up.lower.finish()
    leg.sink.end(None)
    up.lower.reset()
    assert up.carrier.is_closed()
    assert recorded.log.count("end") <= 1


def run(play: Callable[[random.Random], None], rng: random.Random, rounds: int) -> None:
    for _ in range(rounds):
        play(rng)
    gc.collect()


@pytest.mark.parametrize("play", [play_server, play_client])
def test_a_taste_of_the_soak(play: Callable[[random.Random], None]) -> None:
    run(play, random.Random(1), 1500)


@pytest.mark.soak
@pytest.mark.timeout(400)
@pytest.mark.parametrize("play", [play_server, play_client])
def test_no_input_harms_the_process(play: Callable[[random.Random], None]) -> None:
    rng = random.Random(20_240_601)
    run(play, rng, ROUNDS // 10)
    tracemalloc.start()
    try:
        run(play, rng, ROUNDS // 10)
        before = tracemalloc.get_traced_memory()[0]
        run(play, rng, ROUNDS * 8 // 10)
        assert tracemalloc.get_traced_memory()[0] - before < GROWTH
    finally:
        tracemalloc.stop()

from __future__ import annotations

import random

import pytest
from websockets.frames import Frame, Opcode
from websockets.protocol import CLIENT, SERVER, Side

from l7mp_mesh.pipe.head import Close, Trailers
from l7mp_mesh.pipe.headers import Headers
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.pipe.verbs import TEXT
from l7mp_mesh.protocols.websocket.codec_frames import Frames, close_code, wire_close


def frame(opcode: Opcode, payload: bytes, *, fin: bool = True, side: Side = CLIENT) -> bytes:
    """One frame as `side` sends it."""
    return Frame(opcode, payload, fin).serialize(mask=side is CLIENT)


def close_frame(code: int, text: bytes = b"", *, side: Side = CLIENT) -> bytes:
    return frame(Opcode.CLOSE, code.to_bytes(2, "big") + text, side=side)


def written(frames: Frames, *, is_blocked: bool = False) -> list[tuple[int, bytes]]:
    """Opcodes and payloads of what a server side wrote (nothing masked, all short)."""
    return [(chunk[0] & 15, chunk[2:]) for chunk in frames.writes(is_blocked=is_blocked)]


def wire(side: Side) -> bytes:
    """Text, binary in three fragments with a ping between, an empty message, and a close."""
    return (
        frame(Opcode.TEXT, "grüße".encode(), side=side)
        + frame(Opcode.BINARY, b"one", fin=False, side=side)
        + frame(Opcode.CONT, b"", fin=False, side=side)
        + frame(Opcode.PING, b"?", side=side)
        + frame(Opcode.CONT, b"two", side=side)
        + frame(Opcode.BINARY, b"", side=side)
        + frame(Opcode.PONG, b"unasked", side=side)
        + frame(Opcode.BINARY, bytes(200), side=side)
        + close_frame(4001, b"done", side=side)
    )


MESSAGES = [("grüße".encode(), TEXT), (b"onetwo", 0), (b"", 0), (bytes(200), 0)]


@pytest.mark.parametrize(("ours", "theirs"), [(SERVER, CLIENT), (CLIENT, SERVER)])
def test_messages_survive_any_split_of_the_stream(ours: Side, theirs: Side) -> None:
    whole = wire(theirs)
    for cut in range(len(whole) + 1):
        frames = Frames(ours, 1000)
        messages = frames.parse(whole[:cut]) + frames.parse(whole[cut:])
        assert messages == MESSAGES
        assert frames.closed is not None
        assert (frames.closed.code, frames.closed.text) == (4001, "done")
        assert not frames.has_failed


def test_messages_survive_one_byte_at_a_time() -> None:
    frames, messages = Frames(SERVER, 1000), []
    for byte in wire(CLIENT):
        messages += frames.parse(bytes([byte]))
    assert messages == MESSAGES


@pytest.mark.parametrize(("sender", "receiver"), [(SERVER, CLIENT), (CLIENT, SERVER)])
@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536])
def test_what_one_side_sends_the_other_takes(sender: Side, receiver: Side, size: int) -> None:
    out, back = Frames(sender, 1 << 20), Frames(receiver, 1 << 20)
    out.send(b"x" * size, TEXT)
    out.send(b"\xff" * size, 0)
    assert back.parse(b"".join(out.writes(is_blocked=False))) == [(b"x" * size, TEXT), (b"\xff" * size, 0)]


def test_a_client_masks_and_a_server_does_not() -> None:
    client, server = Frames(CLIENT, 100), Frames(SERVER, 100)
    client.send(b"payload", 0)
    server.send(b"payload", 0)
    assert client.writes(is_blocked=False)[0][1] & 0x80
    assert server.writes(is_blocked=False) == [b"\x82\x07payload"]


def test_a_ping_is_answered_with_its_payload() -> None:
    frames = Frames(SERVER, 100)
    frames.parse(frame(Opcode.PING, b"are you there"))
    assert written(frames) == [(Opcode.PONG, b"are you there")]


def test_a_peer_that_pings_and_does_not_read_gets_the_last_answer_only() -> None:
    frames = Frames(SERVER, 100)
    for serial in range(1000):
        frames.parse(frame(Opcode.PING, b"%d" % serial))
        assert written(frames, is_blocked=True) == []
    frames.send(b"x", 0)
    assert written(frames, is_blocked=True) == [(Opcode.BINARY, b"x")]
    assert written(frames) == [(Opcode.PONG, b"999")]
    assert written(frames) == []


def test_a_close_is_answered_with_the_same_code() -> None:
    frames = Frames(SERVER, 100)
    frames.parse(close_frame(1001, b"bye"))
    assert written(frames) == [(Opcode.CLOSE, b"\x03\xe9bye")]
    assert not frames.is_open


def test_a_close_without_a_code_is_1005() -> None:
    frames = Frames(SERVER, 100)
    frames.parse(frame(Opcode.CLOSE, b""))
    assert frames.closed is not None
    assert frames.closed.code == 1005
    assert written(frames) == [(Opcode.CLOSE, b"")]


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (frame(Opcode.TEXT, b"\xff"), 1007),
        (frame(Opcode.TEXT, "ü".encode()[:1], fin=False) + frame(Opcode.CONT, b"x"), 1007),
        (frame(Opcode.BINARY, bytes(101)), 1009),
        (frame(Opcode.BINARY, bytes(60), fin=False) + frame(Opcode.CONT, bytes(60)), 1009),
        (frame(Opcode.CONT, b"x"), 1002),
        (frame(Opcode.TEXT, b"x", fin=False) + frame(Opcode.TEXT, b"y"), 1002),
        (b"\x82\x01x", 1002),
        (b"\xc2\x80aaaa", 1002),
        (b"\x83\x80aaaa", 1002),
        (close_frame(1006), 1002),
        (close_frame(999), 1002),
        (frame(Opcode.CLOSE, b"x"), 1002),
        (close_frame(1000, b"\xff"), 1007),
    ],
)
def test_a_broken_rule_fails_the_connection_with_its_code(bad: bytes, code: int) -> None:
    frames = Frames(SERVER, 100)
    assert frames.parse(bad + frame(Opcode.TEXT, b"after")) == []
    assert frames.has_failed
    sent = written(frames)
    assert [(opcode, payload[:2]) for opcode, payload in sent] == [(Opcode.CLOSE, code.to_bytes(2, "big"))]
    assert frames.parse(b"more") == []


def test_messages_before_a_broken_rule_are_delivered() -> None:
    frames = Frames(SERVER, 100)
    assert frames.parse(frame(Opcode.TEXT, b"good") + frame(Opcode.TEXT, b"\xff")) == [(b"good", TEXT)]
    assert frames.has_failed


def test_a_text_that_is_none_any_more_goes_out_as_binary() -> None:
    frames = Frames(SERVER, 100)
    frames.send(b"\xff", TEXT)
    assert written(frames) == [(Opcode.BINARY, b"\xff")]


@pytest.mark.parametrize(
    ("last", "sent"),
    [
        (None, (1000, "")),
        (Trailers(Headers()), (1000, "")),
        (Close(1001, "x"), (1001, "x")),
        (Close(4999), (4999, "")),
        (Close(1005, "ignored"), (None, "")),
        (Close(1006), (1011, "")),
        (Close(1015), (1011, "")),
        (Close(1004), (1011, "")),
        (Close(2500, "t"), (1011, "t")),
        (Close(70000), (1011, "")),
        (Close(1000, "ü" * 100), (1000, "ü" * 61)),
    ],
)
def test_only_legal_codes_and_texts_reach_the_wire(last: Close | None, sent: tuple[int | None, str]) -> None:
    assert wire_close(last) == sent


@pytest.mark.parametrize(
    ("reason", "code"),
    [(Reason.OK, 1000), (Reason.SHUTDOWN, 1001), (Reason.DELETED, 1001), (Reason.UPSTREAM_RESET, 1011)],
)
def test_a_reason_has_a_close_code(reason: Reason, code: int) -> None:
    assert close_code(reason) == code


def fuzz(rounds: int) -> None:
    rng = random.Random(7)
    whole = {SERVER: wire(CLIENT), CLIENT: wire(SERVER)}
    for _ in range(rounds):
        side = rng.choice((SERVER, CLIENT))
        text = bytearray(rng.randbytes(rng.randrange(60)) if rng.random() < 0.3 else whole[side])
        for _ in range(rng.randrange(4)):
            if text:
                text[rng.randrange(len(text))] = rng.randrange(256)
        frames = Frames(side, 100)
        cut = rng.randrange(len(text) + 1)
        frames.parse(bytes(text[:cut]))
        if frames.is_open:
            frames.send(b"x", TEXT)
        frames.parse(bytes(text[cut:]))
        assert sum(map(len, frames.writes(is_blocked=False))) < 1000


def test_a_thousand_mutated_streams_raise_nothing() -> None:
    fuzz(1000)


@pytest.mark.soak
def test_a_hundred_thousand_mutated_streams_raise_nothing() -> None:
    fuzz(100_000)

"""Nothing raises, whatever the text."""

from __future__ import annotations

import gc
import json
import random
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.native import JSON, configurations, tangled
from support.vocabulary import VOCABULARY

from l7mp_mesh.control.native import Decoder, Format, encode_config, parse, parsed, validate
from l7mp_mesh.model.snapshot import Kind
from l7mp_mesh.model.value import Json

SLOW = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
SEEDS = [path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.yaml"))]
PIECES = [
    *(word.encode() for word in ("{", "}", "[", "]", ": ", "- ", "&a ", "*a", "<<", "!!", "|\n", ">", "#")),
    *(word.encode() for word in ("name", "spec", "rules", "null", "1e999", "0x", "\u2028", "\x00", "'", '"')),
    b"---\n",
    b"\\",
    b"\xff",
]  # fmt: skip


def mangled(chance: random.Random) -> bytes:
    """A seed with a few random cuts, copies and insertions."""
    text = bytearray(chance.choice(SEEDS))
    for _ in range(chance.randrange(1, 8)):
        at = chance.randrange(len(text) + 1)
        match chance.randrange(4):
            case 0:
                del text[at : at + chance.randrange(1, 40)]
            case 1:
                text[at:at] = chance.choice(PIECES)
            case 2:
                start = chance.randrange(len(text) + 1)
                text[at:at] = text[start : start + 60]
            case _:
                text[at : at + 1] = bytes([chance.randrange(256)])
    return bytes(text)


def check(text: bytes) -> None:
    for problem in validate(text, "f", VOCABULARY):
        assert problem.line >= 1
        assert problem.column >= 1
        assert problem.why


@given(
    st.binary(max_size=200) | st.text(max_size=100).map(lambda text: text.encode("utf-8", "surrogatepass"))
)
@SLOW
def test_random_bytes(text: bytes) -> None:
    check(text)
    Decoder(VOCABULARY).config(parse(text, form=Format.JSON))


def test_mangled_configurations() -> None:
    chance = random.Random(7)
    for _ in range(300):
        check(mangled(chance))


@given(JSON)
@SLOW
def test_random_values(value: Json) -> None:
    Decoder(VOCABULARY).config(parsed(value))


@given(
    configurations().flatmap(lambda objects: tangled(encode_config(objects, VOCABULARY))),
    st.sampled_from(Kind),
)
@SLOW
def test_good_configurations_with_one_bad_part(value: Json, kind: Kind) -> None:
    decoded = Decoder(VOCABULARY).config(parsed(value))
    assert len(decoded.errors) <= len(decoded.problems)
    Decoder(VOCABULARY).body(kind, parsed({kind.value: value, "endpoint": value}), owner="x")


@pytest.mark.soak
def test_ten_thousand_bodies_leave_memory_flat() -> None:
    chance = random.Random(11)
    bodies = [json.dumps({"listener": parse(seed).value}).encode() for seed in SEEDS]

    def read(number: int) -> None:
        text = mangled(chance) if number % 2 else bytes(chance.choice(bodies)[: chance.randrange(4000)])
        decoder = Decoder(VOCABULARY)
        for kind in Kind:
            decoder.body(kind, parse(text), owner="x")
        check(text)

    def held() -> int:
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    for number in range(9_000):
        read(number)
    tracemalloc.start()
    try:
        read(0)
        before = held()
        for number in range(1_000):
            read(number)
        assert held() - before < 256 * 1024
    finally:
        tracemalloc.stop()

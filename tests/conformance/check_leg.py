"""What every pair of legs must do, whatever the protocol: one suite, run for each.

`check_legs(pair)` gets a factory of connected pairs: a leg that a listener emitted and the leg of the cluster
that connected to it. Both are real, with sockets in between.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from support.pipe import CountingValve, Recorder

from l7mp_mesh.pipe.head import STREAM_HEAD
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.ports.leg import Kind, Leg

Pair: TypeAlias = tuple[Leg, Leg]
MakePair: TypeAlias = Callable[[], Awaitable[Pair]]

PATIENCE = 10.0
CHUNK = bytes(range(256)) * 64


class End:
    """One leg with what it emitted, and the valve by which it holds back whoever writes to it."""

    def __init__(self, leg: Leg) -> None:
        self.leg = leg
        self.said = Recorder()
        self.valve = CountingValve()

    def open(self) -> None:
        self.leg.sink.open(STREAM_HEAD, self.valve)

    def start(self) -> None:
        self.leg.start(self.said)


async def until(what: Callable[[], object]) -> None:
    """Wait for something that the event loop brings about."""
    async with asyncio.timeout(PATIENCE):
        while not what():
            await asyncio.sleep(0.005)


async def ends(make: MakePair) -> tuple[End, End]:
    """A pair, opened and started on both sides."""
    down, up = map(End, await make())
    for end in (down, up):
        end.open()
        end.start()
    return down, up


async def check_legs(make: MakePair, *, has_end: bool) -> None:
    """Every rule; `has_end` is False for protocols that can not say that they are done (UDP)."""
    for check in (a_leg_starts_silent, data_pass_both_ways, a_paused_leg_holds_back_its_peer, close_is_final):
        await check(make)
    if has_end:
        await the_end_of_one_direction_leaves_the_other(make)
        await an_abort_reaches_the_peer(make)


async def a_leg_starts_silent(make: MakePair) -> None:
    """Nothing comes before `start`; then `open` comes first, and what was sent meanwhile is not lost."""
    down, up = map(End, await make())
    down.open()
    up.open()
    up.start()
    up.leg.sink.data(b"early", 0)
    await asyncio.sleep(0.05)
    assert down.said.log == []
    down.start()
    await until(lambda: down.said.body == b"early")
    assert down.said.log[0] == ("open",)
    await _close(down, up)


async def data_pass_both_ways(make: MakePair) -> None:
    """Bytes are the same on the other side; messages keep their borders."""
    down, up = await ends(make)
    sent = [CHUNK[:size] for size in (1, 2, 1000, 16000)]
    for source, target in ((down, up), (up, down)):
        for chunk in sent:
            source.leg.sink.data(chunk, 0)
        whole = b"".join(sent)
        await until(lambda said=target.said, whole=whole: said.body == whole)
        if source.leg.kind is Kind.MESSAGE:
            assert [item for item in target.said.log if isinstance(item, bytes) and item] == sent
    await _close(down, up)


async def a_paused_leg_holds_back_its_peer(make: MakePair) -> None:
    """A leg whose reader paused emits a bounded amount; after `resume` everything arrives, in order."""
    down, up = await ends(make)
    down.said.valve.pause()
    is_stream = down.leg.kind is Kind.STREAM
    count = 256 if is_stream else 40
    size = 64 * 1024 if is_stream else 1000
    sent = [bytes([number % 256]) * size for number in range(count)]
    for chunk in sent:
        if not up.valve.held:
            up.leg.sink.data(chunk, 0)
            await asyncio.sleep(0)
    await asyncio.sleep(0.05)
    if is_stream:
        assert len(down.said.body) <= 256 * 1024
        assert up.valve.pauses, "the writer was never held back"
    before = len(down.said.body)
    down.said.valve.resume()
    await until(lambda: len(down.said.body) > before)
    total = len(down.said.body)
    await until(lambda: not up.valve.held)
    assert down.said.body == b"".join(sent)[: len(down.said.body)]
    assert total
    await _close(down, up)


async def close_is_final(make: MakePair) -> None:
    """A closed leg emits nothing more, however often it is closed."""
    down, up = await ends(make)
    down.leg.close(Reason.OK)
    down.leg.close(Reason.OK)
    log = list(down.said.log)
    up.leg.sink.data(b"late", 0)
    await asyncio.sleep(0.05)
    assert down.said.log == log
    await _close(down, up)


async def the_end_of_one_direction_leaves_the_other(make: MakePair) -> None:
    """`end` crosses; a stream can still answer, a conversation of messages may end as a whole."""
    down, up = await ends(make)
    up.leg.sink.data(b"question", 0)
    up.leg.sink.end(None)
    await until(lambda: down.said.is_ended)
    assert down.said.body == b"question"
    if down.leg.kind is Kind.STREAM:
        down.leg.sink.data(b"answer", 0)
    down.leg.sink.end(None)
    await until(lambda: up.said.is_ended)
    if down.leg.kind is Kind.STREAM:
        assert up.said.body == b"answer"
    await _close(down, up)


async def an_abort_reaches_the_peer(make: MakePair) -> None:
    """A direction that breaks is seen as an end or an abort on the other side, never as silence."""
    down, up = await ends(make)
    down.leg.sink.abort(Reason.TRANSFORM_FAULT)
    await until(lambda: up.said.is_ended or up.said.aborted)
    await _close(down, up)


async def _close(*both: End) -> None:
    for end in both:
        end.leg.close(Reason.OK)
    await asyncio.sleep(0)

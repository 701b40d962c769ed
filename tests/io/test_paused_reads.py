"""A connection that is held back from its first moment reads no more than what was on its way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
import uvloop
from support.pipe import Recorder

from l7mp_mesh.io import dial
from l7mp_mesh.pipe.head import Head
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.pipe.verbs import Valve

ALL = 8 << 20
READ = 256 << 10


class Pausing(Recorder):
    """Pauses its source as soon as it is opened."""

    def open(self, head: Head, valve: Valve) -> None:
        super().open(head, valve)
        valve.pause()


async def received() -> tuple[int, int]:
    """Bytes before and after `resume`, from a peer that sends at once."""

    async def flood(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(bytes(ALL))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(flood, "127.0.0.1", 0)
    leg = await dial.tcp("127.0.0.1", server.sockets[0].getsockname()[1], None)
    into = Pausing()
    leg.start(into)
    for _ in range(50):
        await asyncio.sleep(0.001)
    before = len(into.body)
    into.valve.resume()
    async with asyncio.timeout(10):
        while not into.is_ended:
            await asyncio.sleep(0.001)
    leg.close(Reason.OK)
    server.close()
    return before, len(into.body)


@pytest.mark.parametrize("make", [uvloop.new_event_loop, asyncio.new_event_loop], ids=["uvloop", "asyncio"])
def test_a_leg_that_is_paused_when_it_starts_reads_once_at_most(
    make: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    with asyncio.Runner(loop_factory=make) as runner:
        before, after = runner.run(received())
    assert before <= READ
    assert after == ALL

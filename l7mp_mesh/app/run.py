"""`l7mp-mesh run`: the event loop around one process."""

from __future__ import annotations

import argparse
import asyncio
import gc
from collections.abc import Callable

from l7mp_mesh.app.process import Process, RunOptions


def run(options: argparse.Namespace) -> int:
    """Serve until told to stop; the exit status."""
    told = RunOptions(
        config=options.config,
        strict=options.strict,
        log_level=options.log_level,
        drain_time=options.drain_time,
    )
    with asyncio.Runner(loop_factory=loop_factory(options.loop)) as runner:
        return runner.run(_serve(told))


async def _serve(options: RunOptions) -> int:
    process = Process(options)
    # What was imported and configured lives as long as the process: the collector need not look at it.
    gc.freeze()
    return await process.run()


def loop_factory(name: str) -> Callable[[], asyncio.AbstractEventLoop]:
    """The event loop of that name."""
    if name == "asyncio":
        return asyncio.new_event_loop
    import uvloop

    return uvloop.new_event_loop

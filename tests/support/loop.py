"""Tests that need an event loop, written as coroutines."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import wraps


def inside(test: Callable[[], Awaitable[None]]) -> Callable[[], None]:
    """Run a test in an event loop, for ten seconds at most."""

    @wraps(test)
    def run() -> None:
        asyncio.run(asyncio.wait_for(test(), 10))

    # pytest would otherwise look at the parameters of the coroutine function.
    del run.__wrapped__  # type: ignore[attr-defined]
    return run

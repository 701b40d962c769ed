"""Tasks that somebody owns: a reference is kept, a crash is reported."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

log = logging.getLogger("l7mp_mesh.tasks")

_running: set[asyncio.Task[Any]] = set()


def spawn(
    name: str, work: Coroutine[Any, Any, None], *, crashed: Callable[[str], None] | None = None
) -> asyncio.Task[None]:
    """Run `work` beside everything else. The caller cancels the task it no longer needs.

    A crash is logged with its traceback and ends that task only; `crashed` is told what was raised.
    """
    task = asyncio.get_running_loop().create_task(_report(name, work, crashed), name=name)
    _running.add(task)

    def done(task: asyncio.Task[None]) -> None:
        _running.discard(task)
        # A task that was cancelled in the turn of its birth has not begun it.
        work.close()

    task.add_done_callback(done)
    return task


async def _report(name: str, work: Coroutine[Any, Any, None], crashed: Callable[[str], None] | None) -> None:
    try:
        await work
    except Exception as error:
        detail = _crashed(name, error)
        if crashed is not None:
            crashed(detail)


async def survive(name: str, work: Coroutine[Any, Any, None]) -> str:
    """Await `work`: "" when it ended well, otherwise what was raised, which is logged with its traceback.

    For work that somebody else's input decides about, and that must not take its caller along.
    """
    try:
        await work
    except Exception as error:
        return _crashed(name, error)
    return ""


def contain(name: str, do: Callable[[], None]) -> str:
    """`survive` for what happens at once."""
    try:
        do()
    except Exception as error:
        return _crashed(name, error)
    return ""


def _crashed(name: str, error: Exception) -> str:
    log.error("task crashed", exc_info=error, extra={"task": name})
    return f"internal error: {type(error).__name__}: {error}"

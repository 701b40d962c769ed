"""Tasks that somebody owns: a reference is kept, a crash is reported."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

log = logging.getLogger("l7mp_mesh.tasks")

_running: set[asyncio.Task[Any]] = set()


def spawn(name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """Run `work` beside everything else. The caller cancels the task it no longer needs.

    A crash is logged with its traceback and ends that task only.
    """
    task = asyncio.get_running_loop().create_task(_report(name, work), name=name)
    _running.add(task)
    task.add_done_callback(_running.discard)
    return task


async def _report(name: str, work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except Exception:
        log.exception("task crashed", extra={"task": name})

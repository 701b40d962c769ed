"""Tasks beside everything else: how they end."""

from __future__ import annotations

import asyncio
import warnings

from support.loop import inside

from l7mp_mesh.io.tasks import spawn


async def _fail() -> None:
    raise RuntimeError("broken")


async def _pass() -> None:
    await asyncio.sleep(0)


@inside
async def test_who_started_a_task_that_crashes_is_told_why() -> None:
    heard: list[str] = []
    await spawn("work", _fail(), crashed=heard.append)
    await spawn("work", _pass(), crashed=heard.append)
    assert heard == ["internal error: RuntimeError: broken"]


@inside
async def test_a_task_that_is_cancelled_before_it_began_leaves_no_warning() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        task = spawn("work", _pass())
        task.cancel()
        await asyncio.wait([task])
        del task
        await asyncio.sleep(0)
    assert [str(warning.message) for warning in caught] == []

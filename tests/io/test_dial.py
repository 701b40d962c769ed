"""Addresses that no system call would take."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import pytest
from support.loop import inside

from l7mp_mesh.io import dial
from l7mp_mesh.ports.layer import ConnectFailed


@inside
async def test_names_that_can_not_exist_are_failures_to_connect() -> None:
    attempts: list[Awaitable[object]] = [
        dial.tcp("a..b", 80, None),
        dial.tcp("a\0b", 80, None),
        dial.tcp("127.0.0.1", 80_000, None),
        dial.unix("a\0b"),
    ]
    for attempt in attempts:
        with pytest.raises(ConnectFailed):
            await asyncio.wait_for(attempt, 5)

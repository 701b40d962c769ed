"""The accept queue has the configured length."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable

import pytest
import uvloop

from l7mp_mesh.io import bind
from l7mp_mesh.io.serve import AcceptedDriver, listen
from l7mp_mesh.pipe.reason import Reason

LONGEST = 28
"""Offset in tcp_info where a listening socket says how long its queue may get (tcp(7), tcpi_sacked)."""


def refuse(driver: AcceptedDriver) -> None:
    driver.close(Reason.SHUTDOWN)


async def queue_length(backlog: int) -> int:
    """What the kernel has been told."""
    sock = bind.tcp_socket("127.0.0.1", 0, backlog)
    server = await listen(sock, refuse, backlog)
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    server.close()
    (length,) = struct.unpack_from("I", info, LONGEST)
    return int(length)


@pytest.mark.parametrize("make", [uvloop.new_event_loop, asyncio.new_event_loop], ids=["uvloop", "asyncio"])
@pytest.mark.parametrize("backlog", [7, 300])
def test_a_backlog_is_what_was_asked_for(make: Callable[[], asyncio.AbstractEventLoop], backlog: int) -> None:
    with asyncio.Runner(loop_factory=make) as runner:
        assert runner.run(queue_length(backlog)) == backlog

"""Opening upstream sockets."""

from __future__ import annotations

import asyncio
import socket

from l7mp_mesh.io.datagram import DatagramDriver, DatagramReceiver
from l7mp_mesh.io.stream import StreamDriver
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.ports.layer import ConnectFailed

_FAULTS = (OSError, ValueError, OverflowError)
"""What opening a socket raises: ValueError for names and paths that no system call would take."""


def _failed(where: str, error: Exception) -> ConnectFailed:
    why = error.strerror if isinstance(error, OSError) else None
    return ConnectFailed(Reason.CONNECT_FAILED, f"{where}: {why or error}")


def _up() -> StreamDriver:
    return StreamDriver(Reason.UPSTREAM_RESET)


async def tcp(address: str, port: int, local: tuple[str, int] | None) -> StreamDriver:
    """A connected TCP leg; `local` is the source address. The caller sets the deadline.

    Raises ConnectFailed.
    """
    loop = asyncio.get_running_loop()
    source = None if local is None else (local[0] or ("::" if ":" in address else "0.0.0.0"), local[1])
    try:
        transport, driver = await loop.create_connection(_up, address, port, local_addr=source)
    except _FAULTS as error:
        raise _failed(f"{address}:{port}", error) from error
    sock = transport.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return driver


async def unix(path: str) -> StreamDriver:
    """A connected UNIX stream leg. Raises ConnectFailed."""
    loop = asyncio.get_running_loop()
    try:
        _, driver = await loop.create_unix_connection(_up, path)
    except _FAULTS as error:
        raise _failed(path, error) from error
    return driver


async def udp(
    address: str, port: int, local: tuple[str, int] | None, receiver: DatagramReceiver
) -> DatagramDriver:
    """A UDP socket connected to one peer, so that the kernel reports ICMP errors. Raises ConnectFailed."""
    loop = asyncio.get_running_loop()
    source = None if local is None else (local[0] or ("::" if ":" in address else "0.0.0.0"), local[1])
    try:
        _, driver = await loop.create_datagram_endpoint(
            lambda: DatagramDriver(receiver), remote_addr=(address, port), local_addr=source
        )
    except _FAULTS as error:
        raise _failed(f"{address}:{port}", error) from error
    return driver

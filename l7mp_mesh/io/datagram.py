"""One datagram socket: bytes and addresses in, bytes and addresses out."""

from __future__ import annotations

import asyncio
import socket
from abc import ABC, abstractmethod
from typing import TypeAlias, cast

Address: TypeAlias = tuple[str, int]
"""IP address and port of a peer; IPv4 peers of a dual-stack socket appear in plain IPv4 form.

Link-local addresses end in "%" and the number of their interface (RFC 4007 section 11).
"""

SocketName: TypeAlias = tuple[str, int] | tuple[str, int, int, int]
"""An address as sockets have it; the fourth item is the number of the interface, 0 if any will do."""

_MAPPED = "::ffff:"


class DatagramReceiver(ABC):
    """Whoever gets the datagrams of a socket."""

    @abstractmethod
    def received(self, data: bytes, address: Address) -> None:
        """One datagram."""

    @abstractmethod
    def failed(self, error: OSError) -> None:
        """The kernel reported an error (ICMP port unreachable on a connected socket)."""


class DatagramDriver(asyncio.DatagramProtocol):
    """A UDP socket of the event loop."""

    def __init__(self, receiver: DatagramReceiver) -> None:
        self._receiver: DatagramReceiver | None = receiver
        self._transport: asyncio.DatagramTransport | None = None
        self._is_wide = False
        self._is_full = False
        self._closed = asyncio.Event()
        self.dropped = 0
        """Datagrams that were not sent because the socket's queue was full."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop has transports of its own that are no subclasses.
        self._transport = cast("asyncio.DatagramTransport", transport)
        sock = transport.get_extra_info("socket")
        self._is_wide = sock is not None and sock.family == socket.AF_INET6

    def datagram_received(self, data: bytes, addr: SocketName) -> None:
        if self._receiver is None:
            return
        self._receiver.received(data, _plain(addr))

    def error_received(self, exc: Exception) -> None:
        if self._receiver is not None and isinstance(exc, OSError):
            self._receiver.failed(exc)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._closed.set()

    def pause_writing(self) -> None:
        self._is_full = True

    def resume_writing(self) -> None:
        self._is_full = False

    def send(self, data: bytes, address: Address | None) -> None:
        """Send one datagram; `address` None on a connected socket."""
        transport = self._transport
        if transport is None:
            return
        if self._is_full:
            self.dropped += 1
            return
        to = _wide(address) if address is not None and self._is_wide else address
        if data:
            transport.sendto(data, to)
        else:
            self._send_empty(transport, to)

    def _send_empty(self, transport: asyncio.DatagramTransport, address: SocketName | None) -> None:
        """Event loops take an empty datagram for nothing to send; the socket itself does not."""
        sock = transport.get_extra_info("socket")
        try:
            with socket.fromfd(sock.fileno(), sock.family, sock.type) as twin:
                if address is None:
                    twin.send(b"")
                else:
                    twin.sendto(b"", address)
        except BlockingIOError:
            self.dropped += 1
        except OSError as error:
            self.error_received(error)

    def local(self) -> Address:
        """Address and port of this end; ("", 0) when closed."""
        if self._transport is None:
            return ("", 0)
        return _plain(self._transport.get_extra_info("sockname"))

    def close(self) -> None:
        """Close the socket, in one of the next turns of the loop; what was queued is still sent."""
        self._receiver = None
        if self._transport is not None:
            self._transport.close()

    async def wait_closed(self) -> None:
        """Wait until the closed socket has released its address."""
        await self._closed.wait()


async def open_bound(sock: socket.socket, receiver: DatagramReceiver) -> DatagramDriver:
    """Serve a bound socket."""
    loop = asyncio.get_running_loop()
    _, driver = await loop.create_datagram_endpoint(lambda: DatagramDriver(receiver), sock=sock)
    return driver


def canonical(host: str) -> str:
    """An IP address as peers have it: the interface of a link-local one by its number."""
    address, percent, scope = host.partition("%")
    if not percent or scope.isdecimal():
        return host
    try:
        return f"{address}%{socket.if_nametoindex(scope)}"
    except OSError:
        return host


def _plain(name: SocketName) -> Address:
    host, port = name[0], name[1]
    if host.startswith(_MAPPED) and "." in host:
        return (host[len(_MAPPED) :], port)
    match name:
        case (_, _, _, scope) if scope:
            return (f"{host.partition('%')[0]}%{scope}", port)
        case _:
            return (host, port)


def _wide(address: Address) -> SocketName:
    """What an IPv6 socket sends to."""
    host, port = address
    if ":" not in host:
        return (_MAPPED + host, port)
    host, _, scope = host.partition("%")
    return (host, port, 0, int(scope)) if scope.isdecimal() else (host, port)

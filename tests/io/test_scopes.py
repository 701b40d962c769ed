"""Link-local peers of a UDP socket are told apart, and answered, by their interface."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from l7mp_mesh.io.datagram import Address, DatagramDriver, DatagramReceiver, canonical


class Socket:
    """All that the driver asks of a socket: its family."""

    family = socket.AF_INET6


class Transport(asyncio.DatagramTransport):
    def __init__(self) -> None:
        super().__init__()
        self.sent: list[tuple[bytes, Any]] = []

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return Socket() if name == "socket" else ("fe80::9", 7, 0, 3) if name == "sockname" else default

    def sendto(self, data: Any, addr: Any = None) -> None:
        self.sent.append((bytes(data), addr))


class Receiver(DatagramReceiver):
    def __init__(self) -> None:
        self.peers: list[Address] = []

    def received(self, data: bytes, address: Address) -> None:
        self.peers.append(address)

    def failed(self, error: OSError) -> None:
        raise error


@pytest.mark.parametrize(
    ("wire", "peer", "answered"),
    [
        (("fe80::1", 5, 0, 3), ("fe80::1%3", 5), ("fe80::1", 5, 0, 3)),
        (("fe80::1%eth0", 5, 0, 3), ("fe80::1%3", 5), ("fe80::1", 5, 0, 3)),
        (("2001:db8::1", 5, 0, 0), ("2001:db8::1", 5), ("2001:db8::1", 5)),
        (("::ffff:10.0.0.1", 5, 0, 0), ("10.0.0.1", 5), ("::ffff:10.0.0.1", 5)),
    ],
)
def test_an_answer_goes_to_the_interface_that_the_peer_is_on(
    wire: tuple[str, int, int, int], peer: Address, answered: tuple[str | int, ...]
) -> None:
    receiver = Receiver()
    transport = Transport()
    driver = DatagramDriver(receiver)
    driver.connection_made(transport)
    driver.datagram_received(b"x", wire)
    assert receiver.peers == [peer]
    driver.send(b"y", peer)
    assert transport.sent == [(b"y", answered)]
    assert driver.local() == ("fe80::9%3", 7)


def test_an_interface_may_be_named() -> None:
    number, name = socket.if_nameindex()[0]
    assert canonical(f"fe80::1%{name}") == f"fe80::1%{number}"
    assert canonical("fe80::1%7") == "fe80::1%7"
    assert canonical("fe80::1%nowhere") == "fe80::1%nowhere"
    assert canonical("10.0.0.1") == "10.0.0.1"

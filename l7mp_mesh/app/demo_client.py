"""What the demo uses to talk to the dataplane: an HTTP request, and a UDP socket that stays open.

`python -m l7mp_mesh.app.demo_client PORT` is for people: each line typed is a datagram, on one socket.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from typing import cast

from l7mp_mesh.app.demo_child import DemoFailed

ANSWER_WITHIN = 3.0
"""Seconds."""


async def get(port: int, path: str) -> tuple[int, str]:
    """Status and body of a GET on a connection of its own. Raises DemoFailed."""
    try:
        async with asyncio.timeout(ANSWER_WITHIN):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n".encode())
            text = (await reader.read()).decode(errors="replace")
            writer.close()
    except (OSError, TimeoutError) as error:
        raise DemoFailed(f"GET {path} on port {port}: {error or 'no answer'}") from error
    head, _, body = text.partition("\r\n\r\n")
    words = head.split(" ", 2)
    if len(words) < 3 or not words[1].isdigit():  # noqa: PLR2004 - a status line has three parts
        raise DemoFailed(f"GET {path} on port {port}: not HTTP: {head[:40]!r}")
    return int(words[1]), body


async def sessions(port: int, listener: str) -> list[dict[str, object]]:
    """The sessions of a listener, asked of the control API."""
    _, body = await get(port, "/api/v1/sessions")
    listed = cast("list[dict[str, dict[str, object]]]", json.loads(body))
    return [cast("dict[str, object]", each) for each in listed if each["source"]["origin"] == listener]


class Phone(asyncio.DatagramProtocol):
    """A UDP client that keeps its socket: to the proxy it is one session."""

    def __init__(self) -> None:
        self._answers: asyncio.Queue[str] = asyncio.Queue()
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._answers.put_nowait(data.decode(errors="replace"))

    @property
    def port(self) -> int:
        """Its own port."""
        assert self._transport is not None
        port: int = self._transport.get_extra_info("sockname")[1]
        return port

    async def connect(self, port: int) -> None:
        """Take a socket and aim it."""
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: self, remote_addr=("127.0.0.1", port))

    async def ask(self, text: str) -> str:
        """Send a datagram and wait for the answer. Raises DemoFailed."""
        assert self._transport is not None
        self._transport.sendto(text.encode())
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                return await self._answers.get()
        except TimeoutError as error:
            raise DemoFailed(f"no answer to the datagram {text!r}") from error

    def close(self) -> None:
        """Give the socket back."""
        if self._transport is not None:
            self._transport.close()


def main() -> int:
    """Send lines of standard input as datagrams and print the answers."""
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.settimeout(ANSWER_WITHIN)
        sock.connect(("127.0.0.1", int(sys.argv[1])))
        for line in sys.stdin:
            sock.send(line.rstrip("\n").encode())
            try:
                print(sock.recv(65536).decode(errors="replace"), flush=True)
            except OSError as error:
                print(f"no answer: {error}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

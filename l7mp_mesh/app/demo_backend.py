"""The backends of the demo: each says its name over HTTP and UDP, and transcodes over WebSocket."""

from __future__ import annotations

import asyncio
import contextlib

from websockets.asyncio.server import Server, ServerConnection, serve

HEAD_LIMIT = 16 * 1024
"""Bytes of a request head."""
PATIENCE = 60.0
"""Seconds for which a connection may say nothing."""
PORT_TRIES = 20


class Backend:
    """One server: HTTP and WebSocket have a port each, UDP shares the number of HTTP's."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.port = 0
        """HTTP and UDP."""
        self.websocket_port = 0
        self._http: asyncio.Server | None = None
        self._udp: asyncio.DatagramTransport | None = None
        self._websocket: Server | None = None

    async def start(self) -> None:
        """Begin to listen on the loopback."""
        loop = asyncio.get_running_loop()
        for attempt in range(PORT_TRIES):
            self._http = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=HEAD_LIMIT)
            self.port = self._http.sockets[0].getsockname()[1]
            try:
                self._udp, _ = await loop.create_datagram_endpoint(
                    lambda: Datagrams(self.name), local_addr=("127.0.0.1", self.port)
                )
                break
            except OSError:
                # Somebody has the UDP port of that number.
                self._http.close()
                if attempt == PORT_TRIES - 1:
                    raise
        self._websocket = await serve(transcode, "127.0.0.1", 0, compression=None)
        self.websocket_port = next(iter(self._websocket.sockets)).getsockname()[1]

    def stop(self) -> None:
        """Close everything."""
        if self._http is not None:
            self._http.close()
        if self._udp is not None:
            self._udp.close()
        if self._websocket is not None:
            self._websocket.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Requests without bodies, one after the other."""
        # A peer that leaves, or says what is no request, is simply let go.
        with contextlib.suppress(OSError, EOFError, TimeoutError, asyncio.LimitOverrunError):
            while True:
                async with asyncio.timeout(PATIENCE):
                    head = await reader.readuntil(b"\r\n\r\n")
                line = head.partition(b"\r\n")[0].decode(errors="replace")
                method, _, rest = line.partition(" ")
                body = f"{self.name} answers {method} {rest.partition(' ')[0]}\n".encode()
                start = f"HTTP/1.1 200 OK\r\nx-backend: {self.name}\r\ncontent-length: {len(body)}\r\n\r\n"
                writer.write(start.encode() + body)
                async with asyncio.timeout(PATIENCE):
                    await writer.drain()
        writer.close()


class Datagrams(asyncio.DatagramProtocol):
    """Answers each datagram with what it has heard."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if self._transport is not None:
            self._transport.sendto(f"{self._name} heard {data.decode(errors='replace')}".encode(), addr)


async def transcode(connection: ServerConnection) -> None:
    """Give every message back in capital letters."""
    async for message in connection:
        await connection.send(message.upper())

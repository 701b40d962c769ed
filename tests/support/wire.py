"""Both ends of a session at the level of bytes, so that a test alone decides who reads how much."""

from __future__ import annotations

import base64
import hashlib
import socket
import struct
from dataclasses import dataclass

WEBSOCKET_KEY = base64.b64encode(b"sixteen bytes...")
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


@dataclass
class Wire:
    """One end: its socket, what opens a body, and how a block of payload is framed."""

    sock: socket.socket
    opening: bytes = b""
    """To be sent before the first block."""
    answer: bytes = b""
    """Beginning of what is to be read before anything else."""
    frame: str = ""
    is_divisible: bool = True
    """A block may be cut anywhere."""

    def begin(self) -> None:
        """Send what comes before the first block."""
        self.sock.sendall(self.opening)

    def ready(self) -> None:
        """Read the answer to a handshake."""
        if self.answer:
            assert read_head(self.sock).startswith(self.answer)

    def framed(self, block: bytes) -> bytes:
        """One block of payload as it goes over the wire."""
        if self.frame == "chunk":
            return b"%x\r\n%s\r\n" % (len(block), block)
        if self.frame == "message":
            return struct.pack("!BBQ", 0x82, 127, len(block)) + block
        if self.frame == "masked":
            return struct.pack("!BBQ", 0x82, 0x80 | 127, len(block)) + bytes(4) + block
        return block


def client_wire(protocol: str, sock: socket.socket) -> Wire:
    """The client of a listener, its request sent."""
    if protocol == "HTTP":
        sock.sendall(b"POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n")
        return Wire(sock, frame="chunk", is_divisible=False)
    if protocol == "WebSocket":
        sock.sendall(
            b"GET / HTTP/1.1\r\nhost: h\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
            b"sec-websocket-version: 13\r\nsec-websocket-key: %s\r\n\r\n" % WEBSOCKET_KEY
        )
        return Wire(sock, answer=b"HTTP/1.1 101", frame="masked", is_divisible=False)
    return Wire(sock)


def server_wire(protocol: str, sock: socket.socket) -> Wire:
    """The upstream of a cluster, its handshake answered."""
    if protocol == "HTTP":
        read_head(sock)
        opening = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
        return Wire(sock, opening, frame="chunk", is_divisible=False)
    if protocol == "WebSocket":
        key = b""
        for line in read_head(sock).split(b"\r\n"):
            name, _, value = line.partition(b":")
            if name.lower() == b"sec-websocket-key":
                key = value.strip()
        accept = base64.b64encode(hashlib.sha1(key + _GUID).digest())
        sock.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
            b"sec-websocket-accept: %s\r\n\r\n" % accept
        )
        return Wire(sock, frame="message", is_divisible=False)
    return Wire(sock)


def read_head(sock: socket.socket) -> bytes:
    """Everything up to the empty line."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = sock.recv(1)
        assert byte, head
        head += byte
    return head

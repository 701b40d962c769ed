"""Sockets for tests: everything has a deadline, nothing has a fixed port."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

DEADLINE = 10.0
"""Seconds after which a test gives up waiting: five times and more what it takes on a slow machine."""


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """A port that nobody uses right now."""
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def eventually(ask: Callable[[], T], deadline: float = DEADLINE, every: float = 0.02) -> T:
    """The first true value of `ask()`; AssertionError when none came in time."""
    until = time.monotonic() + deadline
    while True:
        value = ask()
        if value:
            return value
        assert time.monotonic() < until, f"not within {deadline} s: {ask}"
        time.sleep(every)


def tcp(port: int, host: str = "127.0.0.1") -> socket.socket:
    """A connected TCP socket."""
    return socket.create_connection((host, port), timeout=DEADLINE)


def unix(path: str) -> socket.socket:
    """A connected UNIX stream socket."""
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(DEADLINE)
    sock.connect(path)
    return sock


def udp(port: int, local: int = 0, host: str = "127.0.0.1") -> socket.socket:
    """A UDP socket connected to a port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.settimeout(DEADLINE)
    sock.bind((host, local))
    sock.connect((host, port))
    return sock


def ask(sock: socket.socket, message: bytes, size: int = 65536) -> bytes:
    """Send one message and take one answer."""
    sock.sendall(message)
    return sock.recv(size)


def read_exactly(sock: socket.socket, size: int) -> bytes:
    """That many bytes, fewer only at the end."""
    chunks = []
    while size > 0:
        chunk = sock.recv(min(size, 1 << 16))
        if not chunk:
            break
        chunks.append(chunk)
        size -= len(chunk)
    return b"".join(chunks)


def read_all(sock: socket.socket) -> bytes:
    """Everything up to the end."""
    return read_exactly(sock, 1 << 40)


def silent(sock: socket.socket, seconds: float = 0.3) -> bool:
    """True when nothing arrives for that long."""
    sock.settimeout(seconds)
    try:
        return not sock.recv(65536)
    except TimeoutError:
        return True
    finally:
        sock.settimeout(DEADLINE)

"""HTTP/1.1 as it is on the wire, both sides: every field in order, bodies and trailers."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from typing import BinaryIO

from support.net import DEADLINE, tcp

BODILESS = (204, 304)


class Message:
    """A request or a response."""

    def __init__(self, start: str, fields: list[tuple[str, str]]) -> None:
        self.start = start
        self.fields = fields
        self.body = b""
        self.trailers: list[tuple[str, str]] = []

    @property
    def status(self) -> int:
        """Of a response."""
        return int(self.start.split()[1])

    @property
    def target(self) -> str:
        """Of a request."""
        return self.start.split()[1]

    def all(self, name: str) -> list[str]:
        """Values of every field of that name, in order."""
        return [value for key, value in self.fields if key == name]

    def get(self, name: str) -> str | None:
        """The first value."""
        found = self.all(name)
        return found[0] if found else None


def read(file: BinaryIO, *, head_only: bool = False) -> Message | None:
    """The next message; None at the end. Interim responses are passed over."""
    while True:
        start = file.readline().decode().rstrip("\r\n")
        if not start:
            return None
        message = Message(start, _fields(file))
        is_response = start.startswith("HTTP/")
        if not (is_response and message.status // 100 == 1):
            break
    if head_only or (is_response and message.status in BODILESS):
        return message
    if message.get("transfer-encoding") == "chunked":
        while size := int(file.readline().split(b";")[0], 16):
            message.body += file.read(size)
            file.readline()
        message.trailers = _fields(file)
    elif (length := message.get("content-length")) is not None:
        message.body = file.read(int(length))
    elif is_response:
        message.body = file.read()
    return message


def _fields(file: BinaryIO) -> list[tuple[str, str]]:
    found = []
    while line := file.readline().decode("latin-1").rstrip("\r\n"):
        name, _, value = line.partition(":")
        found.append((name.lower(), value.strip()))
    return found


class Client:
    """One connection."""

    def __init__(self, port: int) -> None:
        self.sock = tcp(port)
        self._file = self.sock.makefile("rb")

    def ask(self, request: bytes, *, head_only: bool = False) -> Message:
        """Send bytes, take the next response."""
        self.sock.sendall(request)
        message = read(self._file, head_only=head_only)
        assert message is not None, "the connection ended without a response"
        return message

    def close(self) -> None:
        """Hang up."""
        self._file.close()
        self.sock.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True
    allow_reuse_address = True
    block_on_close = False


@contextlib.contextmanager
def wire_server(reply: Callable[[Message], bytes]) -> Iterator[tuple[int, list[Message]]]:
    """Answers every request with the bytes of `reply`; yields the port and the requests so far."""
    seen: list[Message] = []

    class Handler(socketserver.StreamRequestHandler):
        timeout = DEADLINE
        disable_nagle_algorithm = True

        def handle(self) -> None:
            with contextlib.suppress(OSError):
                while (message := read(self.rfile)) is not None:
                    seen.append(message)
                    self.wfile.write(reply(message))

    server = _Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server.server_address[1], seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join(DEADLINE)


def reset(sock: socket.socket) -> None:
    """Close with RST instead of FIN."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    sock.close()

"""Clients that send numbered messages without a break, and servers that say who answered each."""

from __future__ import annotations

import contextlib
import select
import socket
import socketserver
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator

from support.net import DEADLINE, eventually
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

WINDOW = 16
"""Messages under way at once: enough to be without a break, few enough for no queue to overflow."""


@contextlib.contextmanager
def line_server(tag: str) -> Iterator[int]:
    """TCP: answers every line with itself behind `tag`."""

    class Lines(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError):
                for line in self.rfile:
                    self.wfile.write(tag.encode() + line)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False

    with Server(("127.0.0.1", 0), Lines) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join(5)


class Link(ABC):
    """A connection over which messages go out and answers come back."""

    @abstractmethod
    def send(self, message: bytes) -> None:
        """One message."""

    @abstractmethod
    def receive(self, seconds: float) -> list[bytes]:
        """The answers that arrive first within that time; empty without any."""

    @abstractmethod
    def close(self) -> None:
        """Give up the connection."""


class Datagrams(Link):
    def __init__(self, port: int) -> None:
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.connect(("127.0.0.1", port))

    def send(self, message: bytes) -> None:
        self._sock.send(message)

    def receive(self, seconds: float) -> list[bytes]:
        readable, _, _ = select.select([self._sock], [], [], seconds)
        return [self._sock.recv(65536)] if readable else []

    def close(self) -> None:
        self._sock.close()


class Lines(Link):
    """Over TCP or UNIX: a message is a line."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._rest = b""

    def send(self, message: bytes) -> None:
        self._sock.sendall(message + b"\n")

    def receive(self, seconds: float) -> list[bytes]:
        readable, _, _ = select.select([self._sock], [], [], seconds)
        if not readable:
            return []
        chunk = self._sock.recv(65536)
        assert chunk, "the connection has ended"
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        return lines

    def close(self) -> None:
        self._sock.close()


class Messages(Link):
    """Over WebSocket."""

    def __init__(self, port: int) -> None:
        self._stack = contextlib.ExitStack()
        self._client: ClientConnection = self._stack.enter_context(
            connect(f"ws://127.0.0.1:{port}/", compression=None, open_timeout=DEADLINE)
        )

    def send(self, message: bytes) -> None:
        self._client.send(message)

    def receive(self, seconds: float) -> list[bytes]:
        try:
            answer = self._client.recv(seconds)
        except TimeoutError:
            return []
        return [answer.encode() if isinstance(answer, str) else answer]

    def close(self) -> None:
        self._stack.close()


class Numbered:
    """Sends 0, 1, 2, ... on a thread until it is stopped, and keeps what came back: `with Numbered(link)`."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.sent = 0
        self.answers: list[str] = []
        """As they came: who answered, and the number of the message."""
        self.failure: BaseException | None = None

    def __enter__(self) -> Numbered:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(DEADLINE)
        self._link.close()

    def finish(self) -> list[tuple[str, int]]:
        """Stop, wait for every answer; (who, number) in the order of their arrival."""
        self._stop.set()
        self._thread.join(DEADLINE)
        assert self.failure is None, self.failure
        return [(answer[0], int(answer[1:])) for answer in self.answers]

    def _run(self) -> None:
        try:
            while not self._stop.is_set() or len(self.answers) < self.sent:
                while not self._stop.is_set() and self.sent - len(self.answers) < WINDOW:
                    self._link.send(b"%06d" % self.sent)
                    self.sent += 1
                came = self._link.receive(DEADLINE / 2)
                assert came, f"{self.sent - len(self.answers)} messages were not answered"
                self.answers += [answer.decode() for answer in came]
        except (AssertionError, OSError, ConnectionClosed) as error:
            self.failure = error


def check(answers: list[tuple[str, int]], sent: int, *, is_stream: bool) -> None:
    """Every message was answered once, and a stream's answers came in their order."""
    numbers = [number for _, number in answers]
    assert sorted(numbers) == list(range(sent))
    if is_stream:
        assert numbers == list(range(sent))


def grown(client: Numbered, count: int = 60) -> None:
    """Wait until the client got so many more answers."""
    goal = len(client.answers) + count
    eventually(lambda: len(client.answers) >= goal or client.failure)
    assert client.failure is None


def moved(client: Numbered, tag: str) -> float:
    """Seconds until answers come from `tag`."""
    begun = time.monotonic()
    eventually(lambda: client.answers[-1].startswith(tag) or client.failure)
    assert client.failure is None
    return time.monotonic() - begun

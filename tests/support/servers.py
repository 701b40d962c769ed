"""Small real servers on threads: echo and friends over every transport the product speaks."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from websockets.sync.server import ServerConnection, serve

Reply = Callable[[bytes], bytes]


def same(data: bytes) -> bytes:
    """Echo."""
    return data


def prefixed(prefix: bytes) -> Reply:
    """Echo with something in front."""
    return lambda data: prefix + data


class _Threaded(socketserver.ThreadingMixIn):
    daemon_threads = True
    allow_reuse_address = True
    block_on_close = False


class _Tcp(_Threaded, socketserver.TCPServer):
    request_queue_size = 128


class _Unix(_Threaded, socketserver.UnixStreamServer):
    request_queue_size = 128


class _Udp(_Threaded, socketserver.UDPServer):
    max_packet_size = 65536


@contextlib.contextmanager
def _running(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def _stream(reply: Reply, accepted: list[Any]) -> type[socketserver.BaseRequestHandler]:
    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            accepted.append(self.client_address)
            with contextlib.suppress(OSError):
                while data := self.request.recv(65536):
                    self.request.sendall(reply(data))

    return Handler


@contextlib.contextmanager
def tcp_server(reply: Reply = same, port: int = 0) -> Iterator[tuple[int, list[Any]]]:
    """Answers every read; yields the port and the list of clients accepted so far."""
    accepted: list[Any] = []
    server = _Tcp(("127.0.0.1", port), _stream(reply, accepted))
    with _running(server):
        yield server.server_address[1], accepted


@contextlib.contextmanager
def unix_server(path: Path, reply: Reply = same) -> Iterator[list[Any]]:
    """Answers every read; yields the list of clients accepted so far."""
    accepted: list[Any] = []
    with _running(_Unix(str(path), _stream(reply, accepted))):
        yield accepted


@contextlib.contextmanager
def udp_server(reply: Reply = same, port: int = 0) -> Iterator[tuple[int, list[tuple[bytes, Any]]]]:
    """Answers every datagram; yields the port and what has arrived so far (data, peer)."""
    seen: list[tuple[bytes, Any]] = []

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            data, sock = self.request
            seen.append((data, self.client_address))
            sock.sendto(reply(data), self.client_address)

    # One thread: datagrams are answered in the order in which they came.
    server = socketserver.UDPServer(("127.0.0.1", port), Handler)
    server.max_packet_size = 65536
    with _running(server):
        yield server.server_address[1], seen


@contextlib.contextmanager
def websocket_server(
    reply: Callable[[str | bytes], str | bytes] = lambda message: message,
    subprotocols: list[str] | None = None,
) -> Iterator[tuple[int, list[ServerConnection]]]:
    """Answers every message, text as text; yields the port and the connections so far."""
    connections: list[ServerConnection] = []

    def handler(connection: ServerConnection) -> None:
        connections.append(connection)
        for message in connection:
            connection.send(reply(message))

    with serve(handler, "127.0.0.1", 0, subprotocols=subprotocols, compression=None) as server:  # type: ignore[arg-type]
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.socket.getsockname()[1], connections
        server.shutdown()
        thread.join(5)


class Request:
    """What an HTTP backend saw."""

    def __init__(self, method: str, path: str, headers: dict[str, str], body: bytes) -> None:
        self.method = method
        self.path = path
        self.headers = headers
        self.body = body


@contextlib.contextmanager
def http_server(
    reply: Callable[[Request], tuple[int, dict[str, str], bytes]] | None = None, port: int = 0
) -> Iterator[tuple[int, list[Request]]]:
    """HTTP/1.1 with keep-alive; echoes bodies by default; yields the port and the requests so far."""
    seen: list[Request] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def answer(self) -> None:
            request = Request(
                self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, self._body()
            )
            seen.append(request)
            status, fields, body = (200, {}, request.body) if reply is None else reply(request)
            self.send_response(status)
            for name, value in fields.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = do_OPTIONS = answer  # noqa: N815

        def _body(self) -> bytes:
            if "chunked" in self.headers.get("transfer-encoding", ""):
                body = b""
                while size := int(self.rfile.readline().split(b";")[0], 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                while self.rfile.readline().strip():
                    pass
                return body
            return self.rfile.read(int(self.headers.get("content-length", 0)))

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    server.block_on_close = False
    with _running(server):
        yield server.server_address[1], seen


def closed_port() -> int:
    """A TCP port that refuses connections."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port

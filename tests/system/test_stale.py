"""Upstream connections that the server closes in the moment in which they are used again."""

from __future__ import annotations

import contextlib
import socketserver
import threading
from collections.abc import Iterator

from support import net
from support.http_wire import Client, read
from support.mesh import Mesh
from support.shape import cluster, listener


@contextlib.contextmanager
def forgetful_server() -> Iterator[tuple[int, list[str]]]:
    """Answers the first request of every connection, and hangs up when it reads the second."""
    seen: list[str] = []

    class Handler(socketserver.StreamRequestHandler):
        timeout = net.DEADLINE

        def handle(self) -> None:
            with contextlib.suppress(OSError):
                for answer in (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi", b""):
                    message = read(self.rfile)
                    if message is None:
                        return
                    seen.append(message.start.split()[0] + message.body.decode())
                    self.wfile.write(answer)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield server.server_address[1], seen
        finally:
            server.shutdown()
            thread.join(net.DEADLINE)


def test_idempotent_requests_are_said_again_without_a_policy_and_others_are_not() -> None:
    with forgetful_server() as (up, seen):
        config = {"listeners": [listener("http", "HTTP", "up")], "clusters": [cluster("up", "HTTP", up)]}
        with Mesh(config) as mesh, Client(mesh.port("http")) as client:
            get = b"GET / HTTP/1.1\r\nhost: h\r\n\r\n"
            put = b"PUT / HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\n\r\nab"
            assert client.ask(get).status == 200
            assert client.ask(get).status == 200
            assert client.ask(put).body == b"hi"
            assert client.ask(put.replace(b"PUT", b"POST")).status == 502
    assert seen == ["GET", "GET", "GET", "PUTab", "PUTab", "POSTab"]

"""Keep-alive connections of a listener that goes away."""

from __future__ import annotations

import signal
import threading

from support import net
from support.http_wire import Client
from support.mesh import Mesh
from support.servers import Request, http_server
from support.shape import builtin, cluster, listener

GET = b"GET / HTTP/1.1\r\nhost: h\r\n\r\n"


def test_sigterm_closes_idle_connections_and_tells_busy_ones() -> None:
    goes_on = threading.Event()

    def late(request: Request) -> tuple[int, dict[str, str], bytes]:
        if request.path == "/late":
            goes_on.wait(net.DEADLINE)
        return 200, {}, b"here"

    with http_server(late) as (up, seen):
        config = {"listeners": [listener("http", "HTTP", "up")], "clusters": [cluster("up", "HTTP", up)]}
        with Mesh(config, "--drain-time", "20") as mesh:
            port = mesh.port("http")
            with Client(port) as idle, Client(port) as busy:
                assert idle.ask(GET).get("connection") is None
                busy.sock.sendall(GET.replace(b"/ ", b"/late ", 1))
                net.eventually(lambda: len(seen) == 2)
                mesh.signal(signal.SIGTERM)
                assert idle.sock.recv(1) == b""
                goes_on.set()
                answer = busy.ask(b"")
                assert (answer.status, answer.get("connection")) == (200, "close")
                assert busy.sock.recv(1) == b""
            net.eventually(lambda: not mesh.is_alive)


def test_connections_of_a_deleted_listener_are_closed() -> None:
    config = {
        "listeners": [listener("http", "HTTP", "answer")],
        "clusters": [builtin("answer", "DirectResponse", body="hi")],
    }
    with Mesh(config) as mesh, Client(mesh.port("http")) as client:
        assert client.ask(GET).status == 200
        mesh.call("DELETE", "listeners/http?recursive=true")
        assert client.sock.recv(1) == b""

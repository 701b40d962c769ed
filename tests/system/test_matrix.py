"""Anything pipes to anything: every listener protocol with every cluster protocol, over real sockets."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from support import net
from support.mesh import Mesh
from support.servers import http_server, tcp_server, udp_server, unix_server, websocket_server
from websockets.sync.client import connect

PROTOCOLS = ("UDP", "TCP", "WebSocket", "UnixDomainSocket", "HTTP")


class Rig:
    """One process with a listener for every pair, and one echo server per protocol."""

    def __init__(self, mesh: Mesh, folder: Path) -> None:
        self.mesh = mesh
        self._folder = folder

    def ask(self, listener: str, cluster: str, message: bytes) -> bytes:
        """Send `message` as a client of `listener` would; what comes back."""
        name = f"{listener}-{cluster}"
        asking: dict[str, Callable[[str, bytes], bytes]] = {
            "UDP": self._udp,
            "TCP": self._tcp,
            "WebSocket": self._websocket,
            "UnixDomainSocket": self._unix,
            "HTTP": self._http,
        }
        return asking[listener](name, message)

    def _udp(self, name: str, message: bytes) -> bytes:
        with net.udp(self.mesh.port(name)) as sock:
            return net.ask(sock, message)

    def _tcp(self, name: str, message: bytes) -> bytes:
        with net.tcp(self.mesh.port(name)) as sock:
            return self._stream(sock, message)

    def _unix(self, name: str, message: bytes) -> bytes:
        with net.unix(str(self._folder / f"{name}.sock")) as sock:
            return self._stream(sock, message)

    def _stream(self, sock: socket.socket, message: bytes) -> bytes:
        sock.sendall(message)
        sock.shutdown(socket.SHUT_WR)
        return net.read_exactly(sock, len(message))

    def _websocket(self, name: str, message: bytes) -> bytes:
        with connect(f"ws://127.0.0.1:{self.mesh.port(name)}/", compression=None) as client:
            client.send(message)
            answer = client.recv(net.DEADLINE)
            return answer.encode() if isinstance(answer, str) else answer

    def _http(self, name: str, message: bytes) -> bytes:
        client = http.client.HTTPConnection("127.0.0.1", self.mesh.port(name), timeout=net.DEADLINE)
        client.request("POST", "/", message)
        response = client.getresponse()
        body = response.read()
        client.close()
        assert response.status == 200, (response.status, body)
        return body


@pytest.fixture(scope="module", params=["uvloop", "asyncio"])
def rig(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    folder = tmp_path_factory.mktemp("m")
    with ExitStack() as stack:
        echo: dict[str, Any] = {
            "UDP": stack.enter_context(udp_server())[0],
            "TCP": stack.enter_context(tcp_server())[0],
            "WebSocket": stack.enter_context(websocket_server())[0],
            "HTTP": stack.enter_context(http_server())[0],
        }
        stack.enter_context(unix_server(folder / "echo"))
        mesh = stack.enter_context(Mesh(_config(folder, echo), "--loop", request.param))
        yield Rig(mesh, folder)


def _config(folder: Path, echo: dict[str, Any]) -> dict[str, Any]:
    def listener(one: str, other: str) -> dict[str, Any]:
        name = f"{one}-{other}"
        place = {"port": 0, "address": "127.0.0.1"}
        if one == "UnixDomainSocket":
            place = {"filename": str(folder / f"{name}.sock")}
        route = {"destination": other}
        return {"name": name, "spec": {"protocol": one, **place}, "rules": [{"action": {"route": route}}]}

    def cluster(protocol: str) -> dict[str, Any]:
        if protocol == "UnixDomainSocket":
            return {
                "name": protocol,
                "spec": {"protocol": protocol},
                "endpoints": [{"spec": {"address": str(folder / "echo")}}],
            }
        return {
            "name": protocol,
            "spec": {"protocol": protocol, "port": echo[protocol]},
            "endpoints": [{"spec": {"address": "127.0.0.1"}}],
        }

    return {
        "listeners": [listener(one, other) for one in PROTOCOLS for other in PROTOCOLS],
        "clusters": [cluster(protocol) for protocol in PROTOCOLS],
    }


@pytest.mark.parametrize("cluster", PROTOCOLS)
@pytest.mark.parametrize("listener", PROTOCOLS)
def test_every_listener_pipes_to_every_cluster(rig: Rig, listener: str, cluster: str) -> None:
    assert rig.ask(listener, cluster, b"round trip") == b"round trip"

"""Mixed traffic, re-routes and nonsense for minutes: nothing lost, nothing leaked (`make soak`)."""

from __future__ import annotations

import http.client
import os
import random
import socket
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Any

import pytest
from support import net
from support.mesh import ApiError, Mesh
from support.servers import http_server, tcp_server, udp_server, websocket_server
from websockets.sync.client import connect

SECONDS = float(os.environ.get("L7MP_SOAK_SECONDS", "60")) * 0.4
GROWTH = 12 << 20
"""Bytes of resident memory that allocator noise may take."""


class Traffic:
    """Loops on threads until the time is over; what goes wrong is kept."""

    def __init__(self, mesh: Mesh) -> None:
        self.mesh = mesh
        self.until = time.monotonic() + SECONDS
        self.rounds: dict[str, int] = {}
        self.wrong: list[str] = []
        self._threads: list[threading.Thread] = []

    def start(self, work: Callable[[random.Random], None], count: int = 1) -> None:
        for number in range(count):
            thread = threading.Thread(target=self._loop, args=(work, number), daemon=True)
            thread.start()
            self._threads.append(thread)

    def join(self) -> None:
        for thread in self._threads:
            thread.join(SECONDS + 60)

    def _loop(self, work: Callable[[random.Random], None], number: int) -> None:
        dice = random.Random(number)
        while time.monotonic() < self.until and len(self.wrong) < 10:
            try:
                work(dice)
                self.rounds[work.__name__] = self.rounds.get(work.__name__, 0) + 1
            except (OSError, AssertionError, http.client.HTTPException) as error:
                self.wrong.append(f"{work.__name__}: {type(error).__name__}: {error}")

    def tcp(self, dice: random.Random) -> None:
        body = dice.randbytes(dice.randrange(1, 200_000))
        with net.tcp(self.mesh.port("tcp")) as sock:
            writer = threading.Thread(target=sock.sendall, args=(body,))
            writer.start()
            assert net.read_exactly(sock, len(body)) == body
            writer.join(net.DEADLINE)

    def udp(self, dice: random.Random) -> None:
        with net.udp(self.mesh.port("udp")) as sock:
            for _ in range(20):
                message = dice.randbytes(dice.randrange(1, 1400))
                assert net.ask(sock, message) == message

    def websocket(self, dice: random.Random) -> None:
        with connect(f"ws://127.0.0.1:{self.mesh.port('ws')}/", compression=None) as client:
            for _ in range(20):
                message = dice.randbytes(dice.randrange(1, 5000)).hex()
                client.send(message)
                assert client.recv(net.DEADLINE) == message

    def http(self, dice: random.Random) -> None:
        client = http.client.HTTPConnection("127.0.0.1", self.mesh.port("http"), timeout=net.DEADLINE)
        for _ in range(20):
            body = dice.randbytes(dice.randrange(0, 20_000))
            client.request("POST", "/x", body)
            assert client.getresponse().read() == body
        client.close()

    def nonsense(self, dice: random.Random) -> None:
        with net.tcp(self.mesh.port(dice.choice(["http", "ws"]))) as sock, suppress(OSError):
            sock.sendall(dice.randbytes(dice.randrange(1, 2000)))
            if dice.random() < 0.5:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    def reroute(self, dice: random.Random) -> None:
        name, clusters = dice.choice([("udp-route", ("udp", "udp2")), ("tcp-route", ("tcp", "tcp2"))])
        self.mesh.call(
            "PUT", f"routes/{name}", {"route": {"name": name, "destination": dice.choice(clusters)}}
        )
        time.sleep(0.2)

    def churn(self, dice: random.Random) -> None:
        number = dice.randrange(20)
        listener = {
            "name": f"churn{number}",
            "spec": {"protocol": "UDP", "port": 0, "address": "127.0.0.1"},
            "rules": [{"action": {"route": {"destination": {"spec": {"protocol": "Echo"}}}}}],
        }
        with suppress(ApiError):
            self.mesh.call("POST", "listeners", {"listener": listener})
        with suppress(ApiError):
            self.mesh.call("DELETE", f"listeners/churn{dice.randrange(20)}?recursive=true")
        with suppress(ApiError):
            self.mesh.call("GET", "sessions")


def descriptors(pid: int) -> int:
    """Open file descriptors of a process."""
    return len(os.listdir(f"/proc/{pid}/fd"))


PROTOCOLS = {"tcp": "TCP", "udp": "UDP", "ws": "WebSocket", "http": "HTTP"}


def spec(protocol: str) -> dict[str, Any]:
    """A listener on a free port; flows that are over are forgotten soon."""
    place: dict[str, Any] = {"protocol": protocol, "port": 0, "address": "127.0.0.1"}
    return {**place, "idle_timeout": 2} if protocol == "UDP" else place


def config(ports: dict[str, int]) -> dict[str, Any]:
    """A listener and a route per protocol; a second cluster where sessions are moved."""
    return {
        "listeners": [
            {
                "name": name,
                "spec": spec(protocol),
                "rules": [{"action": {"route": f"{name}-route"}}],
            }
            for name, protocol in PROTOCOLS.items()
        ],
        "routes": [{"name": f"{name}-route", "destination": name} for name in PROTOCOLS],
        "clusters": [
            {
                "name": name,
                "spec": {"protocol": PROTOCOLS[name.rstrip("2")], "port": port},
                "endpoints": [{"name": f"{name}-endpoint", "spec": {"address": "127.0.0.1"}}],
            }
            for name, port in ports.items()
        ],
    }


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_minutes_of_mixed_traffic_lose_and_leak_nothing() -> None:
    with ExitStack() as stack:
        ports = {
            "tcp": stack.enter_context(tcp_server())[0],
            "tcp2": stack.enter_context(tcp_server())[0],
            "udp": stack.enter_context(udp_server())[0],
            "udp2": stack.enter_context(udp_server())[0],
            "ws": stack.enter_context(websocket_server())[0],
            "http": stack.enter_context(http_server())[0],
        }
        mesh = stack.enter_context(Mesh(config(ports)))
        before = descriptors(mesh.pid)
        traffic = Traffic(mesh)
        for work in (traffic.tcp, traffic.udp, traffic.websocket, traffic.http):
            traffic.start(work, 2)
        for work in (traffic.nonsense, traffic.reroute, traffic.churn):
            traffic.start(work)
        time.sleep(SECONDS / 4)
        warm = mesh.rss()
        traffic.join()
        assert not traffic.wrong
        assert mesh.is_alive
        assert mesh.rss() - warm < GROWTH, traffic.rounds
        net.eventually(lambda: descriptors(mesh.pid) <= before + 40, 90.0, every=0.5)
        assert "Traceback" not in mesh.log

"""A slow reader behind a sender at full speed: the proxy's memory stays where it was.

For every stream protocol with itself, in both directions. `make soak` takes 10 s, and mixed pairs.
"""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from support import net
from support.mesh import Mesh
from support.wire import Wire, client_wire, server_wire

PROTOCOLS = ("TCP", "UnixDomainSocket", "WebSocket", "HTTP")
MIXED = (("TCP", "WebSocket"), ("WebSocket", "TCP"), ("TCP", "HTTP"), ("HTTP", "TCP"))
SPEED = 1_000_000
"""Bytes per second that the reader takes."""
GROWTH = 8 << 20
"""Bytes by which the proxy may grow meanwhile."""
BLOCK = 64 * 1024


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The process, the sockets of its upstreams, and where its listeners are."""
    folder = tmp_path_factory.mktemp("b")
    with ExitStack() as stack:
        servers: dict[str, socket.socket] = {}
        clusters, listeners = [], []
        for protocol in PROTOCOLS:
            if protocol == "UnixDomainSocket":
                server = stack.enter_context(socket.socket(socket.AF_UNIX))
                server.bind(str(folder / "up"))
                server.listen()
                spec: dict[str, Any] = {"protocol": protocol}
                address, at = str(folder / "up"), {"filename": str(folder / "down")}
            else:
                server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
                spec = {"protocol": protocol, "port": server.getsockname()[1]}
                address, at = "127.0.0.1", {"port": 0, "address": "127.0.0.1"}
            server.settimeout(net.DEADLINE)
            servers[protocol] = server
            clusters.append({"name": protocol, "spec": spec, "endpoints": [{"spec": {"address": address}}]})
            towards = [protocol, *(other for one, other in MIXED if one == protocol)]
            listeners += [
                {
                    "name": f"{protocol}-{other}",
                    "spec": {"protocol": protocol, **at},
                    "rules": [{"action": {"route": {"destination": other}}}],
                }
                for other in towards
            ]
        mesh = stack.enter_context(Mesh({"listeners": listeners, "clusters": clusters}, "--drain-time", "0"))
        yield {"mesh": mesh, "servers": servers, "folder": folder}


def _connected(place: dict[str, Any], protocol: str, other: str) -> tuple[Wire, Wire]:
    """Both ends of one session: the client's and the upstream's."""
    mesh: Mesh = place["mesh"]
    if protocol == "UnixDomainSocket":
        client = net.unix(str(place["folder"] / "down"))
    else:
        client = net.tcp(mesh.port(f"{protocol}-{other}"))
    down = client_wire(protocol, client)
    upstream, _ = place["servers"][other].accept()
    upstream.settimeout(net.DEADLINE)
    up = server_wire(other, upstream)
    down.ready()
    return down, up


def _blast(wire: Wire, stop: threading.Event, sent: list[int]) -> None:
    """Send as fast as anybody takes it."""
    block = wire.framed(b"x" * BLOCK)
    with contextlib.suppress(OSError):
        while not stop.is_set():
            _, writable, _ = select.select([], [wire.sock], [], 0.05)
            if writable:
                sent[0] += (
                    wire.sock.send(block, socket.MSG_DONTWAIT)
                    if wire.is_divisible
                    else _whole(wire, block, stop)
                )


def _whole(wire: Wire, block: bytes, stop: threading.Event) -> int:
    """A frame must not be cut, or the other end sees nonsense."""
    view = memoryview(block)
    while view and not stop.is_set():
        _, writable, _ = select.select([], [wire.sock], [], 0.05)
        if writable:
            view = view[wire.sock.send(view, socket.MSG_DONTWAIT) :]
    return len(block) - len(view)


def _sip(wire: Wire, seconds: float, watch: Callable[[], int]) -> tuple[int, int]:
    """Read at SPEED for so long: bytes read, and the largest value of `watch()`."""
    begun = time.monotonic()
    taken = most = 0
    while (now := time.monotonic() - begun) < seconds:
        if taken <= now * SPEED:
            taken += len(wire.sock.recv(BLOCK))
        else:
            time.sleep(0.01)
        most = max(most, watch())
    return taken, most


def _growth(
    place: dict[str, Any], pair: tuple[str, str], direction: str, seconds: float
) -> tuple[int, int, int]:
    mesh: Mesh = place["mesh"]
    down, up = _connected(place, *pair)
    writer, reader = (down, up) if direction == "upload" else (up, down)
    writer.begin()
    stop, sent = threading.Event(), [0]
    before = mesh.rss()
    thread = threading.Thread(target=_blast, args=(writer, stop, sent), daemon=True)
    thread.start()
    try:
        taken, most = _sip(reader, seconds, mesh.rss)
    finally:
        stop.set()
        thread.join(5)
        down.sock.close()
        up.sock.close()
    assert mesh.is_alive
    return sent[0], taken, most - before


def _check(place: dict[str, Any], pair: tuple[str, str], direction: str, seconds: float) -> None:
    sent, taken, growth = _growth(place, pair, direction, seconds)
    assert taken > 0.5 * SPEED * seconds, "the flow has stalled"
    assert sent > taken, "the sender was not ahead of the reader"
    assert growth < GROWTH, (
        f"{growth / 1e6:.1f} MB more after {sent / 1e6:.1f} MB sent, {taken / 1e6:.1f} read"
    )


@pytest.mark.parametrize("direction", ["upload", "download"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_slow_reader_costs_no_memory(place: dict[str, Any], protocol: str, direction: str) -> None:
    _check(place, (protocol, protocol), direction, 2.0)


@pytest.mark.soak
@pytest.mark.parametrize("direction", ["upload", "download"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_slow_reader_costs_no_memory_for_long(place: dict[str, Any], protocol: str, direction: str) -> None:
    _check(place, (protocol, protocol), direction, 10.0)


@pytest.mark.soak
@pytest.mark.parametrize("direction", ["upload", "download"])
@pytest.mark.parametrize("pair", MIXED, ids="-".join)
def test_a_slow_reader_of_another_protocol_costs_no_memory(
    place: dict[str, Any], pair: tuple[str, str], direction: str
) -> None:
    _check(place, pair, direction, 5.0)


def test_cancelled_sessions_are_gone(place: dict[str, Any]) -> None:
    mesh: Mesh = place["mesh"]
    net.eventually(lambda: len(mesh.call("GET", "sessions")) == 1)

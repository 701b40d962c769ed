"""Retries, time-outs, reconnection and the loss of endpoints, over real sockets."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from support import net
from support.mesh import Mesh, segment
from support.servers import closed_port, prefixed, tcp_server, udp_server, websocket_server

ALWAYS = {"retry_on": "always", "num_retries": 3, "timeout": 300}


@contextmanager
def one_answer_server(farewell: str) -> Iterator[tuple[int, list[bytes]]]:
    """Answers one read per connection with its number, and says goodbye by FIN or RST."""
    seen: list[bytes] = []
    server = socket.create_server(("127.0.0.1", 0))

    def answer(client: socket.socket) -> None:
        with client:
            seen.append(client.recv(65536))
            client.sendall(b"%d" % len(seen))
            if farewell == "RST":
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = server.accept()
                threading.Thread(target=answer, args=(client,), daemon=True).start()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield server.getsockname()[1], seen
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join(5)


@contextmanager
def blackhole() -> Iterator[int]:
    """A port where nobody says anything: its queue of connections is full."""
    with ExitStack() as stack:
        server = stack.enter_context(socket.socket())
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for _ in range(4):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(server.getsockname())
        yield server.getsockname()[1]


def _cluster(name: str, protocol: str, *ports: int) -> dict[str, Any]:
    return {
        "name": name,
        "spec": {"protocol": protocol, "port": ports[0]},
        "endpoints": [
            {"name": f"{name}-{number}", "spec": {"address": "127.0.0.1", "port": port}}
            for number, port in enumerate(ports, 1)
        ],
    }


def _listener(name: str, protocol: str, cluster: str, retry: dict[str, Any] | None) -> dict[str, Any]:
    route: dict[str, Any] = {"name": f"{name}-route", "destination": cluster}
    if retry is not None:
        route["retry"] = retry
    return {
        "name": name,
        "spec": {"protocol": protocol, "port": 0, "address": "127.0.0.1"},
        "options": {"track": 60},
        "rules": [{"action": {"route": route}}],
    }


class Upstreams:
    """What the one process of this module talks to."""

    def __init__(self, stack: ExitStack) -> None:
        self.fin_port, self.fin = stack.enter_context(one_answer_server("FIN"))
        self.rst_port, self.rst = stack.enter_context(one_answer_server("RST"))
        self.udp_port = net.free_port(socket.SOCK_DGRAM)
        self.two = [stack.enter_context(tcp_server(prefixed(tag)))[0] for tag in (b"1:", b"2:")]
        self.two_udp = [stack.enter_context(udp_server(prefixed(tag)))[0] for tag in (b"1:", b"2:")]
        self.websocket, self.websockets = stack.enter_context(websocket_server())
        self.blackhole = stack.enter_context(blackhole())


@pytest.fixture(scope="module")
def upstreams() -> Iterator[Upstreams]:
    with ExitStack() as stack:
        yield Upstreams(stack)


@pytest.fixture(scope="module")
def mesh(upstreams: Upstreams) -> Iterator[Mesh]:
    refused = closed_port()
    quick = {"num_retries": 3, "timeout": 200}
    clusters = [
        _cluster("refused", "TCP", refused),
        _cluster("half-refused", "TCP", refused, upstreams.two[0]),
        _cluster("blackhole", "TCP", upstreams.blackhole),
        _cluster("fin", "TCP", upstreams.fin_port),
        _cluster("rst", "TCP", upstreams.rst_port),
        _cluster("late-udp", "UDP", upstreams.udp_port),
        _cluster("two", "TCP", *upstreams.two),
        _cluster("two-udp", "UDP", *upstreams.two_udp),
        _cluster("one", "TCP", upstreams.two[0]),
        _cluster("websocket", "WebSocket", upstreams.websocket),
    ]
    listeners = [
        _listener("always", "HTTP", "refused", {"retry_on": "always", **quick}),
        _listener("connect-failure", "HTTP", "refused", {"retry_on": "connect-failure", **quick}),
        _listener("disconnect", "HTTP", "refused", {"retry_on": "disconnect", **quick}),
        _listener("never", "HTTP", "refused", {"retry_on": "never", **quick}),
        _listener("default", "HTTP", "refused", None),
        _listener("always-tcp", "TCP", "refused", {"retry_on": "always", **quick}),
        _listener("next-endpoint", "TCP", "half-refused", ALWAYS),
        _listener("slow", "HTTP", "blackhole", {"retry_on": "never", "timeout": 300}),
        _listener(
            "slow-retried", "HTTP", "blackhole", {"retry_on": "always", "num_retries": 1, "timeout": 200}
        ),
        _listener("missing", "HTTP", "to-come", {"retry_on": "always", "num_retries": 10, "timeout": 200}),
        _listener("fin-udp", "UDP", "fin", ALWAYS),
        _listener("rst-udp", "UDP", "rst", ALWAYS),
        _listener("fin-udp-never", "UDP", "fin", {"retry_on": "never"}),
        _listener("fin-tcp", "TCP", "fin", {"retry_on": "never"}),
        _listener("late", "UDP", "late-udp", ALWAYS),
        _listener("two-tcp", "TCP", "two", ALWAYS),
        _listener("two-from-udp", "UDP", "two-udp", ALWAYS),
        _listener("one-never", "TCP", "one", {"retry_on": "never"}),
        _listener("to-websocket", "UDP", "websocket", ALWAYS),
    ]
    config = {"listeners": listeners, "clusters": clusters}
    with Mesh(config, "--drain-time", "0") as mesh:
        yield mesh


def _get(mesh: Mesh, listener: str) -> tuple[float, int, dict[str, Any]]:
    client = http.client.HTTPConnection("127.0.0.1", mesh.port(listener), timeout=net.DEADLINE)
    begun = time.monotonic()
    client.request("GET", "/")
    response = client.getresponse()
    body = response.read()
    client.close()
    return time.monotonic() - begun, response.status, json.loads(body)


def _events(mesh: Mesh, listener: str) -> list[str]:
    return [event["event"] for event in mesh.sessions(listener)[-1]["events"]]


@pytest.mark.parametrize("listener", ["always", "connect-failure"])
def test_a_refused_connection_is_tried_four_times_with_pauses(mesh: Mesh, listener: str) -> None:
    seconds, status, body = _get(mesh, listener)
    assert status == 404
    assert body["status"] == 404
    assert body["content"].startswith('Pipeline setup failed for session "HTTP:127.0.0.1:')
    assert seconds == pytest.approx(0.6, abs=0.2)


@pytest.mark.parametrize("listener", ["disconnect", "never", "default"])
def test_a_refused_connection_is_reported_at_once_without_such_a_retry(mesh: Mesh, listener: str) -> None:
    seconds, status, _ = _get(mesh, listener)
    assert status == 404
    assert seconds < 0.15


def test_a_tcp_client_sees_its_connection_closed_after_the_retries(mesh: Mesh) -> None:
    begun = time.monotonic()
    with net.tcp(mesh.port("always-tcp")) as client:
        assert client.recv(1) == b""
    assert time.monotonic() - begun == pytest.approx(0.6, abs=0.2)
    assert _events(mesh, "always-tcp") == ["INIT", "LOOKUP SUCCESS", "ERROR", "DESTROY"]


def test_a_retry_goes_to_another_endpoint(mesh: Mesh) -> None:
    with net.tcp(mesh.port("next-endpoint")) as client:
        assert net.ask(client, b"x") == b"1:x"


def test_an_upstream_that_never_answers_costs_one_time_out(mesh: Mesh) -> None:
    seconds, status, body = _get(mesh, "slow")
    assert status == 404
    assert "Connection timed out" in body["content"]
    assert seconds == pytest.approx(0.3, abs=0.2)


def test_the_time_out_is_deadline_of_an_attempt_and_pause_between_two(mesh: Mesh) -> None:
    seconds, status, _ = _get(mesh, "slow-retried")
    assert status == 404
    assert seconds == pytest.approx(0.6, abs=0.2)


def test_a_cluster_that_is_missing_is_waited_for(mesh: Mesh) -> None:
    client = http.client.HTTPConnection("127.0.0.1", mesh.port("missing"), timeout=net.DEADLINE)
    client.request("POST", "/", b"x")
    net.eventually(lambda: mesh.sessions("missing"))
    mesh.call("POST", "clusters", {"cluster": {"name": "to-come", "spec": {"protocol": "Echo"}}})
    response = client.getresponse()
    assert (response.status, response.read()) == (200, b"x")
    client.close()


@pytest.mark.parametrize("listener", ["fin-udp", "rst-udp"])
def test_a_lost_upstream_is_connected_again_for_the_next_datagram(mesh: Mesh, listener: str) -> None:
    with net.udp(mesh.port(listener)) as client:
        first = int(net.ask(client, b"one"))
        net.eventually(lambda: _events(mesh, listener)[3:] == ["DISCONNECT", "CONNECT"])
        name = mesh.sessions(listener)[-1]["name"]
        assert int(net.ask(client, b"two")) == first + 1
        net.eventually(lambda: _events(mesh, listener)[5:] == ["DISCONNECT", "CONNECT"])
    (session,) = mesh.sessions(listener)
    assert (session["name"], session["status"]) == (name, "CONNECTED")
    assert _events(mesh, listener)[:3] == ["INIT", "LOOKUP SUCCESS", "CONNECT"]


def test_without_a_retry_the_next_datagram_makes_a_new_session(mesh: Mesh) -> None:
    with net.udp(mesh.port("fin-udp-never")) as client:
        first = int(net.ask(client, b"one"))
        net.eventually(lambda: mesh.sessions("fin-udp-never")[-1]["status"] == "DESTROYED")
        assert int(net.ask(client, b"two")) == first + 1
    one, other = mesh.sessions("fin-udp-never")
    assert one["name"] != other["name"]


def test_a_fin_is_passed_on_where_nothing_is_retried(mesh: Mesh) -> None:
    with net.tcp(mesh.port("fin-tcp")) as client:
        assert net.ask(client, b"one").isdigit()
        assert client.recv(1) == b""


def test_a_udp_upstream_that_was_down_answers_once_it_is_up(mesh: Mesh, upstreams: Upstreams) -> None:
    with net.udp(mesh.port("late")) as client:
        client.send(b"lost")
        net.eventually(lambda: "DISCONNECT" in _events(mesh, "late"))
        net.eventually(lambda: _events(mesh, "late")[-1] == "CONNECT")
        with udp_server(port=upstreams.udp_port):
            assert net.ask(client, b"found") == b"found"
    assert len(mesh.sessions("late")) == 1


def test_a_websocket_upstream_that_says_goodbye_is_connected_again(mesh: Mesh, upstreams: Upstreams) -> None:
    with net.udp(mesh.port("to-websocket")) as client:
        assert net.ask(client, b"one") == b"one"
        upstreams.websockets[-1].close(1001)
        net.eventually(lambda: _events(mesh, "to-websocket")[3:] == ["DISCONNECT", "CONNECT"])
        assert net.ask(client, b"two") == b"two"
    assert len(upstreams.websockets) == 2


def test_a_deleted_endpoint_moves_its_sessions_to_another_one(mesh: Mesh) -> None:
    with net.tcp(mesh.port("two-tcp")) as client:
        assert net.ask(client, b"x") == b"1:x"
        name = mesh.sessions("two-tcp")[-1]["name"]
        begun = time.monotonic()
        mesh.call("DELETE", "endpoints/two-1?recursive=true")
        assert net.ask(client, b"y") == b"2:y"
        assert time.monotonic() - begun < 1
        session = mesh.call("GET", f"sessions/{segment(name)}")
    assert session["status"] == "CONNECTED"
    assert session["destination"]["endpoint"]["name"] == "two-2"
    assert [event["event"] for event in session["events"]][3:] == ["DISCONNECT", "CONNECT"]


def test_a_deleted_endpoint_moves_udp_sessions_too(mesh: Mesh) -> None:
    with net.udp(mesh.port("two-from-udp")) as client:
        assert net.ask(client, b"x") == b"1:x"
        mesh.call("DELETE", "endpoints/two-udp-1?recursive=true")
        assert net.ask(client, b"y") == b"2:y"
    assert len(mesh.sessions("two-from-udp")) == 1


def test_a_deleted_endpoint_ends_sessions_that_may_not_retry(mesh: Mesh) -> None:
    with net.tcp(mesh.port("one-never")) as client:
        assert net.ask(client, b"x") == b"1:x"
        mesh.call("DELETE", "endpoints/one-1?recursive=true")
        assert client.recv(1) == b""
    net.eventually(lambda: mesh.sessions("one-never")[-1]["status"] == "DESTROYED")
    assert _events(mesh, "one-never")[-3:] == ["ERROR", "END", "DESTROY"]


def test_an_endpoint_that_is_deleted_plainly_keeps_its_sessions(mesh: Mesh) -> None:
    with net.tcp(mesh.port("two-tcp")) as client:
        assert net.ask(client, b"x") == b"2:x"
        mesh.call("DELETE", "endpoints/two-2")
        assert net.ask(client, b"y") == b"2:y"

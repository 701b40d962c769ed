"""Live re-routing over real sockets: make before break, the client's connection kept, nothing lost."""

from __future__ import annotations

import contextlib
import http.client
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml
from support import net
from support.mesh import ApiError, Mesh, segment
from support.numbered import Datagrams, Lines, Link, Messages, Numbered, check, grown, line_server, moved
from support.servers import (
    Request,
    closed_port,
    http_server,
    prefixed,
    tcp_server,
    udp_server,
    websocket_server,
)

PAIRS = [
    ("UDP", "udp-A", "udp-B"),
    ("UDP", "websocket-A", "websocket-B"),
    ("UDP", "udp-A", "websocket-B"),
    ("UDP", "http-A", "udp-B"),
    ("WebSocket", "websocket-A", "websocket-B"),
    ("TCP", "line-A", "line-B"),
    ("UnixDomainSocket", "line-A", "line-B"),
]
"""Protocol of the listener; where its sessions go at first, and where they are moved."""
NAMES = ["-".join(pair) for pair in PAIRS]


class Bench:
    """One process with a listener per pair, and two upstreams of each protocol."""

    def __init__(self, mesh: Mesh, folder: Path) -> None:
        self.mesh = mesh
        self._folder = folder
        self.gate = threading.Event()

    def link(self, name: str, protocol: str = "TCP") -> Link:
        """A client of that listener."""
        if protocol == "UDP":
            return Datagrams(self.mesh.port(name))
        if protocol == "WebSocket":
            return Messages(self.mesh.port(name))
        if protocol == "UnixDomainSocket":
            return Lines(net.unix(str(self._folder / name)))
        return Lines(net.tcp(self.mesh.port(name)))

    def put_route(self, name: str, destination: str, **more: Any) -> None:
        """Change the route that a listener's sessions have taken."""
        route = {"name": f"{name}-route", "destination": destination, **more}
        self.mesh.call("PUT", f"routes/{name}-route", {"route": route})

    def session(self, listener: str) -> dict[str, Any]:
        """The newest session of a listener."""
        return self.mesh.sessions(listener)[-1]


def _place(name: str, protocol: str, folder: Path) -> dict[str, Any]:
    if protocol == "UnixDomainSocket":
        return {"filename": str(folder / name)}
    return {"port": 0, "address": "127.0.0.1"}


def _listener(name: str, protocol: str, folder: Path) -> dict[str, Any]:
    return {
        "name": name,
        "spec": {"protocol": protocol, **_place(name, protocol, folder)},
        "rules": [{"action": {"route": f"{name}-route"}}],
    }


def _cluster(name: str, protocol: str, port: int) -> dict[str, Any]:
    return {
        "name": name,
        "spec": {"protocol": protocol, "port": port},
        "endpoints": [{"spec": {"address": "127.0.0.1"}}],
    }


@pytest.fixture(scope="module")
def gate() -> threading.Event:
    """Closed: the slow upstreams keep their answers back."""
    return threading.Event()


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory, gate: threading.Event) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("r")

    def late(data: bytes) -> bytes:
        gate.wait(net.DEADLINE)
        return b"late:" + data

    def late_http(_: Request) -> tuple[int, dict[str, str], bytes]:
        gate.wait(net.DEADLINE)
        return 200, {}, b"old"

    with ExitStack() as stack:
        clusters = [_cluster("refused", "TCP", closed_port())]
        for tag in "AB":
            made = tag.encode()
            port, _ = stack.enter_context(udp_server(prefixed(made)))
            clusters.append(_cluster(f"udp-{tag}", "UDP", port))
            port, _ = stack.enter_context(websocket_server(_tagging(tag)))
            clusters.append(_cluster(f"websocket-{tag}", "WebSocket", port))
            port, _ = stack.enter_context(http_server(_answering(made)))
            clusters.append(_cluster(f"http-{tag}", "HTTP", port))
            clusters.append(_cluster(f"line-{tag}", "TCP", stack.enter_context(line_server(tag))))
        for name, protocol, port in (
            ("stamp-udp", "UDP", stack.enter_context(udp_server(prefixed(b"T:")))[0]),
            ("stamp-tcp", "TCP", stack.enter_context(tcp_server(prefixed(b"T:")))[0]),
            ("late-tcp", "TCP", stack.enter_context(tcp_server(late))[0]),
            ("late-udp", "UDP", stack.enter_context(udp_server(late))[0]),
            ("late-http", "HTTP", stack.enter_context(http_server(late_http))[0]),
        ):
            clusters.append(_cluster(name, protocol, port))
        special = [
            ("moved", "TCP", "line-A"),
            ("kept", "TCP", "line-A"),
            ("chained-udp", "UDP", "udp-A"),
            ("chained-tcp", "TCP", "line-A"),
            ("late-tcp", "TCP", "late-tcp"),
            ("later-tcp", "TCP", "late-tcp"),
            ("late-udp", "UDP", "late-udp"),
            ("late-http", "HTTP", "late-http"),
        ]
        pairs = [(name, pair[0], pair[1]) for name, pair in zip(NAMES, PAIRS, strict=True)]
        listeners = [_listener(name, protocol, folder) for name, protocol, _ in [*pairs, *special]]
        listeners[len(PAIRS) + 1]["options"] = {"on_change": "keep"}
        routes = [{"name": f"{name}-route", "destination": first} for name, _, first in [*pairs, *special]]
        routes += [{"name": f"to-{one['name']}", "destination": one["name"]} for one in clusters]
        config = {"listeners": listeners, "clusters": clusters, "routes": routes}
        mesh = stack.enter_context(Mesh(config, "--drain-time", "0"))
        yield Bench(mesh, folder)


def _tagging(tag: str) -> Any:
    return lambda message: tag + message if isinstance(message, str) else tag.encode() + message


def _answering(tag: bytes) -> Any:
    return lambda request: (200, {}, tag + request.body)


@pytest.mark.parametrize("index", range(len(PAIRS)), ids=NAMES)
def test_a_changed_route_moves_its_sessions_and_nothing_is_lost(bench: Bench, index: int) -> None:
    name, (protocol, first, second) = NAMES[index], PAIRS[index]
    with Numbered(bench.link(name, protocol)) as client:
        grown(client)
        session = bench.session(name)["name"]
        for destination in (second, first, second):
            bench.put_route(name, destination)
            assert moved(client, destination[-1]) < 1
            grown(client)
        answers = client.finish()
        assert bench.session(name)["name"] == session
    bench.put_route(name, first)
    check(answers, client.sent, is_stream=protocol in ("TCP", "UnixDomainSocket"))
    assert {tag for tag, _ in answers} == {"A", "B"}


@pytest.mark.parametrize("index", range(len(PAIRS)), ids=NAMES)
def test_one_session_is_moved_and_nothing_is_lost(bench: Bench, index: int) -> None:
    name, (protocol, first, second) = NAMES[index], PAIRS[index]
    with Numbered(bench.link(name, protocol)) as client:
        grown(client)
        session = segment(bench.session(name)["name"])
        for destination in (second, first, second):
            bench.mesh.call("PUT", f"sessions/{session}", {"session": {"route": f"to-{destination}"}})
            assert moved(client, destination[-1]) < 1
            grown(client)
        answers = client.finish()
        listed = bench.mesh.call("GET", f"sessions/{session}")
        assert listed["route"]["name"] == f"to-{second}"
        assert listed["destination"]["origin"] == second
        assert [event["event"] for event in listed["events"]].count("REROUTE") == 3
    check(answers, client.sent, is_stream=protocol in ("TCP", "UnixDomainSocket"))


def test_a_way_that_can_not_be_connected_leaves_the_session_where_it_is(bench: Bench) -> None:
    with Numbered(bench.link("moved")) as client:
        grown(client)
        session = segment(bench.session("moved")["name"])
        with pytest.raises(ApiError) as caught:
            bench.mesh.call("PUT", f"sessions/{session}", {"session": {"route": "to-refused"}})
        assert caught.value.status == 503
        grown(client)
        bench.put_route("moved", "refused")
        net.eventually(lambda: "session stays on its old route" in bench.mesh.log)
        grown(client)
        bench.put_route("moved", "line-B")
        moved(client, "B")
        answers = client.finish()
    bench.put_route("moved", "line-A")
    check(answers, client.sent, is_stream=True)


def test_a_session_and_a_route_that_do_not_exist_are_refused(bench: Bench) -> None:
    with Numbered(bench.link("moved")) as client:
        grown(client)
        session = segment(bench.session("moved")["name"])
        for path, route, status in (("nobody", "to-line-B", 404), (session, "nowhere", 400)):
            with pytest.raises(ApiError) as caught:
                bench.mesh.call("PUT", f"sessions/{path}", {"session": {"route": route}})
            assert caught.value.status == status
        client.finish()


def test_a_listener_may_keep_its_sessions_on_the_old_route(bench: Bench) -> None:
    with net.tcp(bench.mesh.port("kept")) as old:
        assert net.ask(old, b"x\n") == b"Ax\n"
        bench.put_route("kept", "line-B")
        with net.tcp(bench.mesh.port("kept")) as new:
            assert net.ask(new, b"x\n") == b"Bx\n"
        assert net.ask(old, b"y\n") == b"Ay\n"


@pytest.mark.parametrize(
    ("listener", "destination", "stamp"),
    [("chained-udp", "udp-A", "stamp-udp"), ("chained-tcp", "line-A", "stamp-tcp")],
)
def test_transforms_come_and_go_live(bench: Bench, listener: str, destination: str, stamp: str) -> None:
    client = (net.udp if "udp" in listener else net.tcp)(bench.mesh.port(listener))

    def answers(expected: bytes) -> bool:
        return net.ask(client, b"x\n") == expected

    with client:
        assert answers(b"Ax\n")
        bench.put_route(listener, destination, ingress=[stamp])
        assert net.eventually(lambda: answers(b"AT:x\n"), 1.0)
        bench.put_route(listener, destination, egress=[stamp])
        assert net.eventually(lambda: answers(b"T:Ax\n"), 1.0)
        bench.put_route(listener, destination, ingress=[stamp, stamp], egress=[stamp])
        assert net.eventually(lambda: answers(b"T:AT:T:x\n"), 1.0)
        bench.put_route(listener, destination)
        assert net.eventually(lambda: answers(b"Ax\n"), 1.0)
        assert len(bench.mesh.sessions(listener)) == 1


def test_reroute_while_the_old_upstream_holds_pause(bench: Bench, gate: threading.Event) -> None:
    del gate
    with socket.create_server(("127.0.0.1", 0)) as deaf, ExitStack() as stack:
        cluster = _cluster("deaf", "TCP", deaf.getsockname()[1])
        bench.mesh.call("POST", "clusters", {"cluster": cluster})
        bench.put_route("moved", "deaf")
        client = stack.enter_context(net.tcp(bench.mesh.port("moved")))
        stack.enter_context(deaf.accept()[0])
        _fill(client)
        session = segment(bench.session("moved")["name"])
        bench.mesh.call("PUT", f"sessions/{session}", {"session": {"route": "to-line-B"}})
        client.settimeout(net.DEADLINE)
        # What was sent before is the old upstream's, up to the middle of a line; the new one reads on.
        sender = threading.Thread(target=client.sendall, args=(b"\nnext\n",), daemon=True)
        sender.start()
        received = b""
        while not received.endswith(b"Bnext\n"):
            chunk = client.recv(1 << 20)
            assert chunk
            received += chunk
        sender.join(5)
    bench.put_route("moved", "line-A")


def _fill(client: socket.socket) -> None:
    """Send until nobody takes any more."""
    client.settimeout(0.3)
    with contextlib.suppress(TimeoutError):
        while client.send(b"x" * 65536):
            continue


def test_answers_in_flight_on_the_old_leg_of_a_stream_come_first(bench: Bench, gate: threading.Event) -> None:
    gate.clear()
    with net.tcp(bench.mesh.port("late-tcp")) as client:
        client.sendall(b"one\n")
        net.eventually(lambda: bench.session("late-tcp")["statistics"]["received"]["bytes"])
        bench.put_route("late-tcp", "line-B")
        net.eventually(lambda: bench.session("late-tcp")["destination"]["origin"] == "line-B")
        client.sendall(b"two\n")
        net.eventually(lambda: bench.session("late-tcp")["destination"]["passed"]["bytes"] == 5)
        gate.set()
        assert net.read_exactly(client, 14) == b"late:one\nBtwo\n"
        client.shutdown(socket.SHUT_WR)
        assert net.read_all(client) == b""


def test_an_old_leg_of_a_stream_that_says_nothing_delays_the_new_one_for_a_moment(
    bench: Bench, gate: threading.Event
) -> None:
    gate.clear()
    with net.tcp(bench.mesh.port("later-tcp")) as client:
        client.sendall(b"one\n")
        net.eventually(lambda: bench.session("later-tcp")["statistics"]["received"]["bytes"])
        bench.put_route("later-tcp", "line-B")
        net.eventually(lambda: bench.session("later-tcp")["destination"]["origin"] == "line-B")
        begun = time.monotonic()
        assert net.ask(client, b"two\n") == b"Btwo\n"
        assert time.monotonic() - begun < 1
        gate.set()
        assert net.ask(client, b"three\n") == b"Bthree\n"


def test_answers_in_flight_on_the_old_leg_of_messages_interleave(bench: Bench, gate: threading.Event) -> None:
    gate.clear()
    with net.udp(bench.mesh.port("late-udp")) as client:
        client.send(b"one")
        net.eventually(lambda: bench.mesh.sessions("late-udp"))
        bench.put_route("late-udp", "udp-B")
        net.eventually(lambda: bench.session("late-udp")["destination"]["origin"] == "udp-B")
        assert net.ask(client, b"two") == b"Btwo"
        gate.set()
        assert client.recv(100) == b"late:one"
        assert net.ask(client, b"three") == b"Bthree"


def test_live_reroute_of_an_exchange_is_refused_and_the_next_takes_the_new_route(
    bench: Bench, gate: threading.Event
) -> None:
    gate.clear()
    client = http.client.HTTPConnection("127.0.0.1", bench.mesh.port("late-http"), timeout=net.DEADLINE)
    client.request("POST", "/", b"one")
    net.eventually(lambda: bench.mesh.sessions("late-http"))
    session = segment(bench.session("late-http")["name"])
    with pytest.raises(ApiError) as caught:
        bench.mesh.call("PUT", f"sessions/{session}", {"session": {"route": "to-http-B"}})
    assert caught.value.status == 409
    bench.put_route("late-http", "http-B")
    gate.set()
    assert client.getresponse().read() == b"old"
    client.request("POST", "/", b"two")
    assert client.getresponse().read() == b"Btwo"
    client.close()


def test_messages_that_wait_for_a_lost_upstream_go_the_new_way(bench: Bench) -> None:
    mesh = bench.mesh
    with line_server("A") as port:
        cluster = _cluster("brief", "TCP", port)
        retry = {"retry_on": "always", "num_retries": 50, "timeout": 200}
        route = {"name": "waiting-route", "destination": cluster, "retry": retry}
        listener = {
            "name": "waiting",
            "spec": {"protocol": "UDP", "port": 0, "address": "127.0.0.1"},
            "rules": [{"action": {"route": route}}],
        }
        mesh.call("POST", "listeners", {"listener": listener})
        client = net.udp(mesh.port("waiting"))
        assert net.ask(client, b"x\n") == b"Ax\n"
    with client:
        mesh.call(
            "DELETE",
            f"endpoints/{bench.session('waiting')['destination']['endpoint']['name']}?recursive=true",
        )
        net.eventually(lambda: bench.session("waiting")["destination"]["status"] != "READY")
        for number in range(3):
            client.send(b"%d\n" % number)
        bench.put_route("waiting", "line-B")
        received = b""
        while len(received) < 9:
            received += client.recv(100)
        assert received == b"B0\nB1\nB2\n"


def test_a_reloaded_file_moves_sessions(tmp_path: Path) -> None:
    with line_server("A") as one, line_server("B") as other:
        config = {
            "listeners": [_listener("file", "TCP", tmp_path)],
            "clusters": [_cluster("A", "TCP", one), _cluster("B", "TCP", other)],
            "routes": [{"name": "file-route", "destination": "A"}],
        }
        with Mesh(config, "--drain-time", "0") as mesh:
            with Numbered(Lines(net.tcp(mesh.port("file")))) as client:
                grown(client)
                written = yaml.safe_load(mesh.file.read_text())
                written["routes"][0]["destination"] = "B"
                mesh.file.write_text(yaml.safe_dump(written))
                mesh.signal(signal.SIGHUP)
                assert moved(client, "B") < 1
                grown(client)
                answers = client.finish()
            check(answers, client.sent, is_stream=True)

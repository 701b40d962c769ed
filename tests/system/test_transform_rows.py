"""Ingress and egress chains: built-in, inline and remote transforms, over every protocol."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from support import net
from support.http_wire import Client
from support.mesh import Mesh
from support.servers import http_server, prefixed, tcp_server, udp_server, unix_server, websocket_server
from support.shape import builtin, cluster, listener

REMOTE = ("TCP", "UDP", "UNIX", "WS", "HTTP")
SUPPORT = Path(__file__).parents[1]


def through(*ingress: Any, to: str = "up", egress: tuple[Any, ...] = (), **retry: Any) -> dict[str, Any]:
    """An inline route with transforms."""
    route: dict[str, Any] = {"destination": to, "ingress": list(ingress), "egress": list(egress)}
    return {**route, "retry": retry} if retry else route


class Rig:
    """The process, its folder, and what the UDP upstream saw."""

    def __init__(self, mesh: Mesh, folder: Path, seen: list[tuple[bytes, Any]]) -> None:
        self.mesh = mesh
        self.folder = folder
        self.seen = seen

    def ask(self, name: str, message: bytes, size: int = 65536) -> bytes:
        """One message through a listener whose name begins with its protocol."""
        port = self.mesh.port(name)
        if name.startswith("udp"):
            with net.udp(port) as sock:
                return net.ask(sock, message)
        if name.startswith("http"):
            with Client(port) as client:
                head = b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: %d\r\n\r\n" % len(message)
                response = client.ask(head + message)
                assert response.status == 200, response.body
                return response.body
        with net.tcp(port) as sock:
            sock.sendall(message)
            sock.shutdown(socket.SHUT_WR)
            return net.read_exactly(sock, size)


@pytest.fixture(scope="module", params=["uvloop", "asyncio"])
def rig(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    folder = tmp_path_factory.mktemp("t")
    with ExitStack() as stack:
        marked = prefixed(b"T1:")
        datagrams, seen = stack.enter_context(udp_server())
        ports = {
            "up": stack.enter_context(tcp_server(prefixed(b"D:")))[0],
            "plain": stack.enter_context(tcp_server())[0],
            "http": stack.enter_context(http_server())[0],
            "udp": datagrams,
            "TCP": stack.enter_context(tcp_server(marked))[0],
            "UDP": stack.enter_context(udp_server(marked))[0],
            "WS": stack.enter_context(websocket_server(_marked_message))[0],
            "HTTP": stack.enter_context(http_server(lambda request: (200, {}, b"T1:" + request.body)))[0],
        }
        stack.enter_context(unix_server(folder / "t1", marked))
        env = {"PYTHONPATH": os.pathsep.join([str(SUPPORT), os.environ.get("PYTHONPATH", "")])}
        config = _config(folder, ports)
        mesh = stack.enter_context(Mesh(config, "--loop", request.param, env=env))
        yield Rig(mesh, folder, seen)


def _marked_message(message: str | bytes) -> str | bytes:
    return "T1:" + message if isinstance(message, str) else b"T1:" + message


def _config(folder: Path, ports: dict[str, int]) -> dict[str, Any]:
    log = str(folder / "both.log")
    named = {"name": "upper", "type": "support.inline:Upper"}
    listeners = [
        listener("tcp-chain", "TCP", through("T-TCP")),
        listener("tcp-two", "TCP", through("one", "two", to="plain")),
        listener("tcp-directions", "TCP", through("one", to="up", egress=("two", "three"))),
        listener("udp-upper", "UDP", through("upper", to="udp")),
        listener("udp-egress", "UDP", through(to="udp", egress=("upper",))),
        listener("udp-faulty", "UDP", through("faulty", to="udp")),
        listener("tcp-faulty", "TCP", through("faulty", to="plain")),
        listener("http-faulty", "HTTP", through("faulty", to="http")),
        listener("http-upper", "HTTP", through("upper", to="http")),
        listener("udp-encap", "UDP", through("encap", to="udp")),
        listener("udp-inverse", "UDP", through("encap", "decap", to="udp")),
        listener("udp-round", "UDP", through("encap", to="udp", egress=("decap",))),
        listener("udp-decap", "UDP", through("decap", to="udp")),
        listener("tcp-logged", "TCP", through(_logger(log, "up"), to="up", egress=(_logger(log, "down"),))),
        listener("udp-auto", "UDP", through("T-by-name", to="udp")),
    ]
    for protocol in REMOTE:
        listeners.append(listener(f"tcp-{protocol}", "TCP", through(f"T-{protocol}", to="up")))
        listeners.append(listener(f"udp-{protocol}", "UDP", through(f"T-{protocol}", to="udp")))
        listeners.append(listener(f"http-{protocol}", "HTTP", through(f"T-{protocol}", to="http")))
    return {
        "listeners": listeners,
        "clusters": [
            cluster("up", "TCP", ports["up"]),
            cluster("plain", "TCP", ports["plain"]),
            cluster("udp", "UDP", ports["udp"]),
            cluster("http", "HTTP", ports["http"]),
            cluster("T-UNIX", "UnixDomainSocket", address=str(folder / "t1")),
            *(cluster(f"T-{one}", one, ports[one]) for one in REMOTE if one != "UNIX"),
            builtin("encap", "JSONEncap"),
            builtin("decap", "JSONDecap"),
        ],
        "transforms": [
            named,
            {"name": "faulty", "type": "INLINE/stream", "params": {"class": "support.inline:Faulty"}},
            {"name": "one", "type": "support.inline:Prefix", "params": {"word": "1"}},
            {"name": "two", "type": "support.inline:Prefix", "params": {"word": "2"}},
            {"name": "three", "type": "support.inline:Prefix", "params": {"word": "3"}},
            {"name": "T-by-name", "type": "CLUSTER", "params": {"cluster": "T-UDP"}},
        ],
    }


def _logger(path: str, prefix: str) -> dict[str, Any]:
    return {"spec": {"protocol": "Logger", "log_file": path, "log_prefix": prefix}}


def test_destination_comes_after_ingress(rig: Rig) -> None:
    """Row 24: T1 on the way up, D at the destination: "D:T1:x"."""
    assert rig.ask("tcp-chain", b"x", 6) == b"D:T1:x"


def test_ingress_runs_in_order(rig: Rig) -> None:
    """Row 24: the first one named is met first."""
    assert rig.ask("tcp-two", b"x", 3) == b"21x"


def test_directions_are_apart(rig: Rig) -> None:
    """Row 24: ingress sees nothing of the answer, egress nothing of the question."""
    assert rig.ask("tcp-directions", b"x", 6) == b"32D:1x"


@pytest.mark.parametrize("protocol", REMOTE)
@pytest.mark.parametrize(("kind", "answer"), [("tcp", b"D:T1:x"), ("udp", b"T1:x"), ("http", b"T1:x")])
def test_remote_transform_is_a_bump_in_the_wire(rig: Rig, kind: str, answer: bytes, protocol: str) -> None:
    """Row 25: any protocol in the middle of any kind of session."""
    assert rig.ask(f"{kind}-{protocol}", b"x", len(answer)) == answer


def test_named_transform_stands_for_a_cluster(rig: Rig) -> None:
    """Row 25: `type: CLUSTER`."""
    assert rig.ask("udp-auto", b"x") == b"T1:x"


def test_chain_is_listed(rig: Rig) -> None:
    """Row 24: every stage with its endpoint and status (the original lists null)."""
    with net.udp(rig.mesh.port("udp-UDP")) as sock:
        assert net.ask(sock, b"x") == b"T1:x"
        session = rig.mesh.sessions("udp-UDP")[-1]
        (stage,) = session["ingress"]
        assert (stage["origin"], stage["status"]) == ("T-UDP", "READY")
        assert stage["endpoint"]["spec"]["address"] == "127.0.0.1"


def test_inline_class_keeps_boundaries(rig: Rig) -> None:
    """Row 21: a class of one's own upper-cases each datagram, up and down."""
    for name in ("udp-upper", "udp-egress"):
        with net.udp(rig.mesh.port(name)) as sock:
            for message in (b"abc", b"", b"x" * 5000, b"d"):
                sock.send(message)
            answers = [sock.recv(65536) for _ in range(4)]
            assert answers == [b"ABC", b"", b"X" * 5000, b"D"]
    assert rig.ask("http-upper", b"body") == b"BODY"


def test_fault_ends_only_its_session(rig: Rig) -> None:
    """Row 21: the process lives, other sessions go on, the log says what and where."""
    with net.tcp(rig.mesh.port("tcp-faulty")) as good, net.tcp(rig.mesh.port("tcp-faulty")) as bad:
        assert net.ask(good, b"1") == b"1"
        assert net.ask(bad, b"2") == b"2"
        bad.sendall(b"boom")
        with pytest.raises((ConnectionError, AssertionError)):
            assert bad.recv(10) != b""
        assert net.ask(good, b"3") == b"3"
    with net.udp(rig.mesh.port("udp-faulty")) as sock:
        sock.send(b"boom")
        net.eventually(lambda: not rig.mesh.sessions("udp-faulty"))
        assert net.ask(sock, b"again") == b"again"
    assert rig.mesh.is_alive
    assert "went boom" in rig.mesh.log
    assert "faulty" in rig.mesh.log


def test_fault_in_a_request_is_answered_with_500(rig: Rig) -> None:
    """Row 21: HTTP clients are told."""
    with Client(rig.mesh.port("http-faulty")) as client:
        response = client.ask(b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 4\r\n\r\nboom")
        assert response.status == 500
    assert rig.ask("http-faulty", b"fine") == b"fine"


def test_encapsulated_message_has_metadata_and_payload(rig: Rig) -> None:
    """Row 27: JSON with the session's metadata and the payload in base64."""
    payload = bytes(range(256))
    told = json.loads(rig.ask("udp-encap", payload))
    assert base64.b64decode(told["payload"]) == payload
    assert told["metadata"]["IP"]["src_addr"] == "127.0.0.1"


@pytest.mark.parametrize("name", ["udp-inverse", "udp-round"])
def test_decapsulation_is_the_inverse(rig: Rig, name: str) -> None:
    """Row 27: in a row, and on both sides of the upstream."""
    for payload in (b"", b"x", bytes(range(256)), b"y" * 10_000):
        assert rig.ask(name, payload) == payload


def test_what_is_no_json_is_dropped(rig: Rig) -> None:
    """Row 27: the next good message passes."""
    with net.udp(rig.mesh.port("udp-decap")) as sock:
        for garbage in (b"no json", b"[]", b'{"payload": 1}', b'{"payload": "%%%"}', b"\xff"):
            sock.send(garbage)
        good = json.dumps({"payload": base64.b64encode(b"good").decode()}).encode()
        assert net.ask(sock, good) == b"good"


def test_loggers_on_one_file_lose_nothing(rig: Rig) -> None:
    """Row 24: ingress and egress write the same file; the original truncates it."""
    with net.tcp(rig.mesh.port("tcp-logged")) as sock:
        for number in range(50):
            assert net.ask(sock, b"%02d" % number) == b"D:%02d" % number
    path = rig.folder / "both.log"
    lines = net.eventually(lambda: path.read_text().splitlines() if path.exists() else [])
    net.eventually(lambda: len(path.read_text().splitlines()) >= 100)
    lines = path.read_text().splitlines()
    assert [line for line in lines if line.startswith("up: ")] == [f"up: {n:02d}" for n in range(50)]
    assert [line for line in lines if line.startswith("down: ")] == [f"down: D:{n:02d}" for n in range(50)]


class Killable:
    """A TCP transform that can be killed with all its connections, and started again on its port."""

    def __init__(self) -> None:
        self.port = net.free_port()
        self._sockets: list[socket.socket] = []
        self._listening: socket.socket | None = None

    def start(self) -> None:
        """Serve."""
        self._listening = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=(self._listening,), daemon=True).start()

    def kill(self, how: str) -> None:
        """Every connection ends, by FIN or by RST, and new ones are refused."""
        assert self._listening is not None
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for sock in self._sockets:
            if how == "RST":
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            # Whoever reads wakes up, and closes.
            sock.shutdown(socket.SHUT_RD)
        self._sockets.clear()

    def _accept(self, listening: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = listening.accept()
                self._sockets.append(sock)
                threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError), sock:
            while data := sock.recv(65536):
                sock.sendall(b"T1:" + data)


@pytest.mark.parametrize("how", ["FIN", "RST"])
@pytest.mark.parametrize("kind", ["tcp", "udp"])
def test_killed_transform_recovers_with_retry_always(kind: str, how: str) -> None:
    """Row 25: the session keeps its name and its client; only the lost stage is made again."""
    protocol, transform = kind.upper(), Killable()
    transform.start()
    with ExitStack() as stack:
        up, _ = stack.enter_context(tcp_server() if kind == "tcp" else udp_server())
        route = through("t1", to="up", retry_on="always", num_retries=100, timeout=50)
        config = {
            "listeners": [listener("l", protocol, route)],
            "clusters": [cluster("up", protocol, up), cluster("t1", "TCP", transform.port)],
        }
        mesh = stack.enter_context(Mesh(config))
        connect = net.tcp if kind == "tcp" else net.udp
        sock = stack.enter_context(connect(mesh.port("l")))
        assert net.ask(sock, b"1") == b"T1:1"
        (before,) = mesh.sessions("l")
        transform.kill(how)
        net.eventually(lambda: mesh.sessions("l")[0]["ingress"][0]["status"] == "RETRYING")
        transform.start()
        net.eventually(lambda: mesh.sessions("l")[0]["ingress"][0]["status"] == "READY")
        assert net.ask(sock, b"2") == b"T1:2"
        (after,) = mesh.sessions("l")
        assert after["name"] == before["name"]
        words = [event["event"] for event in after["events"]]
        assert words[-2:] == ["DISCONNECT", "CONNECT"]

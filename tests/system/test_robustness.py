"""What killed its ancestor, and what was found by trying to break the design: the process lives on."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from support import net
from support.mesh import ApiError, Mesh, segment
from support.servers import http_server, prefixed, tcp_server, udp_server, websocket_server
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.sync.server import ServerConnection, serve

TESTS = Path(__file__).parents[1]


def _listener(name: str, protocol: str, *rules: dict[str, Any], **spec: Any) -> dict[str, Any]:
    place = spec or {"port": 0, "address": "127.0.0.1"}
    return {"name": name, "spec": {"protocol": protocol, **place}, "rules": list(rules)}


def _to(destination: str, **more: Any) -> dict[str, Any]:
    return {"action": {"route": {"destination": destination, **more}}}


def _cluster(name: str, protocol: str, port: int, **more: Any) -> dict[str, Any]:
    endpoints = [{"spec": {"address": "127.0.0.1"}}]
    return {"name": name, "spec": {"protocol": protocol, "port": port}, "endpoints": endpoints, **more}


class Told:
    """What a WebSocket upstream was told at the end of its connections."""

    def __init__(self) -> None:
        self.codes: list[int | None] = []
        self.answer = threading.Event()


@pytest.fixture(scope="module")
def told() -> Told:
    return Told()


@pytest.fixture(scope="module")
def shared(told: Told, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    folder = tmp_path_factory.mktemp("d")
    with ExitStack() as stack:
        tcp, _ = stack.enter_context(tcp_server())
        udp = [stack.enter_context(udp_server(prefixed(tag)))[0] for tag in (b"1:", b"2:", b"3:")]
        websocket, _ = stack.enter_context(websocket_server())
        backend, _ = stack.enter_context(http_server())
        clusters: list[dict[str, Any]] = [
            {"name": "echo", "spec": {"protocol": "Echo"}},
            _cluster("tcp", "TCP", tcp),
            _cluster("websocket", "WebSocket", websocket),
            _cluster("patient", "WebSocket", stack.enter_context(_patient(told))),
            _cluster("http", "HTTP", backend),
            *(_cluster(f"udp-{number}", "UDP", port) for number, port in enumerate(udp, 1)),
        ]
        number_rule = {"match": {"op": "contains", "path": "/TCP/dst_port", "value": "1"}, **_to("tcp")}
        listeners = [
            _listener("http", "HTTP", _to("http")),
            _listener("tcp", "TCP", _to("tcp")),
            _listener("numbers", "HTTP", number_rule, _to("http")),
            _listener("to-patient", "TCP", _to("patient")),
            _listener("websocket", "WebSocket", _to("websocket")),
            _listener("local", "HTTP", _to("http", ingress=["stamp", "refuse"], egress=["stamp", "other"])),
            _listener("broken", "TCP", _to("tcp", ingress=["broken"])),
            _listener("broken-http", "HTTP", _to("http", ingress=["broken"])),
            _listener(
                "free", "TCP", {"action": {"rewrite": [{"path": "/labels/x", "value": 7}], "apply": "labels"}}
            ),
            _listener("changing", "HTTP", _to("http")),
        ]
        labels = [
            {"match": {"op": "test", "path": "/labels/x", "value": 8}, **_to("udp-1")},
            {"match": {"op": "test", "path": "/labels/x", "value": 7}, **_to("tcp")},
        ]
        transforms = [
            {"name": "refuse", "type": "support.stages:Refuse"},
            {"name": "stamp", "type": "support.stages:Stamp"},
            {"name": "other", "type": "support.stages:Stamp", "params": {"name": "x-other"}},
            {"name": "broken", "type": "support.stages:Broken"},
        ]
        config = {
            "admin": {"access_log_path": str(folder / "access")},
            "clusters": clusters,
            "listeners": listeners,
            "rulelists": [{"name": "labels", "rules": labels}],
            "transforms": transforms,
        }
        mesh = stack.enter_context(Mesh(config, "--drain-time", "0", env={"PYTHONPATH": str(TESTS)}))
        yield mesh


@pytest.fixture
def mesh(shared: Mesh) -> Iterator[Mesh]:
    yield shared
    assert shared.is_alive
    with net.tcp(shared.port("tcp")) as client:
        assert net.ask(client, b"alive") == b"alive"


class _patient:  # noqa: N801 - a context manager
    """A WebSocket upstream that answers only when it is told to."""

    def __init__(self, told: Told) -> None:
        self._told = told

    def __enter__(self) -> int:
        def answer(connection: ServerConnection) -> None:
            message = connection.recv(net.DEADLINE)
            self._told.answer.wait(net.DEADLINE)
            connection.send(message)
            try:
                connection.recv(net.DEADLINE)
            except ConnectionClosed:
                self._told.codes.append(connection.close_code)

        self._server = serve(answer, "127.0.0.1", 0, compression=None)
        self._server.__enter__()
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return int(self._server.socket.getsockname()[1])

    def __exit__(self, *error: Any) -> None:
        self._server.shutdown()
        self._server.__exit__(*error)
        self._thread.join(5)


def _refused(mesh: Mesh, path: str, body: dict[str, Any]) -> str:
    with pytest.raises(ApiError) as caught:
        mesh.call("POST", path, body)
    assert caught.value.status == 400
    return json.dumps(caught.value.body)


def _get(
    mesh: Mesh, listener: str, path: str = "/", body: bytes | None = None
) -> tuple[int, bytes, dict[str, str]]:
    client = http.client.HTTPConnection("127.0.0.1", mesh.port(listener), timeout=net.DEADLINE)
    client.request("GET" if body is None else "POST", path, body)
    response = client.getresponse()
    answer = response.read()
    client.close()
    return response.status, answer, {name.lower(): value for name, value in response.getheaders()}


def test_a_cluster_inside_the_proxy_with_endpoints_is_refused(mesh: Mesh) -> None:
    cluster = {"name": "bad", "spec": {"protocol": "Echo"}, "endpoints": [{"spec": {"address": "127.0.0.1"}}]}
    assert "endpoints" in _refused(mesh, "clusters", {"cluster": cluster})
    assert "bad" not in [one["name"] for one in mesh.call("GET", "clusters")]


def test_two_equal_endpoint_names_in_one_request_are_refused(mesh: Mesh) -> None:
    endpoint = {"name": "twin", "spec": {"address": "127.0.0.1"}}
    cluster = {"name": "bad", "spec": {"protocol": "TCP", "port": 1}, "endpoints": [endpoint, endpoint]}
    assert "already defined" in _refused(mesh, "clusters", {"cluster": cluster})


def test_a_rule_list_that_applies_itself_is_refused(mesh: Mesh) -> None:
    rules = [{"action": {"apply": "self"}}]
    assert "circle" in _refused(mesh, "rulelists", {"rulelist": {"name": "self", "rules": rules}})


def test_rule_lists_that_apply_each_other_are_refused_when_the_loop_closes(mesh: Mesh) -> None:
    one = {"name": "ping", "rules": [{"action": {"apply": "pong"}}]}
    other = {"name": "pong", "rules": [{"action": {"apply": "ping"}}]}
    mesh.call("POST", "rulelists", {"rulelist": one})
    assert "circle" in _refused(mesh, "rulelists", {"rulelist": other})
    mesh.call("POST", "listeners", {"listener": {**_listener("half", "HTTP"), "rules": "ping"}})
    assert _get(mesh, "half")[0] == 404


def test_a_text_operator_on_a_number_does_not_match(mesh: Mesh) -> None:
    assert _get(mesh, "numbers", body=b"x")[:2] == (200, b"x")


def test_the_internal_balancing_policy_is_refused(mesh: Mesh) -> None:
    cluster = {"name": "bad", "spec": {"protocol": "TCP", "port": 1}, "loadbalancer": {"policy": "None"}}
    assert "policy" in _refused(mesh, "clusters", {"cluster": cluster}).lower()


@pytest.mark.parametrize("style", ["plain", "terse", "space", "lines", "diffy", "nonsense", ""])
def test_every_format_is_answered(mesh: Mesh, style: str) -> None:
    status, _, _ = mesh.raw("GET", f"config?format={style}&recursive=true", None)
    assert status == 200


def test_the_controller_can_delete_its_own_listener() -> None:
    with Mesh(
        {"listeners": [_listener("other", "TCP", _to("echo"))], "clusters": []}, "--drain-time", "0"
    ) as own:
        own.call("POST", "clusters", {"cluster": {"name": "echo", "spec": {"protocol": "Echo"}}})
        own.call("DELETE", "listeners/controller-listener?recursive=true")
        with net.tcp(own.port("other")) as client:
            assert net.ask(client, b"x") == b"x"
        assert own.is_alive


def test_more_than_twenty_sessions_of_one_name_live_side_by_side(mesh: Mesh, tmp_path: Path) -> None:
    clients = []
    for number in range(25):
        path = str(tmp_path / f"{number}")
        mesh.call("POST", "listeners", {"listener": _listener("same", "UNIX", _to("echo"), filename=path)})
        clients.append(net.unix(path))
        assert net.ask(clients[-1], b"x") == b"x"
        mesh.call("DELETE", "listeners/same")
        mesh.call("DELETE", f"rulelists/{segment(_rules_of(mesh))}?recursive=true")
    named = mesh.sessions("same")
    assert len(named) == 25
    assert {session["name"] for session in named} == {"UNIX:same-0"}
    for client in clients:
        assert net.ask(client, b"y") == b"y"
    for left in range(24, -1, -1):
        mesh.call("DELETE", f"sessions/{segment('UNIX:same-0')}")
        assert len(mesh.sessions("same")) == left
    for client in clients:
        assert client.recv(1) == b""
        client.close()


def _rules_of(mesh: Mesh) -> str:
    names = [one["name"] for one in mesh.call("GET", "rulelists")]
    return str(next(name for name in reversed(names) if name.startswith("same-")))


def test_every_kind_of_object_is_defined_once(mesh: Mesh) -> None:
    made: list[tuple[str, str, dict[str, Any]]] = [
        ("listeners", "listener", _listener("tcp", "TCP", _to("echo"))),
        ("clusters", "cluster", {"name": "echo", "spec": {"protocol": "Echo"}}),
        ("rulelists", "rulelist", {"name": "labels", "rules": []}),
        ("rules", "rule", {"name": "twice", "action": {"route": "nowhere"}}),
        ("routes", "route", {"name": "twice", "destination": "nowhere"}),
    ]
    for path, word, value in made[3:]:
        mesh.call("POST", path, {word: value})
    for path, word, value in made:
        assert "already defined" in _refused(mesh, path, {word: value})


def test_a_transform_that_raises_ends_its_session_only(mesh: Mesh) -> None:
    with net.tcp(mesh.port("broken")) as bystander, net.tcp(mesh.port("broken")) as client:
        client.sendall(b"x")
        assert client.recv(1) == b""
        assert len(mesh.sessions("broken")) == 1
        bystander.close()
    status, _, _ = _get(mesh, "broken-http", body=b"x")
    assert status >= 400
    assert "broken on purpose" in mesh.log


def test_local_answer_from_stage_k(mesh: Mesh) -> None:
    status, body, headers = _get(mesh, "local", "/secret")
    assert (status, body) == (403, b"refused")
    assert (headers["x-stamp"], headers["x-other"]) == ("seen", "seen")
    status, body, headers = _get(mesh, "local", "/open", b"x")
    assert (status, body) == (200, b"x")
    assert (headers["x-stamp"], headers["x-other"]) == ("seen", "seen")
    log = Path(mesh.call("GET", "admin")["access_log_path"])
    net.eventually(lambda: "/open" in log.read_text())
    lines = [line for line in log.read_text().splitlines() if "/secret" in line]
    assert len(lines) == 1
    assert " 403 " in lines[0]


def test_tcp_to_websocket_fin_first(mesh: Mesh, told: Told) -> None:
    with net.tcp(mesh.port("to-patient")) as client:
        client.sendall(b"question")
        client.shutdown(socket.SHUT_WR)
        net.eventually(lambda: mesh.sessions("to-patient"))
        assert net.silent(client, 0.1)
        told.answer.set()
        assert net.read_exactly(client, 8) == b"question"
        # The upstream never closes: a deadline does, with code 1000.
        assert net.eventually(lambda: told.codes) == [1000]
        assert client.recv(1) == b""


def test_websocket_close_codes_cross(mesh: Mesh) -> None:
    with websocket_server() as (port, connections):
        mesh.call("POST", "clusters", {"cluster": _cluster("closing", "WebSocket", port)})
        mesh.call("POST", "listeners", {"listener": _listener("closing", "WebSocket", _to("closing"))})
        url = f"ws://127.0.0.1:{mesh.port('closing')}/"
        with connect(url, compression=None) as client:
            client.send("x")
            assert client.recv(net.DEADLINE) == "x"
            connections[-1].close(4001, "enough")
            with pytest.raises(ConnectionClosed) as caught:
                client.recv(net.DEADLINE)
        assert caught.value.rcvd is not None
        assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (4001, "enough")
        with connect(url, compression=None) as client:
            client.send("x")
            assert client.recv(net.DEADLINE) == "x"
            client.close(4002, "bye")
        net.eventually(lambda: connections[-1].close_code == 4002)


def test_several_udp_listeners_on_one_address(mesh: Mesh) -> None:
    mine = net.free_port(socket.SOCK_DGRAM)
    port = net.free_port(socket.SOCK_DGRAM)
    connects: list[dict[str, Any] | None] = [
        None,
        {"port": mine},
        {"address": "127.0.0.2"},
    ]
    for number, peer in enumerate(connects, 1):
        spec: dict[str, Any] = {"port": port, "address": "127.0.0.1"}
        if peer is not None:
            spec["connect"] = peer
        mesh.call(
            "POST", "listeners", {"listener": _listener(f"one-{number}", "UDP", _to(f"udp-{number}"), **spec)}
        )
    with net.udp(port) as anybody, net.udp(port, mine) as known:
        assert net.ask(known, b"x") == b"2:x"
        assert net.ask(anybody, b"x") == b"1:x"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.settimeout(net.DEADLINE)
        other.bind(("127.0.0.2", 0))
        other.connect(("127.0.0.1", port))
        assert net.ask(other, b"x") == b"3:x"
    mesh.call("DELETE", "listeners/one-2?recursive=true")
    with net.udp(port, mine) as known:
        assert net.ask(known, b"x") == b"1:x"


def test_free_metadata_in_a_rule(mesh: Mesh) -> None:
    with net.tcp(mesh.port("free")) as client:
        assert net.ask(client, b"x") == b"x"


def test_a_listener_updated_in_place_keeps_its_connections(mesh: Mesh) -> None:
    client = http.client.HTTPConnection("127.0.0.1", mesh.port("changing"), timeout=net.DEADLINE)
    client.request("POST", "/", b"x")
    assert client.getresponse().read() == b"x"
    sock = client.sock
    spec = mesh.call("GET", "listeners/changing")["spec"]
    listener = {"name": "changing", "spec": spec, "rules": []}
    mesh.call("PUT", "listeners/changing", {"listener": listener})
    # Without a body: an answer that overtakes a body would close the connection, as it should.
    client.request("GET", "/")
    response = client.getresponse()
    assert response.status == 404
    response.read()
    assert client.sock is sock
    client.close()


def test_an_upstream_that_is_gone_in_the_middle_ends_one_session(mesh: Mesh) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        mesh.call("POST", "clusters", {"cluster": _cluster("cut", "HTTP", server.getsockname()[1])})
        mesh.call("POST", "listeners", {"listener": _listener("cut", "HTTP", _to("cut"))})
        with net.tcp(mesh.port("cut")) as client:
            client.sendall(b"GET / HTTP/1.1\r\nhost: h\r\n\r\n")
            upstream, _ = server.accept()
            with upstream:
                upstream.recv(65536)
                upstream.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf")
            answer = net.read_all(client)
            assert answer.endswith(b"half")

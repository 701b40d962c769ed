"""The inventory of sessions: listing, events, counters, deletion, tracking, metadata; over real sockets."""

from __future__ import annotations

import http.client
import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from support import net
from support.mesh import ApiError, Mesh, segment
from support.servers import closed_port, http_server, prefixed, tcp_server, udp_server, websocket_server
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.sync.client import connect

STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def _listener(name: str, protocol: str, route: dict[str, Any], **spec: Any) -> dict[str, Any]:
    place = spec or {"port": 0, "address": "127.0.0.1"}
    return {
        "name": name,
        "spec": {"protocol": protocol, **place},
        "options": {"track": 60},
        "rules": [{"name": f"{name}-rule", "action": {"route": {"name": f"{name}-route", **route}}}],
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("s")


@pytest.fixture(scope="module")
def mesh(folder: Path) -> Iterator[Mesh]:
    with ExitStack() as stack:
        ports = {
            "TCP": stack.enter_context(tcp_server())[0],
            "UDP": stack.enter_context(udp_server())[0],
            "WebSocket": stack.enter_context(websocket_server())[0],
            "HTTP": stack.enter_context(http_server())[0],
        }
        stamp = stack.enter_context(tcp_server(prefixed(b"T:")))[0]
        ports |= {"refused": closed_port(), "stamp": stamp}
        kinds = {"refused": "TCP", "stamp": "TCP"}
        clusters: list[dict[str, Any]] = [
            {
                "name": name,
                "spec": {"protocol": kinds.get(name, name), "port": port},
                "endpoints": [{"name": f"{name}-1", "spec": {"address": "127.0.0.1"}}],
            }
            for name, port in ports.items()
        ]
        clusters += [
            {"name": "drop", "spec": {"protocol": "DROP"}},
            {"name": "echo", "spec": {"protocol": "Echo"}},
        ]
        listeners = [
            _listener("tcp", "TCP", {"destination": "TCP"}),
            _listener("udp", "UDP", {"destination": "UDP"}),
            _listener("websocket", "WebSocket", {"destination": "WebSocket"}),
            _listener("unix", "UnixDomainSocket", {"destination": "TCP"}, filename=str(folder / "u")),
            _listener("http", "HTTP", {"destination": "HTTP"}),
            _listener("refused", "TCP", {"destination": "refused"}),
            _listener("refused-http", "HTTP", {"destination": "refused"}),
            _listener(
                "chain", "TCP", {"destination": "TCP", "ingress": ["stamp", "echo"], "egress": ["echo"]}
            ),
            _listener("to-drop", "UDP", {"destination": "drop"}),
            {**_listener("forgetful", "TCP", {"destination": "TCP"}), "options": {}},
            {
                **_listener("labelled", "TCP", {}),
                "rules": [
                    {
                        "action": {
                            "rewrite": [{"path": "/labels/x", "value": 1}],
                            "route": {"destination": "echo"},
                        }
                    }
                ],
            },
            {**_listener("nowhere", "TCP", {}), "rules": []},
        ]
        config = {"listeners": listeners, "clusters": clusters}
        yield stack.enter_context(Mesh(config, "--drain-time", "0"))


def _last(mesh: Mesh, listener: str) -> dict[str, Any]:
    listed = mesh.sessions(listener)
    return listed[-1] if listed else {"status": None, "events": []}


def _ended(mesh: Mesh, listener: str) -> dict[str, Any]:
    def last() -> dict[str, Any] | None:
        session = _last(mesh, listener)
        return session if session["status"] == "DESTROYED" else None

    return net.eventually(last) or {}


def _events(session: dict[str, Any]) -> list[tuple[str, str]]:
    return [(event["event"], event["message"]) for event in session["events"]]


def test_a_live_session_is_listed_as_l7mp_lists_it(mesh: Mesh) -> None:
    with net.tcp(mesh.port("tcp")) as client:
        assert net.ask(client, b"hello") == b"hello"
        session = _last(mesh, "tcp")
        host, port = client.getsockname()
        assert session["name"] == f"TCP:{host}:{port}-127.0.0.1:{mesh.port('tcp')}"
        assert session["metadata"] == {
            "IP": {"src_addr": "127.0.0.1", "dst_addr": "127.0.0.1"},
            "TCP": {"src_port": port, "dst_port": mesh.port("tcp")},
        }
        assert session["status"] == "CONNECTED"
        assert session["source"]["origin"] == "tcp"
        assert session["source"]["listener"]["protocol"] == "TCP"
        assert session["source"]["status"] == "READY"
        assert session["destination"]["origin"] == "TCP"
        assert session["destination"]["endpoint"]["name"] == "TCP-1"
        assert session["destination"]["status"] == "READY"
        assert (session["ingress"], session["egress"]) == ([], [])
        assert mesh.call("GET", f"sessions/{segment(session['name'])}") == session


def test_events_are_in_order_and_stamped(mesh: Mesh) -> None:
    with net.tcp(mesh.port("tcp")) as client:
        assert net.ask(client, b"x") == b"x"
        name = _last(mesh, "tcp")["name"]
        assert [event for event, _ in _events(_last(mesh, "tcp"))] == ["INIT", "LOOKUP SUCCESS", "CONNECT"]
    session = _ended(mesh, "tcp")
    assert _events(session) == [
        ("INIT", f"Session {name} initialized"),
        ("LOOKUP SUCCESS", "Successfull lookup on rulelist:tcp-RuleList-1/rule:tcp-rule"),
        ("CONNECT", "Session successfully connected"),
        ("END", "Normal end"),
        ("DESTROY", "Session destroyed"),
    ]
    stamps = [event["timestamp"] for event in session["events"]]
    assert all(STAMP.fullmatch(stamp) for stamp in stamps)
    assert stamps == sorted(stamps)
    assert session["destination"]["status"] == "END"
    assert session["source"]["status"] == "END"


@pytest.mark.parametrize("listener", ["tcp", "unix"])
def test_a_deleted_session_is_the_end_of_file_for_its_client(mesh: Mesh, folder: Path, listener: str) -> None:
    client = net.unix(str(folder / "u")) if listener == "unix" else net.tcp(mesh.port(listener))
    with client:
        assert net.ask(client, b"x") == b"x"
        name = _last(mesh, listener)["name"]
        mesh.call("DELETE", f"sessions/{segment(name)}")
        assert client.recv(1) == b""
    session = _ended(mesh, listener)
    assert session["name"] == name
    assert [event["event"] for event in session["events"]][3:] == ["END", "DESTROY"]
    assert session["events"][3]["content"] == "Session removed from the API"


def test_a_deleted_websocket_session_is_closed(mesh: Mesh) -> None:
    with connect(f"ws://127.0.0.1:{mesh.port('websocket')}/", compression=None) as client:
        client.send("x")
        assert client.recv(net.DEADLINE) == "x"
        mesh.call("DELETE", f"sessions/{segment(_last(mesh, 'websocket')['name'])}")
        with pytest.raises(ConnectionClosed):
            client.recv(net.DEADLINE)


def test_a_deleted_udp_session_begins_anew_with_the_next_datagram(mesh: Mesh) -> None:
    with net.udp(mesh.port("udp")) as client:
        assert net.ask(client, b"x") == b"x"
        name = _last(mesh, "udp")["name"]
        mesh.call("DELETE", f"sessions/{segment(name)}")
        assert net.ask(client, b"y") == b"y"
        assert _last(mesh, "udp")["name"] != name


def test_an_ended_session_can_not_be_deleted_and_an_unknown_one_neither(mesh: Mesh) -> None:
    with net.tcp(mesh.port("tcp")) as client:
        assert net.ask(client, b"x") == b"x"
    name = _ended(mesh, "tcp")["name"]
    for unknown, why in ((name, "Not running"), ("nobody", "No such session")):
        with pytest.raises(ApiError) as caught:
            mesh.call("DELETE", f"sessions/{segment(unknown)}")
        assert caught.value.status == 400
        assert caught.value.body["content"] == why


def test_without_track_an_ended_session_is_forgotten(mesh: Mesh) -> None:
    with net.tcp(mesh.port("forgetful")) as client:
        assert net.ask(client, b"x") == b"x"
        assert len(mesh.sessions("forgetful")) == 1
    net.eventually(lambda: not mesh.sessions("forgetful"))


def test_a_session_that_can_not_be_connected_ends_with_an_error(mesh: Mesh) -> None:
    with net.tcp(mesh.port("refused")) as client:
        assert client.recv(1) == b""
    session = _ended(mesh, "refused")
    assert [event["event"] for event in session["events"]] == ["INIT", "LOOKUP SUCCESS", "ERROR", "DESTROY"]
    assert "refused" in session["events"][2]["content"].lower()


def test_an_exchange_that_can_not_be_connected_never_was(mesh: Mesh) -> None:
    client = http.client.HTTPConnection("127.0.0.1", mesh.port("refused-http"), timeout=net.DEADLINE)
    client.request("GET", "/")
    assert client.getresponse().status == 404
    client.close()
    session = _ended(mesh, "refused-http")
    assert [event["event"] for event in session["events"]] == ["INIT", "LOOKUP SUCCESS", "ERROR", "DESTROY"]


def test_a_session_without_a_route_has_no_lookup(mesh: Mesh) -> None:
    with net.tcp(mesh.port("nowhere")) as client:
        assert client.recv(1) == b""
    session = _ended(mesh, "nowhere")
    assert [event["event"] for event in session["events"]] == ["INIT", "ERROR", "DESTROY"]
    assert session["events"][1]["content"] == f'No route for session "{session["name"]}"'


def test_every_stage_of_a_chain_is_listed(mesh: Mesh) -> None:
    with net.tcp(mesh.port("chain")) as client:
        assert net.ask(client, b"x") == b"T:x"
        session = _last(mesh, "chain")
    assert [(stage["origin"], stage["status"]) for stage in session["ingress"]] == [
        ("stamp", "READY"),
        ("echo", "READY"),
    ]
    assert session["ingress"][0]["endpoint"]["name"] == "stamp-1"
    assert session["egress"][0]["endpoint"]["spec"]["address"] == "<VIRTUAL>"
    assert [stage["passed"]["bytes"] for stage in session["ingress"]] == [3, 3]


def test_rewritten_metadata_are_listed(mesh: Mesh) -> None:
    with net.tcp(mesh.port("labelled")) as client:
        assert net.ask(client, b"x") == b"x"
        assert _last(mesh, "labelled")["metadata"]["labels"] == {"x": 1}


def test_counters_are_what_a_client_sent_and_got(mesh: Mesh) -> None:
    with net.udp(mesh.port("udp")) as client:
        for size in (1, 10, 100):
            assert len(net.ask(client, b"x" * size)) == size
        assert _last(mesh, "udp")["statistics"] == {
            "received": {"bytes": 111, "messages": 3},
            "sent": {"bytes": 111, "messages": 3},
        }


def test_an_exchange_counts_its_body(mesh: Mesh) -> None:
    client = http.client.HTTPConnection("127.0.0.1", mesh.port("http"), timeout=net.DEADLINE)
    client.request("POST", "/", b"x" * 1000)
    assert len(client.getresponse().read()) == 1000
    client.close()
    statistics = _ended(mesh, "http")["statistics"]
    assert (statistics["received"]["bytes"], statistics["sent"]["bytes"]) == (1000, 1000)
    assert [event["event"] for event in _last(mesh, "http")["events"]] == [
        "INIT",
        "LOOKUP SUCCESS",
        "CONNECT",
        "END",
        "DESTROY",
    ]


def test_drop_absorbs_a_thousand_datagrams_and_says_nothing(mesh: Mesh) -> None:
    with net.udp(mesh.port("to-drop")) as client:
        for number in range(1000):
            client.send(b"%04d" % number)
            if number % 50 == 49:
                # In step with the proxy, so that no datagram is lost on the way to it.
                net.eventually(lambda: _received(mesh) == number + 1)  # noqa: B023
        assert net.silent(client)
    assert mesh.is_alive
    (session,) = mesh.sessions("to-drop")
    assert session["statistics"] == {
        "received": {"bytes": 4000, "messages": 1000},
        "sent": {"bytes": 0, "messages": 0},
    }
    assert session["dropped"] == 0


def _received(mesh: Mesh) -> int:
    sessions = mesh.sessions("to-drop")
    return int(sessions[0]["statistics"]["received"]["messages"]) if sessions else 0


def test_recursive_delete_of_a_listener_ends_its_sessions(mesh: Mesh) -> None:
    mesh.call("POST", "listeners", {"listener": {**_listener("brief", "TCP", {"destination": "echo"})}})
    with net.tcp(mesh.port("brief")) as client:
        assert net.ask(client, b"x") == b"x"
        mesh.call("DELETE", "listeners/brief?recursive=true")
        assert client.recv(1) == b""
        session = _ended(mesh, "brief")
        assert session["events"][-2]["content"] == "Listener deleted from API"


def test_recursive_delete_of_a_cluster_ends_the_sessions_that_traverse_it(mesh: Mesh) -> None:
    mesh.call("POST", "clusters", {"cluster": {"name": "brief-echo", "spec": {"protocol": "Echo"}}})
    route = {"destination": "TCP", "ingress": ["brief-echo"]}
    mesh.call("POST", "listeners", {"listener": _listener("through", "TCP", route)})
    with net.tcp(mesh.port("through")) as one, net.tcp(mesh.port("tcp")) as other:
        assert net.ask(one, b"x") == b"x"
        assert net.ask(other, b"x") == b"x"
        mesh.call("DELETE", "clusters/brief-echo?recursive=true")
        assert one.recv(1) == b""
        assert net.ask(other, b"y") == b"y"
    assert _ended(mesh, "through")["events"][-2]["content"] == "Traversed Cluster deleted from API"


def test_a_half_closed_session_still_gets_its_answer(mesh: Mesh) -> None:
    with net.tcp(mesh.port("tcp")) as client:
        client.sendall(b"x" * 100_000)
        client.shutdown(socket.SHUT_WR)
        assert len(net.read_all(client)) == 100_000


def test_dumps_of_listeners_and_clusters_count_what_a_client_sent(mesh: Mesh) -> None:
    def counted(path: str) -> dict[str, Any]:
        return dict(mesh.call("GET", path)["statistics"])

    mesh.call("POST", "clusters", {"cluster": {"name": "counted", "spec": {"protocol": "Echo"}}})
    mesh.call("POST", "listeners", {"listener": _listener("counted", "UDP", {"destination": "counted"})})
    with net.udp(mesh.port("counted")) as one, net.udp(mesh.port("counted")) as other:
        for client in (one, other):
            for size in (1, 10, 100):
                assert len(net.ask(client, b"x" * size)) == size
        passed = {"bytes": 222, "messages": 6}
        expected = {"sessions": 2, "active": 2, "failures": 0, "received": passed, "sent": passed}
        assert counted("listeners/counted") == expected
        (rule,) = [each for each in mesh.call("GET", "rules") if each["name"].startswith("counted-")]
        assert rule["statistics"] == {"sessions": 2}
        assert counted("clusters/counted") == expected
        mesh.call("DELETE", f"sessions/{segment(_last(mesh, 'counted')['name'])}")
        for path in ("listeners/counted", "clusters/counted"):
            assert counted(path) == {**expected, "active": 1}


def test_a_burst_of_messages_over_http_loses_none(mesh: Mesh) -> None:
    mesh.call(
        "POST", "listeners", {"listener": _listener("ws-to-http", "WebSocket", {"destination": "HTTP"})}
    )
    count = 1500
    burst = b"".join(Frame(Opcode.BINARY, b"%d" % number).serialize(mask=True) for number in range(count))
    with connect(f"ws://127.0.0.1:{mesh.port('ws-to-http')}/", compression=None) as client:
        client.socket.sendall(burst)
        answers = [client.recv(net.DEADLINE) for _ in range(count)]
    assert answers == [b"%d" % number for number in range(count)]
    assert _ended(mesh, "ws-to-http")["dropped"] == 0

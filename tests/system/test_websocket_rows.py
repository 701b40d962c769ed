"""WebSocket as listener and cluster: text and binary, close codes, sub-protocols, paths and fields."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from support import net
from support.http_wire import Client
from support.mesh import Mesh
from support.servers import closed_port, tcp_server, udp_server
from support.shape import builtin, cluster, listener, rule
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.sync.server import Server, ServerConnection, serve
from websockets.typing import Subprotocol


class Rig:
    """The process and the connections its WebSocket upstream got."""

    def __init__(self, mesh: Mesh, seen: list[ServerConnection]) -> None:
        self.mesh = mesh
        self.seen = seen

    def connect(self, name: str, path: str = "/", **more: Any) -> ClientConnection:
        """A client of a listener."""
        url = f"ws://127.0.0.1:{self.mesh.port(name)}{path}"
        return connect(url, compression=None, open_timeout=net.DEADLINE, **more)


@contextmanager
def obedient_server() -> Iterator[tuple[int, list[ServerConnection]]]:
    """Echoes; "close CODE REASON" makes it close, "drop" makes it go away without a word."""
    seen: list[ServerConnection] = []

    def handler(connection: ServerConnection) -> None:
        seen.append(connection)
        for message in connection:
            if isinstance(message, str) and message.startswith("close "):
                _, code, reason = message.split(" ", 2)
                connection.close(int(code), reason)
            elif message == "drop":
                connection.socket.close()
            else:
                connection.send(message)

    def choose(_: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
        return next((one for one in offered if one in ("chat", "super")), None)

    with serve(
        handler, "127.0.0.1", 0, select_subprotocol=choose, compression=None, max_size=1 << 23
    ) as server:
        yield _run(server), seen
        server.shutdown()


def _run(server: Server) -> int:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    port: int = server.socket.getsockname()[1]
    return port


@pytest.fixture(scope="module", params=["uvloop", "asyncio"])
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    with ExitStack() as stack:
        upstream, seen = stack.enter_context(obedient_server())
        stream, _ = stack.enter_context(tcp_server())
        datagrams, _ = stack.enter_context(udp_server())
        config = _config(upstream, stream, datagrams)
        mesh = stack.enter_context(Mesh(config, "--loop", request.param))
        yield Rig(mesh, seen)


def _config(upstream: int, stream: int, datagrams: int) -> dict[str, Any]:
    prefix = {"HTTP": {"path": {"prefix": "auth/"}}}
    return {
        "listeners": [
            listener("ws", "WebSocket", "up"),
            listener("concept", "WS", "up"),
            listener("inline", "WS", "echo"),
            listener("small", "WS", "echo", max_message=100),
            listener("to-tcp", "WS", "tcp"),
            listener("to-udp", "WS", "udp"),
            listener("from-udp", "UDP", "up"),
            listener("from-tcp", "TCP", "up"),
            listener("ruled", "WS", [rule("up", prefix)]),
            listener("refused", "WS", "refused"),
            listener(
                "rewritten",
                "WS",
                [rule("up", metadata={"HTTP": {"url": {"path": "/new"}, "headers": {"x-new": "1"}}})],
            ),
        ],
        "clusters": [
            cluster("up", "WebSocket", upstream),
            cluster("refused", "WS", closed_port()),
            cluster("tcp", "TCP", stream),
            cluster("udp", "UDP", datagrams),
            builtin("echo", "Echo"),
        ],
    }


@pytest.mark.parametrize("name", ["ws", "concept", "inline"])
def test_text_stays_text_and_binary_binary(rig: Rig, name: str) -> None:
    """Row 14: the original makes everything binary."""
    with rig.connect(name) as client:
        for message in ("text \u00fc", b"\x00\xff", "", b""):
            client.send(message)
            answer = client.recv(net.DEADLINE)
            assert type(answer) is type(message)
            assert answer == message


def test_path_and_query_arrive_once(rig: Rig) -> None:
    """Row 14: no double slash."""
    with rig.connect("ws", "/p?x=1") as client:
        client.send("x")
        assert client.recv(net.DEADLINE) == "x"
    request = rig.seen[-1].request
    assert request is not None
    assert request.path == "/p?x=1"


def test_client_fields_cross_and_host_is_the_endpoint(rig: Rig) -> None:
    """Row 14: what the client said of itself is known upstream; the Host is the upstream's own."""
    with rig.connect("ws", additional_headers={"X-Who": "me", "Authorization": "Basic eA=="}) as client:
        client.send("x")
        assert client.recv(net.DEADLINE) == "x"
    request = rig.seen[-1].request
    assert request is not None
    assert request.headers["X-Who"] == "me"
    assert request.headers["Authorization"] == "Basic eA=="
    assert request.headers["Host"] != f"127.0.0.1:{rig.mesh.port('ws')}"


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [(["chat"], "chat"), (["other", "super"], "super"), (["other"], None), (None, None)],
)
def test_subprotocol_is_the_choice_of_the_upstream(
    rig: Rig, offered: list[str] | None, chosen: str | None
) -> None:
    """Row 14: offers go up, the choice comes down."""
    with rig.connect("ws", subprotocols=offered) as client:
        client.send("x")
        assert client.recv(net.DEADLINE) == "x"
        assert client.subprotocol == chosen
    request = rig.seen[-1].request
    assert request is not None
    told = request.headers.get("Sec-WebSocket-Protocol", "")
    assert [one.strip() for one in told.split(",") if one] == (offered or [])


@pytest.mark.parametrize(("code", "reason"), [(1000, "done"), (1001, "going away"), (4000, "our own \u00e9")])
def test_close_of_the_upstream_reaches_the_client(rig: Rig, code: int, reason: str) -> None:
    """Row 14: code and reason."""
    with rig.connect("ws") as client:
        client.send(f"close {code} {reason}")
        with pytest.raises(ConnectionClosed) as closed:
            client.recv(net.DEADLINE)
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (code, reason)


@pytest.mark.parametrize(("code", "reason"), [(1000, ""), (1001, "tab closed"), (4321, "why")])
def test_close_of_the_client_reaches_the_upstream(rig: Rig, code: int, reason: str) -> None:
    """Row 14: code and reason, the other way."""
    with rig.connect("ws") as client:
        client.send("x")
        assert client.recv(net.DEADLINE) == "x"
        upstream = rig.seen[-1]
        client.close(code, reason)
    assert net.eventually(lambda: upstream.close_code) == code
    assert upstream.close_reason == reason


def test_upstream_that_goes_away_closes_the_client(rig: Rig) -> None:
    """Row 14: a connection that breaks is no clean close."""
    with rig.connect("ws") as client:
        client.send("drop")
        with pytest.raises(ConnectionClosed) as closed:
            client.recv(net.DEADLINE)
    assert closed.value.rcvd is None or closed.value.rcvd.code != 1000


@pytest.mark.parametrize("size", [125, 126, 65_535, 65_536, 1 << 20])
def test_message_of_any_size_keeps_its_borders(rig: Rig, size: int) -> None:
    """Row 14: one message up, one down, at every border of the length encoding."""
    with rig.connect("ws", max_size=1 << 21) as client:
        client.send(b"x" * size)
        client.send(b"next")
        assert client.recv(net.DEADLINE) == b"x" * size
        assert client.recv(net.DEADLINE) == b"next"


def test_fragments_arrive_as_one_message(rig: Rig) -> None:
    """Row 14: fragmentation belongs to one hop."""
    with rig.connect("ws") as client:
        client.send(["one ", "message ", "in parts"])
        assert client.recv(net.DEADLINE) == "one message in parts"


def test_ping_is_answered_by_the_proxy(rig: Rig) -> None:
    """Row 14: control frames belong to one hop."""
    with rig.connect("inline") as client:
        assert client.ping().wait(net.DEADLINE)


def test_message_beyond_the_limit_closes_with_1009(rig: Rig) -> None:
    """Core: messages are bounded."""
    with rig.connect("small") as client:
        client.send(b"x" * 101)
        with pytest.raises(ConnectionClosed) as closed:
            client.recv(net.DEADLINE)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009


def test_datagrams_become_messages(rig: Rig) -> None:
    """Row 22: UDP to WebSocket without any rewrite, and back, one for one."""
    with net.udp(rig.mesh.port("from-udp")) as sock:
        for message in (b"one", b"two", b"three"):
            assert net.ask(sock, message) == message
    with rig.connect("to-udp") as client:
        client.send(b"one")
        assert client.recv(net.DEADLINE) in (b"one", "one")


def test_bytes_become_messages_and_messages_bytes(rig: Rig) -> None:
    """Row 22: TCP to WebSocket and WebSocket to TCP."""
    with net.tcp(rig.mesh.port("from-tcp")) as sock:
        assert net.ask(sock, b"bytes") == b"bytes"
    with rig.connect("to-tcp") as client:
        client.send(b"message")
        assert client.recv(net.DEADLINE) == b"message"


def test_rules_see_the_path_of_the_handshake(rig: Rig) -> None:
    """Row 30: an Envoy-style match tree on a WebSocket listener."""
    with rig.connect("ruled", "/auth/x") as client:
        client.send("x")
        assert client.recv(net.DEADLINE) == "x"
    with pytest.raises(InvalidStatus) as refused, rig.connect("ruled", "/other"):
        pass
    assert refused.value.response.status_code == 404


def test_rewritten_metadata_are_in_the_handshake(rig: Rig) -> None:
    """Row 30: path and fields of the upgrade request."""
    with rig.connect("rewritten", "/old") as client:
        client.send("x")
        assert client.recv(net.DEADLINE) == "x"
    request = rig.seen[-1].request
    assert request is not None
    assert (request.path, request.headers["X-New"]) == ("/new", "1")


def test_session_lists_the_handshake(rig: Rig) -> None:
    """Row 14: metadata have a section HTTP."""
    with rig.connect("ws", "/listed?a=b") as client:
        client.send("x")
        assert client.recv(net.DEADLINE) == "x"
        session = rig.mesh.sessions("ws")[-1]
        assert session["name"].startswith("WS:127.0.0.1:")
        assert session["metadata"]["HTTP"]["url"]["path"] == "/listed?a=b"
        assert set(session["metadata"]) >= {"IP", "TCP", "HTTP"}


def test_unreachable_upstream_refuses_the_handshake(rig: Rig) -> None:
    """Core: the client is told by a real HTTP status."""
    with pytest.raises(InvalidStatus) as refused, rig.connect("refused"):
        pass
    assert refused.value.response.status_code == 404


def test_plain_request_is_told_to_upgrade(rig: Rig) -> None:
    """Core: a WebSocket listener answers a GET without Upgrade with an error."""
    with Client(rig.mesh.port("ws")) as client:
        response = client.ask(b"GET / HTTP/1.1\r\nhost: h\r\n\r\n")
        assert response.status in (400, 426)


def test_no_session_stays_behind(rig: Rig) -> None:
    """Core: every one of these has ended, and none was a surprise."""
    net.eventually(lambda: not rig.mesh.sessions("ws"))
    assert "Traceback" not in rig.mesh.log

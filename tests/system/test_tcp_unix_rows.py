"""TCP and UNIX streams as listener and cluster: bytes, half-close, addresses, socket files."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest
from support import net
from support.http_wire import reset
from support.mesh import Mesh
from support.servers import closed_port, tcp_server, unix_server, websocket_server
from support.shape import builtin, cluster, listener

MIB = 1 << 20


class AfterEnd(socketserver.BaseRequestHandler):
    """Answers when the client has said all it has to say, and not before."""

    def handle(self) -> None:
        said = net.read_all(self.request)
        self.request.sendall(b"heard " + said)


class EndsFirst(socketserver.BaseRequestHandler):
    """Says good-bye at once, and listens on."""

    heard: ClassVar[list[bytes]] = []

    def handle(self) -> None:
        self.request.sendall(b"bye")
        self.request.shutdown(socket.SHUT_WR)
        self.heard.append(net.read_all(self.request))


class HangsUp(socketserver.BaseRequestHandler):
    """Closes at the first byte."""

    def handle(self) -> None:
        self.request.recv(1)


class _Tcp(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True


class _Unix(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


@contextmanager
def running(server: socketserver.BaseServer) -> Iterator[int]:
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield server.server_address[1] if isinstance(server.server_address, tuple) else 0
    server.shutdown()
    server.server_close()
    thread.join(net.DEADLINE)


class Rig:
    """The process, the folder of its socket files, and what its servers accepted."""

    def __init__(self, mesh: Mesh, folder: Path, accepted: list[Any]) -> None:
        self.mesh = mesh
        self.folder = folder
        self.accepted = accepted

    def connect(self, name: str) -> socket.socket:
        """A client of a listener, over TCP or UNIX as its name says."""
        if name.startswith("unix"):
            return net.unix(str(self.folder / name))
        return net.tcp(self.mesh.port(name))


@pytest.fixture(scope="module", params=["uvloop", "asyncio"])
def rig(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    folder = tmp_path_factory.mktemp("s")
    with ExitStack() as stack:
        echo, accepted = stack.enter_context(tcp_server())
        stack.enter_context(unix_server(folder / "echo"))
        stack.enter_context(running(_Unix(str(folder / "after-end"), AfterEnd)))
        ports = {
            "echo": echo,
            "after-end": stack.enter_context(running(_Tcp(("127.0.0.1", 0), AfterEnd))),
            "ends-first": stack.enter_context(running(_Tcp(("127.0.0.1", 0), EndsFirst))),
            "hangs-up": stack.enter_context(running(_Tcp(("127.0.0.1", 0), HangsUp))),
            "websocket": stack.enter_context(websocket_server())[0],
            "refused": closed_port(),
        }
        _leave_stale(folder / "unix-stale")
        mesh = stack.enter_context(Mesh(_config(folder, ports), "--loop", request.param))
        yield Rig(mesh, folder, accepted)


def _leave_stale(path: Path) -> None:
    """A socket file whose process is gone."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))


def _config(folder: Path, ports: dict[str, int]) -> dict[str, Any]:
    per_endpoint = cluster("per-endpoint", "TCP", ports["refused"])
    per_endpoint["endpoints"][0]["spec"]["port"] = ports["echo"]
    return {
        "listeners": [
            listener("tcp", "TCP", "echo"),
            listener("dual", "TCP", "inline", address=""),
            listener("six", "TCP", "inline", address="::1"),
            listener("after-end", "TCP", "after-end"),
            listener("after-end-unix", "TCP", "after-end-unix"),
            listener("ends-first", "TCP", "ends-first"),
            listener("hangs-up", "TCP", "hangs-up"),
            listener("websocket", "TCP", "websocket"),
            listener("refused", "TCP", "refused"),
            listener("missing", "TCP", "missing"),
            listener("discard", "TCP", "discard"),
            listener("per-endpoint", "TCP", "per-endpoint"),
            listener("bound", "TCP", "bound"),
            listener("unix", "UnixDomainSocket", "echo", filename=str(folder / "unix")),
            listener("unix-unix", "UNIX", "unix", filename=str(folder / "unix-unix")),
            listener("unix-after-end", "UNIX", "after-end", filename=str(folder / "unix-after-end")),
            listener("unix-stale", "UNIX", "inline", filename=str(folder / "unix-stale")),
        ],
        "clusters": [
            cluster("echo", "TCP", ports["echo"]),
            cluster("after-end", "TCP", ports["after-end"]),
            cluster("ends-first", "TCP", ports["ends-first"]),
            cluster("hangs-up", "TCP", ports["hangs-up"]),
            cluster("refused", "TCP", ports["refused"]),
            cluster("bound", "TCP", ports["echo"], bind={"address": "127.0.0.3"}),
            per_endpoint,
            cluster("websocket", "WebSocket", ports["websocket"]),
            cluster("unix", "UnixDomainSocket", address=str(folder / "echo")),
            cluster("after-end-unix", "UNIX", address=str(folder / "after-end")),
            builtin("inline", "Echo"),
            builtin("discard", "Discard"),
        ],
    }


@pytest.mark.parametrize("name", ["tcp", "dual", "unix", "unix-unix"])
def test_a_mebibyte_comes_back_identical(rig: Rig, name: str) -> None:
    """Row 11: bytes in, the same bytes out."""
    data = random.Random(7).randbytes(MIB)
    with rig.connect(name) as sock:
        sender = threading.Thread(target=sock.sendall, args=(data,))
        sender.start()
        assert net.read_exactly(sock, MIB) == data
        sender.join()


@pytest.mark.parametrize("name", ["after-end", "after-end-unix", "unix-after-end"])
def test_answer_arrives_after_the_client_has_ended(rig: Rig, name: str) -> None:
    """Row 11: half-close passes on, and the answer still arrives (the original loses it)."""
    with rig.connect(name) as sock:
        sock.sendall(b"question")
        sock.shutdown(socket.SHUT_WR)
        assert net.read_all(sock) == b"heard question"


def test_answer_arrives_after_the_end_from_a_websocket_too(rig: Rig) -> None:
    """Row 11: where the protocol can not close one direction, the end waits for the answer."""
    with rig.connect("websocket") as sock:
        sock.sendall(b"question")
        sock.shutdown(socket.SHUT_WR)
        assert net.read_exactly(sock, 8) == b"question"


def test_server_may_end_first(rig: Rig) -> None:
    """Row 11: what the client says after the server's end still arrives."""
    EndsFirst.heard.clear()
    with rig.connect("ends-first") as sock:
        assert net.read_all(sock) == b"bye"
        sock.sendall(b"one more thing")
        sock.shutdown(socket.SHUT_WR)
        assert net.eventually(lambda: EndsFirst.heard) == [b"one more thing"]
    net.eventually(lambda: not rig.mesh.sessions("ends-first"))


@pytest.mark.parametrize("name", ["refused", "missing", "hangs-up"])
def test_client_sees_the_connection_close(rig: Rig, name: str) -> None:
    """Core: a session that can not be set up, or whose server is gone, ends on the client's side as well."""
    # A reset says the same as an end.
    with rig.connect(name) as sock, contextlib.suppress(ConnectionError):
        sock.sendall(b"x")
        assert net.read_all(sock) == b""
    net.eventually(lambda: not rig.mesh.sessions(name))


def test_session_ends_when_the_client_resets(rig: Rig) -> None:
    """Core: nothing stays behind."""
    sock = rig.connect("tcp")
    assert net.ask(sock, b"x") == b"x"
    assert len(rig.mesh.sessions("tcp")) == 1
    reset(sock)
    net.eventually(lambda: not rig.mesh.sessions("tcp"))


def test_both_families_are_served_on_one_listener(rig: Rig) -> None:
    """Core: an empty address binds IPv4 and IPv6."""
    for host in ("127.0.0.1", "::1"):
        with net.tcp(rig.mesh.port("dual"), host) as sock:
            assert net.ask(sock, b"x") == b"x"


def test_bound_address_is_the_only_one(rig: Rig) -> None:
    """Core: bind addresses are configurable."""
    port = rig.mesh.port("six")
    with net.tcp(port, "::1") as sock:
        assert net.ask(sock, b"x") == b"x"
    with pytest.raises(ConnectionRefusedError):
        net.tcp(port, "127.0.0.1")


def test_discard_swallows_everything(rig: Rig) -> None:
    """Core: the inline cluster Discard takes a mebibyte and says nothing."""
    with rig.connect("discard") as sock:
        sock.sendall(b"x" * MIB)
        assert net.silent(sock, 0.1)


def test_endpoint_has_a_port_of_its_own(rig: Rig) -> None:
    """Core: the endpoint's port wins over that of the cluster."""
    with rig.connect("per-endpoint") as sock:
        assert net.ask(sock, b"x") == b"x"


def test_cluster_binds_its_source_address(rig: Rig) -> None:
    """Core: `bind` of a cluster."""
    with rig.connect("bound") as sock:
        assert net.ask(sock, b"x") == b"x"
        assert rig.accepted[-1][0] == "127.0.0.3"


def test_metadata_name_both_ends(rig: Rig) -> None:
    """Row 11: what rules may ask about a TCP session."""
    with rig.connect("tcp") as sock:
        assert net.ask(sock, b"x") == b"x"
        (session,) = rig.mesh.sessions("tcp")
        local, remote = sock.getsockname(), sock.getpeername()
        assert session["name"] == f"TCP:127.0.0.1:{local[1]}-127.0.0.1:{remote[1]}"
        assert session["metadata"]["IP"] == {"src_addr": "127.0.0.1", "dst_addr": "127.0.0.1"}
        assert session["metadata"]["TCP"] == {"src_port": local[1], "dst_port": remote[1]}


def test_unix_session_knows_its_file(rig: Rig) -> None:
    """Row 15: echoed, `UNIX.filename` is set, the name counts."""
    with rig.connect("unix") as sock:
        assert net.ask(sock, b"x") == b"x"
        (session,) = rig.mesh.sessions("unix")
        assert session["metadata"]["UNIX"] == {"filename": str(rig.folder / "unix")}
        assert session["name"].startswith("UNIX:unix-")


def test_stale_socket_file_is_replaced(rig: Rig) -> None:
    """Row 15: a file left by a process that is gone does not matter."""
    with rig.connect("unix-stale") as sock:
        assert net.ask(sock, b"x") == b"x"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_socket_file_is_removed_on_exit(tmp_path: Path, number: signal.Signals) -> None:
    """Row 15: nothing is left behind."""
    path = tmp_path / "u.sock"
    config = {
        "listeners": [listener("u", "UNIX", "echo", filename=str(path))],
        "clusters": [builtin("echo", "Echo")],
    }
    with Mesh(config) as mesh:
        assert path.is_socket()
        mesh.signal(number)
        net.eventually(lambda: not mesh.is_alive)
        assert not os.path.lexists(path)

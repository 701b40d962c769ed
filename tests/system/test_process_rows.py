"""The process at work: reloading, rolling back, draining."""

from __future__ import annotations

import signal
import socket
from typing import Any

import pytest
import yaml
from support import net
from support.http_wire import Client
from support.mesh import CONTROLLER, Mesh
from support.servers import tcp_server
from support.shape import builtin, cluster, listener


def get(port: int, path: str = "/") -> tuple[int, bytes]:
    """Status and body."""
    with Client(port) as client:
        response = client.ask(f"GET {path} HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n".encode())
        return response.status, response.body


def says(word: str, port: int = 0) -> dict[str, Any]:
    """A configuration whose listener "http" answers `word`."""
    return {
        "listeners": [CONTROLLER, listener("http", "HTTP", "answer", port=port)],
        "clusters": [builtin("answer", "DirectResponse", body=word)],
    }


def answers(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize("how", ["SIGHUP", "watch"])
def test_changed_file_is_in_force(how: str) -> None:
    """Core: at SIGHUP, or when it is seen to have changed; the listener's port stays."""
    port = net.free_port()
    with Mesh(says("old", port), controller=False) as mesh:
        assert get(port)[1] == b"old"
        mesh.file.write_text(yaml.safe_dump(says("new", port)))
        if how == "SIGHUP":
            mesh.signal(signal.SIGHUP)
        net.eventually(lambda: get(port)[1] == b"new")


def test_bad_file_changes_nothing() -> None:
    """Core: the old configuration keeps serving, the log says where; a good file is taken again."""
    port = net.free_port()
    with Mesh(says("old", port), controller=False) as mesh:
        mesh.file.write_text("listeners:\n- name: http\n  spec: {protocol: NOPE}\n  rules: []\n")
        mesh.signal(signal.SIGHUP)
        net.eventually(lambda: f"{mesh.file}:3:" in mesh.log)
        assert get(port)[1] == b"old"
        mesh.file.write_text(yaml.safe_dump(says("new", port)))
        mesh.signal(signal.SIGHUP)
        net.eventually(lambda: get(port)[1] == b"new")


def test_file_that_can_not_be_bound_is_rolled_back() -> None:
    """Core: all or nothing."""
    port = net.free_port()
    with socket.create_server(("127.0.0.1", 0)) as taken, Mesh(says("old", port), controller=False) as mesh:
        config = says("new", port)
        config["listeners"].append(listener("more", "TCP", "answer", port=taken.getsockname()[1]))
        mesh.file.write_text(yaml.safe_dump(config))
        mesh.signal(signal.SIGHUP)
        net.eventually(lambda: "EADDRINUSE" in mesh.log)
        assert get(port)[1] == b"old"


def test_sigterm_drains() -> None:
    """Core: new clients are refused, the old one finishes, then the process ends with 0."""
    with tcp_server() as (up, _):
        config = {
            "listeners": [CONTROLLER, listener("tcp", "TCP", "up")],
            "clusters": [cluster("up", "TCP", up)],
        }
        with Mesh(config, controller=False) as mesh:
            port = mesh.port("tcp")
            with net.tcp(port) as sock:
                assert net.ask(sock, b"1") == b"1"
                mesh.signal(signal.SIGTERM)
                net.eventually(lambda: not answers(port))
                assert net.ask(sock, b"2") == b"2"
                assert mesh.is_alive
            net.eventually(lambda: not mesh.is_alive)
            assert mesh.process is not None
            assert mesh.process.returncode == 0


def test_drain_time_bounds_the_drain() -> None:
    """Core: a client that does not finish is cut off."""
    config = {"listeners": [CONTROLLER, listener("tcp", "TCP", "e")], "clusters": [builtin("e", "Echo")]}
    with Mesh(config, "--drain-time", "0.3", controller=False) as mesh, net.tcp(mesh.port("tcp")) as sock:
        assert net.ask(sock, b"1") == b"1"
        mesh.signal(signal.SIGTERM)
        net.eventually(lambda: not mesh.is_alive)
        assert mesh.process is not None
        assert mesh.process.returncode == 0

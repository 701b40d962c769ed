"""What is never answered ends with an error, and impossible settings are refused before they are used."""

from __future__ import annotations

import http.client
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from support.mesh import ApiError, Mesh
from support.servers import websocket_server


def _listener(name: str, route: dict[str, object]) -> dict[str, object]:
    return {
        "name": name,
        "spec": {"protocol": "HTTP", "port": 0, "address": "127.0.0.1"},
        "rules": [{"action": {"route": route}}],
    }


def _post(port: int, body: bytes) -> tuple[int, bytes]:
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    client.request("POST", "/", body)
    response = client.getresponse()
    answer = response.read()
    client.close()
    return response.status, answer


def test_a_datagram_that_nobody_answers_is_a_gateway_timeout() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind(("127.0.0.1", 0))
        cluster = {
            "name": "deaf",
            "spec": {"protocol": "UDP", "port": deaf.getsockname()[1]},
            "endpoints": [{"spec": {"address": "127.0.0.1"}}],
        }
        with Mesh({"listeners": [_listener("in", {"destination": "deaf"})], "clusters": [cluster]}) as mesh:
            status, _ = _post(mesh.port("in"), b"anybody?")
            assert status == 504


def test_an_http_body_may_be_as_long_as_the_websocket_cluster_allows() -> None:
    with websocket_server() as (port, _):
        cluster = {
            "name": "ws",
            "spec": {"protocol": "WebSocket", "port": port, "max_message": 8 << 20},
            "endpoints": [{"spec": {"address": "127.0.0.1"}}],
        }
        with Mesh({"listeners": [_listener("in", {"destination": "ws"})], "clusters": [cluster]}) as mesh:
            # The server of the test takes 1 MiB, so the proxy itself must refuse nothing before that.
            status, answer = _post(mesh.port("in"), b"x" * 1_000_000)
            assert (status, len(answer)) == (200, 1_000_000)


@pytest.mark.parametrize(
    ("admin", "why"),
    [({"access_log_format": "%FOO%"}, "FOO"), ({"log_level": "loud"}, "loud")],
)
def test_admin_settings_that_can_not_work_are_refused(admin: dict[str, str], why: str) -> None:
    with Mesh({}) as mesh, pytest.raises(ApiError, match=why) as refused:
        mesh.call("POST", "admin", {"admin": admin})
    assert refused.value.status == 400


@pytest.mark.parametrize("filename", ["", "/tmp/" + "x" * 200])
def test_a_unix_path_that_can_not_be_bound_is_told_by_validate(filename: str, tmp_path: Path) -> None:
    file = tmp_path / "mesh.yaml"
    file.write_text(
        f"listeners:\n- name: u\n  spec: {{protocol: UNIX, filename: '{filename}'}}\n  rules: []\n"
    )
    command = [sys.executable, "-m", "l7mp_mesh", "validate", str(file)]
    told = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert told.returncode == 1
    assert f"{file}:3:" in told.stdout
    assert "filename" in told.stdout


@pytest.mark.parametrize(
    "command",
    [
        ["l7mp_mesh", "run", "-c", "x.yaml", "--drain-time", "nan"],
        ["xds_server", "serve", "--dir", ".", "--grpc", "127.0.0.1:99999"],
        ["xds_server", "serve", "--dir", ".", "--grpc", "nowhere"],
    ],
)
def test_flags_that_make_no_sense_are_refused_by_name(command: list[str]) -> None:
    told = subprocess.run(
        [sys.executable, "-m", *command], capture_output=True, text=True, timeout=30, check=False
    )
    assert told.returncode == 2
    assert command[-2] in told.stderr

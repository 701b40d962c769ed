"""The process around the configuration: starting, refusing, naming and logging."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from support import net
from support.http_wire import Client
from support.mesh import CONTROLLER, Mesh
from support.servers import udp_server
from support.shape import builtin, cluster, listener, rule

COMMAND = (sys.executable, "-m", "l7mp_mesh")

EXAMPLE_3 = """\
  admin:
    log_level: debug
    log_file: stdout
    access_log_path: {folder}/admin_access.log
  listeners:
    - name: controller_listener
      spec: {{ protocol: HTTP, port: {controller} }}
      rules:
        - action:
            route:
              cluster: controller   # northbound: predefined INLINE/stream
    - name: monitor_listener
      spec: {{ protocol: HTTP, port: {monitor} }}
      rules:
        - action:
            route:
              cluster: monitor_responder   # predefined INLINE/stream
  clusters:
    - name: controller
      spec: {{ protocol: L7MPController }}
    - name: monitor_responder
      spec: {{ protocol: PROMETHEUS }}
    - name: "drop"
      spec: {{ protocol: DROP }}
    - name: "ingress:up"
      spec: {{ protocol: UNIX }}
      endpoints:
        - spec: {{ path: "/tmp/ingress_up.sock" }}
    - name: "egress:up"
      spec: {{ protocol: UNIX }}
      endpoints:
        - spec: {{ path: "/tmp/egress_up.sock" }}
    - name: "ingress:down"
      spec: {{ protocol: UNIX }}
      endpoints:
        - spec: {{ path: "/tmp/ingress_down.sock" }}
    - name: "egress:down"
      spec: {{ protocol: UNIX }}
      endpoints:
        - spec: {{ path: "/tmp//egress_down.sock" }}
    - name: "transcode:up"
      spec: {{ protocol: WS, port: 8888 }}
      endpoints:
        - spec: {{ address: "transcode1.default.svc.cluster.local" }}
    - name: "transcode:down"
      spec: {{ protocol: WS, port: 8888 }}
      endpoints:
        - spec: {{ address: "transcode2.default.svc.cluster.local" }}
"""
"""Example 3 of the concept document; only ports and the folder of the log differ."""


def refused(text: str, *flags: str, name: str = "bad.yaml") -> tuple[int, str]:
    """Exit status and standard error of `run` on a configuration that can not be used."""
    with _file(text, name) as path:
        done = subprocess.run(
            [*COMMAND, "run", "-c", str(path), *flags],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
        return done.returncode, done.stderr.replace(str(path.parent) + "/", "")


@contextmanager
def _file(text: str, name: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_text(text)
        yield path


def get(port: int, path: str = "/") -> tuple[int, bytes]:
    """Status and body."""
    with Client(port) as client:
        response = client.ask(f"GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n".encode())
        return response.status, response.body


def says(word: str, port: int = 0) -> dict[str, Any]:
    """A configuration whose listener "http" answers `word`."""
    return {
        "listeners": [CONTROLLER, listener("http", "HTTP", "answer", port=port)],
        "clusters": [builtin("answer", "DirectResponse", body=word)],
    }


def test_example_3_of_the_concept_starts(tmp_path: Path) -> None:
    """Row 1: verbatim; nine clusters are listed, with the words in which they were written."""
    controller, monitor = net.free_port(), net.free_port()
    text = EXAMPLE_3.format(folder=tmp_path, controller=controller, monitor=monitor)
    with Mesh(text, controller=False):
        clusters = json.loads(get(controller, "/api/v1/clusters")[1])
        names = [item["name"] for item in clusters]
        assert names[:3] == ["controller", "monitor_responder", "drop"]
        assert len(names) >= 9
        protocols = {item["name"]: item["spec"]["protocol"] for item in clusters}
        assert protocols["transcode:up"] == "WS"
        assert protocols["drop"] == "DROP"
        assert b"# TYPE" in get(monitor, "/metrics")[1]


@pytest.mark.parametrize("suffix", ["yaml", "json"])
def test_file_is_yaml_or_json(suffix: str) -> None:
    """Row 1: both."""
    config = says("hello")
    text = yaml.safe_dump(config) if suffix == "yaml" else json.dumps(config)
    with Mesh(text, controller=False) as mesh:
        assert get(mesh.port("http")) == (200, b"hello")


def test_bad_file_is_told_with_its_place() -> None:
    """Row 1: exit status 1, every problem with file, line and column."""
    status, told = refused(
        "listeners:\n- name: a\n  spec: {protocol: TCP, port: 99999}\n  rules: []\n"
        "- name: b\n  spec: {protocol: NOPE}\n  rules: []\n"
    )
    assert status == 1
    assert "bad.yaml:3:" in told
    assert "99999" in told
    assert "bad.yaml:6:" in told
    assert "NOPE" in told


@pytest.mark.parametrize(
    ("text", "place"), [("listeners: [", "bad.yaml:2:"), ("- 1", "bad.yaml:1:"), ("a: b: c", "bad.yaml:1:")]
)
def test_text_that_can_not_be_parsed_is_told(text: str, place: str) -> None:
    """Row 1: no traceback."""
    status, told = refused(text)
    assert status == 1
    assert place in told
    assert "Traceback" not in told


def test_missing_file_is_told(tmp_path: Path) -> None:
    """Row 1: by name."""
    done = subprocess.run(
        [*COMMAND, "run", "-c", str(tmp_path / "none.yaml")],
        capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "none.yaml" in done.stderr


def test_no_configuration_is_an_error() -> None:
    """Row 1: as in the original."""
    for command in (COMMAND, (*COMMAND, "run")):
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
        assert done.returncode == 1
        assert done.stderr


@pytest.mark.parametrize("protocol", ["TCP", "HTTP", "UDP", "WebSocket"])
def test_bind_error_names_listener_and_address(protocol: str) -> None:
    """Core: bind errors reach whoever starts the process."""
    kind = socket.SOCK_DGRAM if protocol == "UDP" else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", 0))
        if kind is socket.SOCK_STREAM:
            taken.listen()
        port = taken.getsockname()[1]
        config = {
            "listeners": [listener("mine", protocol, "echo", port=port)],
            "clusters": [builtin("echo", "DirectResponse")],
        }
        status, told = refused(yaml.safe_dump(config))
    assert status == 1
    assert "mine" in told
    assert f"127.0.0.1:{port}" in told
    assert "EADDRINUSE" in told
    assert "Traceback" not in told


def test_loop_of_rule_lists_is_refused_at_load() -> None:
    """Row 32: named, one after the other."""
    lists = [
        {"name": one, "rules": [{"action": {"apply": other}}]} for one, other in (("a", "b"), ("b", "a"))
    ]
    status, told = refused(yaml.safe_dump({"rulelists": lists}))
    assert status == 1
    assert "a" in told
    assert "b" in told


def test_strict_makes_unknown_fields_errors() -> None:
    """Core: a warning otherwise."""
    config = says("x")
    config["listeners"][1]["color"] = "red"
    text = yaml.safe_dump(config, sort_keys=False)
    status, told = refused(text, "-s")
    assert status == 1
    assert "color" in told
    with Mesh(text, controller=False) as mesh:
        assert "color" in mesh.log
        assert get(mesh.port("http"))[0] == 200


def test_strict_makes_dangling_names_errors() -> None:
    """Core: a warning otherwise."""
    config = {"listeners": [CONTROLLER, listener("l", "TCP", "nowhere")]}
    text = yaml.safe_dump(config, sort_keys=False)
    status, told = refused(text, "-s")
    assert status == 1
    assert "nowhere" in told
    with Mesh(text, controller=False) as mesh:
        assert "nowhere" in mesh.log


@pytest.mark.parametrize("word", [[], ["run"]])
def test_flags_of_the_original_are_taken(word: list[str], tmp_path: Path) -> None:
    """Row 1: `-c FILE -s -l LEVEL`, with and without the word run."""
    path = tmp_path / "m.yaml"
    port = net.free_port()
    path.write_text(yaml.safe_dump(says("hello", port)))
    process = subprocess.Popen(
        [*COMMAND, *word, "-c", str(path), "-s", "-l", "warn"], stderr=subprocess.PIPE, text=True
    )
    try:
        net.eventually(lambda: _answers(port))
        assert get(port) == (200, b"hello")
    finally:
        process.send_signal(signal.SIGTERM)
        _, told = process.communicate(timeout=10)
    assert process.returncode == 0
    assert "INFO" not in told


def _answers(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def test_controller_and_monitor_are_predefined() -> None:
    """Row 3: usable by name, without a definition."""
    config = {"listeners": [CONTROLLER, listener("monitor", "HTTP", "monitor_responder")]}
    with Mesh(config, "-s", controller=False) as mesh:
        admin = mesh.call("GET", "admin")
        assert admin["strict"] is True
        assert b"listener_requests_total" in get(mesh.port("monitor"))[1]


def test_monitor_counts_connections() -> None:
    """Row 4: one more sample value per TCP connection."""
    config = {
        "listeners": [listener("monitor", "HTTP", "monitor_responder"), listener("tcp", "TCP", "echo")],
        "clusters": [builtin("echo", "Echo")],
    }
    with Mesh(config) as mesh:

        def count() -> float:
            text = get(mesh.port("monitor"), "/metrics")[1].decode()
            assert "# TYPE listener_requests_total counter" in text
            lines = [line for line in text.splitlines() if line.startswith("listener_requests_total{")]
            return sum(float(line.split()[-1]) for line in lines if 'listenerName="tcp"' in line)

        before = count()
        for number in range(1, 4):
            with net.tcp(mesh.port("tcp")) as sock:
                assert net.ask(sock, b"x") == b"x"
            assert count() == before + number


def test_log_and_access_log_go_to_their_files(tmp_path: Path) -> None:
    """Row 5: the log file has the log, standard error nothing; three requests are three lines."""
    log, access = tmp_path / "mesh.log", tmp_path / "access.log"
    config = says("x", net.free_port())
    config["listeners"].pop(0)
    config["admin"] = {"log_level": "info", "log_file": str(log), "access_log_path": str(access)}
    path = tmp_path / "m.yaml"
    path.write_text(yaml.safe_dump(config))
    process = subprocess.Popen(
        [*COMMAND, "run", "-c", str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        port = config["listeners"][0]["spec"]["port"]
        net.eventually(lambda: log.exists() and "ready" in log.read_text())
        for _ in range(3):
            assert get(port, "/logged")[0] == 200
    finally:
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=10)
    assert (out, err) == (b"", b"")
    lines = access.read_text().splitlines()
    assert len(lines) == 3
    assert all("/logged" in line for line in lines)


@pytest.mark.parametrize(("level", "shows"), [("silent", False), ("error", False), ("info", True)])
def test_log_level_is_obeyed(level: str, shows: bool, tmp_path: Path) -> None:
    """Row 5: from the flag."""
    port = net.free_port()
    path = tmp_path / "m.yaml"
    path.write_text(yaml.safe_dump(says("x", port)))
    process = subprocess.Popen([*COMMAND, "run", "-c", str(path), "-l", level], stderr=subprocess.PIPE)
    net.eventually(lambda: _answers(port))
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=10)
    assert bool(err) is shows


def test_inline_objects_get_their_names() -> None:
    """Row 7: as the original names them, from 0."""
    config = {
        "listeners": [
            listener("l", "TCP", {"destination": {"spec": {"protocol": "Echo"}}, "ingress": [_spec("Echo")]}),
            listener("m", "TCP", [{"name": "named", "action": {"route": "by-name"}}]),
        ],
        "routes": [{"name": "by-name", "destination": "c"}],
        "clusters": [cluster("c", "TCP", 9)],
    }
    with Mesh({**config, "listeners": [*config["listeners"], CONTROLLER]}, controller=False) as mesh:
        found = mesh.call("GET", "config")
        names = {
            word: [item["name"] for item in found[word]]
            for word in ("rulelists", "rules", "routes", "clusters")
        }
        assert names["rulelists"][0] == "l-RuleList-0"
        assert names["rules"][0] == "l-RuleList-0-Rule-0"
        assert "named" in names["rules"]
        route = "l-RuleList-0-Rule-0-Route-0"
        assert {route, "by-name"} <= set(names["routes"])
        assert {f"{route}-Cluster-0", f"{route}-ingress-Cluster-1", "c"} & set(names["clusters"])
        assert [each for each in names["clusters"] if each.startswith(f"{route}-ingress-Cluster-")]


def _spec(protocol: str) -> dict[str, Any]:
    return {"spec": {"protocol": protocol}}


def test_tutorial_sequence_is_accepted() -> None:
    """Row 7: cluster, listener with an inline Logger, and traffic through them."""
    with udp_server() as (up, _), Mesh({}) as mesh:
        mesh.call("POST", "clusters", {"cluster": cluster("udp-cluster", "UDP", up)})
        route = {"destination": "udp-cluster", "ingress": [_spec("Logger")], "retry": {"retry_on": "always"}}
        mesh.call("POST", "listeners", {"listener": listener("udp-listener", "UDP", route)})
        with net.udp(mesh.port("udp-listener")) as sock:
            assert net.ask(sock, b"through the logger") == b"through the logger"
        assert "through the logger" in net.eventually(lambda: mesh.log)
        mesh.call("DELETE", "listeners/udp-listener?recursive=true")
        assert "udp-listener" not in json.dumps(mesh.call("GET", "config"))


def test_rules_may_be_added_without_the_word_action() -> None:
    """Row 7: `route` as a shorthand, and `cluster` for `destination`."""
    config = {
        "listeners": [listener("l", "TCP", [{"route": {"cluster": "e"}}]), listener("m", "TCP", [rule("e")])],
        "clusters": [builtin("e", "Echo")],
    }
    with Mesh(config) as mesh:
        for name in ("l", "m"):
            with net.tcp(mesh.port(name)) as sock:
                assert net.ask(sock, b"x") == b"x"

"""The examples: each is valid, starts, and does what its comment says. Ports are exchanged for free ones."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import net
from support.mesh import Mesh

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
NATIVE = sorted(EXAMPLES.glob("*.yaml"))
DRAIN = ("--drain-time", "0.1")
PORT = re.compile(r"\b((?:port|port_value): )(\d+)")


def exchanged(text: str, socket_file: Path) -> tuple[str, dict[int, int]]:
    """The text with other ports, and which became which."""
    ports = {port: net.free_port() for port in {int(found) for _, found in PORT.findall(text)}}
    text = PORT.sub(lambda match: f"{match[1]}{ports[int(match[2])]}", text)
    return text.replace("/tmp/l7mp-echo.sock", str(socket_file)), ports


class Started:
    """A running example."""

    def __init__(self, mesh: Mesh, ports: dict[int, int]) -> None:
        self.mesh = mesh
        self._ports = ports

    def get(self, port: int, path: str, body: str | None = None, **headers: str) -> tuple[int, str]:
        """An HTTP request to a port as the example spells it: status and body."""
        client = http.client.HTTPConnection("127.0.0.1", self._ports[port], timeout=net.DEADLINE)
        with contextlib.closing(client):
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            client.request("GET" if body is None else "POST", path, body, named)
            response = client.getresponse()
            return response.status, response.read().decode()

    def ask(self, kind: str, place: int | str, *lines: str) -> list[str]:
        """What examples/client.py prints."""
        where = place if isinstance(place, str) else f"127.0.0.1:{self._ports[place]}"
        done = subprocess.run(
            [sys.executable, str(EXAMPLES / "client.py"), kind, where],
            check=False,
            input="".join(f"{line}\n" for line in lines),
            capture_output=True,
            text=True,
            timeout=30,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    def put(self, path: str, body: object) -> int:
        """A PUT to the control API: the status."""
        client = http.client.HTTPConnection("127.0.0.1", self._ports[1234], timeout=net.DEADLINE)
        with contextlib.closing(client):
            client.request("PUT", f"/api/v1/{path}", json.dumps(body), {"content-type": "application/json"})
            return client.getresponse().status


@contextlib.contextmanager
def started(name: str, folder: Path) -> Iterator[Started]:
    text, ports = exchanged((EXAMPLES / name).read_text(), folder / "echo.sock")
    with Mesh(text, "--strict", *DRAIN, controller=False, env={"PYTHONPATH": str(EXAMPLES)}) as mesh:
        yield Started(mesh, ports)


@pytest.mark.parametrize(
    "file", [*NATIVE, EXAMPLES / "xds" / "mesh" / "native.yaml"], ids=lambda file: file.stem
)
def test_an_example_is_valid_even_under_strict(file: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "l7mp_mesh", "validate", "--strict", str(file)],
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (done.returncode, done.stdout) == (0, f"{file}: valid\n")


def test_every_example_is_started_below() -> None:
    tests = Path(__file__).read_text()
    assert [file.name for file in NATIVE if f'started("{file.name}"' not in tests] == []


def test_every_example_says_how_to_run_it() -> None:
    for file in NATIVE:
        assert f"l7mp-mesh run -c examples/{file.name}" in file.read_text()


def test_echo(tmp_path: Path) -> None:
    with started("echo.yaml", tmp_path) as example:
        assert example.ask("tcp", 15001, "one", "two") == ["one", "two"]
        assert example.ask("udp", 15002, "one", "two") == ["one", "two"]
        assert example.ask("ws", 15003, "one", "two") == ["one", "two"]
        assert example.ask("unix", str(tmp_path / "echo.sock"), "one", "two") == ["one", "two"]
        assert example.get(15004, "/", "hello") == (200, "hello")
        assert example.get(1234, "/api/v1/sessions")[0] == 200


def test_http_split(tmp_path: Path) -> None:
    with started("http-split.yaml", tmp_path) as example:
        answers = Counter(example.get(15010, "/")[1] for _ in range(60))
        assert set(answers) == {"version 1\n", "version 2\n"}
        assert answers["version 1\n"] > answers["version 2\n"]
        assert {example.get(15010, "/beta/x") for _ in range(10)} == {(200, "version 2\n")}


def test_udp_over_websocket_with_a_live_reroute(tmp_path: Path) -> None:
    with (
        started("udp-over-websocket.yaml", tmp_path) as example,
        net.udp(example.mesh.port("media")) as client,
    ):
        assert net.ask(client, b"hello") == b"HELLO"
        assert example.put("routes/media", json.loads((EXAMPLES / "other-route.json").read_text())) == 200
        net.eventually(lambda: net.ask(client, b"hello").endswith(b": HELLO"))


def test_rules_and_metadata(tmp_path: Path) -> None:
    with started("rules-and-metadata.yaml", tmp_path) as example:
        _, plain = example.get(15030, "/hello", "x")
        assert "labels" not in json.loads(plain)["metadata"]
        _, labelled = example.get(15030, "/hello", "x", x_tenant="acme")
        assert json.loads(labelled)["metadata"]["labels"] == {"kind": "tenant", "checked": True}
        assert example.get(15030, "/admin/") == (403, "not for you\n")


def test_retry_and_reconnect(tmp_path: Path) -> None:
    with started("retry-and-reconnect.yaml", tmp_path) as example:
        assert example.get(15040, "/", "x") == (200, "x")
        status, why = example.get(15041, "/", "x")
        assert status == 404
        assert "Pipeline setup failed" in json.loads(why)["content"]
        assert example.ask("udp", 15042, "one", "two") == ["one", "two"]
        assert "boundaries are lost" in example.mesh.log


def test_balancing(tmp_path: Path) -> None:
    with started("balancing.yaml", tmp_path) as example:
        assert Counter(example.get(15050, "/")[1] for _ in range(6)) == {"a\n": 4, "b\n": 2}
        for user in ("ann", "bob", "cid"):
            assert len({example.get(15051, "/", x_user=user) for _ in range(5)}) == 1


def test_access_log_and_metrics(tmp_path: Path) -> None:
    with started("access-log-and-metrics.yaml", tmp_path) as example:
        assert example.get(15060, "/some/path", "hello") == (200, "hello")
        _, metrics = example.get(1235, "/metrics")
        assert 'listener_requests_total{listenerName="web",protocol="HTTP"} 1.0' in metrics
        assert net.eventually(lambda: " web POST /some/path 200 - 5 5 " in example.mesh.log)
        assert "metrics GET" not in example.mesh.log


def test_inline_transform(tmp_path: Path) -> None:
    with started("inline-transform.yaml", tmp_path) as example:
        assert example.ask("udp", 15070, "one", "two") == ["1: ONE!", "2: TWO!"]
        assert example.get(15071, "/", "hello") == (200, "HELLO")
        assert example.get(15071, "/private") == (403, "not here\n")


def test_xds(tmp_path: Path) -> None:
    mesh = tmp_path / "mesh"
    mesh.mkdir()
    texts = {file.name: file.read_text() for file in (EXAMPLES / "xds" / "mesh").iterdir()}
    joined, ports = exchanged("\0".join(texts.values()), tmp_path / "none")
    for name, text in zip(texts, joined.split("\0"), strict=True):
        (mesh / name).write_text(text)
    xds = net.free_port()
    bootstrap = (EXAMPLES / "xds" / "bootstrap.yaml").read_text().replace("18000", str(xds))
    server = [sys.executable, "-m", "xds_server", "serve", "--dir", str(mesh), "--grpc", f"127.0.0.1:{xds}"]
    with subprocess.Popen(server, stdout=subprocess.DEVNULL) as process:
        try:
            with Mesh(bootstrap, *DRAIN, controller=False) as dataplane:
                example = Started(dataplane, ports)
                assert dataplane.port("web") == ports[15080]
                answers = {example.get(15080, "/") for _ in range(30)}
                assert answers == {(200, "version 1\n"), (200, "version 2\n")}
                dataplane.port("udp")
                assert example.ask("udp", 15083, "one") == ["one"]
        finally:
            process.terminate()

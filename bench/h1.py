"""CPU per HTTP/1.1 request, against Envoy.

Method: load generator (wrk) and backend (nginx) on core 0, the proxy with one worker on core 1; the proxies
take turns; the figure is the proxy's own CPU time (user + system) divided by the requests it completed.
Ratios of one run count, absolute figures belong to the machine. Both proxies have 200 virtual hosts of 20
routes, an access log to a file, statistics, and retries armed.

Needs nginx, wrk and taskset on the PATH, and Envoy (see `tests/support/envoy.py`) for the comparison.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from support import envoy  # noqa: E402
from support.net import eventually, free_port, tcp  # noqa: E402

HOSTS, ROUTES = 200, 20
HOST, PATH = "host137.example", "/route13/x"
TICK = os.sysconf("SC_CLK_TCK")


@dataclass
class Round:
    """What one proxy did in one round."""

    requests: int
    cpu: float
    per_second: float
    p50: str
    p99: str
    errors: int

    @property
    def micros(self) -> float:
        """CPU microseconds per request."""
        return self.cpu / self.requests * 1e6


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and its children."""
    total = 0
    for each in (pid, *_children(pid)):
        with contextlib.suppress(FileNotFoundError):
            fields = Path(f"/proc/{each}/stat").read_text().rsplit(")", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
    return total / TICK


def _children(pid: int) -> list[int]:
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in path.read_text().split()] if path.exists() else []


@contextlib.contextmanager
def running(command: list[str], core: int, port: int, **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A process pinned to a core, from the moment it listens on `port`."""
    process = subprocess.Popen(["taskset", "-c", str(core), *command], **options)
    try:
        eventually(lambda: _listens(port) or process.poll() is not None, 30.0)
        if process.poll() is not None:
            raise SystemExit(f"did not start: {' '.join(command)}")
        yield process
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)
        if process.poll() is None:
            process.kill()


def _listens(port: int) -> bool:
    try:
        tcp(port).close()
    except OSError:
        return False
    return True


def nginx(folder: Path, port: int) -> list[str]:
    """A backend that answers 64 bytes."""
    config = folder / "nginx.conf"
    config.write_text(
        f"daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.err;"
        "events { worker_connections 4096; }"
        f"http {{ access_log off; keepalive_requests 1000000000; client_body_temp_path {folder}/body;"
        f"proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u;"
        f"scgi_temp_path {folder}/s;"
        f"server {{ listen 127.0.0.1:{port}; location / {{ return 200 '{'x' * 64}'; }} }} }}"
    )
    return ["nginx", "-c", str(config), "-p", str(folder)]


def mesh_config(folder: Path, port: int, backend: int) -> Path:
    """Ours: hosts by an exact match, each with its own list of routes."""
    to_backend = {"destination": "backend", "retry": {"retry_on": "connect-failure"}}
    rulelists = []
    hosts = []
    for host in range(HOSTS):
        rules = [
            {
                "match": {"op": "starts", "path": "/HTTP/url/path", "value": f"/route{route}/"},
                "action": {"route": "to-backend"},
            }
            for route in range(ROUTES)
        ]
        rulelists.append({"name": f"host{host}", "rules": rules})
        hosts.append(
            {
                "match": {"op": "test", "path": "/HTTP/headers/host", "value": f"host{host}.example"},
                "action": {"apply": f"host{host}"},
            }
        )
    config = {
        "admin": {"access_log_path": str(folder / "mesh.log"), "log_level": "warn"},
        "listeners": [
            {"name": "in", "spec": {"protocol": "HTTP", "port": port, "address": "127.0.0.1"}, "rules": hosts}
        ],
        "rulelists": rulelists,
        "routes": [{"name": "to-backend", **to_backend}],
        "clusters": [
            {
                "name": "backend",
                "spec": {"protocol": "HTTP", "port": backend},
                "endpoints": [{"spec": {"address": "127.0.0.1"}}],
            }
        ],
    }
    path = folder / "mesh.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    return path


def envoy_config(folder: Path, port: int, backend: int) -> Path:
    """The same as an Envoy bootstrap."""
    types = "type.googleapis.com/envoy.extensions"
    hosts = [
        {
            "name": f"host{host}",
            "domains": [f"host{host}.example"],
            "routes": [
                {
                    "match": {"prefix": f"/route{route}/"},
                    "route": {
                        "cluster": "backend",
                        "retry_policy": {"retry_on": "connect-failure", "num_retries": 1},
                    },
                }
                for route in range(ROUTES)
            ],
        }
        for host in range(HOSTS)
    ]
    manager = {
        "@type": f"{types}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "in",
        "route_config": {"name": "main", "virtual_hosts": hosts},
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": f"{types}.filters.http.router.v3.Router"},
            }
        ],
        "access_log": [
            {
                "name": "envoy.access_loggers.file",
                "typed_config": {
                    "@type": f"{types}.access_loggers.file.v3.FileAccessLog",
                    "path": str(folder / "envoy.log"),
                },
            }
        ],
    }
    config = {
        "static_resources": {
            "listeners": [
                {
                    "name": "in",
                    "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
                    "filter_chains": [
                        {
                            "filters": [
                                {
                                    "name": "envoy.filters.network.http_connection_manager",
                                    "typed_config": manager,
                                }
                            ]
                        }
                    ],
                }
            ],
            "clusters": [
                {
                    "name": "backend",
                    "type": "STATIC",
                    "load_assignment": {
                        "cluster_name": "backend",
                        "endpoints": [
                            {
                                "lb_endpoints": [
                                    {
                                        "endpoint": {
                                            "address": {
                                                "socket_address": {
                                                    "address": "127.0.0.1",
                                                    "port_value": backend,
                                                }
                                            }
                                        }
                                    }
                                ]
                            }
                        ],
                    },
                }
            ],
        }
    }
    path = folder / "envoy.json"
    path.write_text(json.dumps(config))
    return path


def measure(pid: int, port: int, seconds: int, connections: int) -> Round:
    """One round of wrk."""
    load = ["taskset", "-c", "0", "wrk", "-t1", "--latency", "-H", f"Host: {HOST}"]
    before = cpu_seconds(pid)
    text = subprocess.run(
        [*load, f"-c{connections}", f"-d{seconds}s", f"http://127.0.0.1:{port}{PATH}"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    cpu = cpu_seconds(pid) - before
    requests = int(re.search(r"(\d+) requests in", text)[1])  # type: ignore[index]
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    return Round(
        requests,
        cpu,
        float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1]),  # type: ignore[index]
        re.search(r"50%\s+(\S+)", text)[1],  # type: ignore[index]
        re.search(r"99%\s+(\S+)", text)[1],  # type: ignore[index]
        int(failed[1]) if failed else 0,
    )


def show(name: str, rounds: list[Round]) -> float:
    """Print one proxy's figures; returns the median CPU per request."""
    micros = sorted(each.micros for each in rounds)
    median = statistics.median(micros)
    rate = statistics.median(each.per_second for each in rounds)
    errors = sum(each.errors for each in rounds)
    middle = sorted(rounds, key=lambda each: each.micros)[len(rounds) // 2]
    print(
        f"{name:10} {median:6.1f} us/request  ({micros[0]:.1f} - {micros[-1]:.1f})  {rate:8.0f}/s"
        f"  p50 {middle.p50}  p99 {middle.p99}  errors {errors}"
    )
    return median


def main() -> int:
    """Run the comparison and print it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5, help="length of a round")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--alone", action="store_true", help="without Envoy")
    options = parser.parse_args()
    missing = [tool for tool in ("nginx", "wrk", "taskset") if shutil.which(tool) is None]
    if missing:
        print(f"bench/h1.py needs {', '.join(missing)} on the PATH", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="bench") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        backend, ours, theirs = free_port(), free_port(), free_port()
        quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        stack.enter_context(running(nginx(folder, backend), 0, backend, **quiet))
        config = mesh_config(folder, ours, backend)
        mesh = [sys.executable, "-m", "l7mp_mesh", "run", "-c", str(config)]
        proxies = {"l7mp-mesh": (stack.enter_context(running(mesh, 1, ours)).pid, ours)}
        if not options.alone:
            command = [str(envoy.binary()), "-c", str(envoy_config(folder, theirs, backend))]
            command += ["--concurrency", "1", "--log-level", "error", "--base-id", "77"]
            proxies["envoy"] = (stack.enter_context(running(command, 1, theirs, **quiet)).pid, theirs)
        rounds: dict[str, list[Round]] = {name: [] for name in proxies}
        for pid, port in proxies.values():
            measure(pid, port, 1, options.connections)
        for _ in range(options.rounds):
            for proxy, (pid, port) in proxies.items():
                rounds[proxy].append(measure(pid, port, options.seconds, options.connections))
                time.sleep(0.2)
        medians = {proxy: show(proxy, rounds[proxy]) for proxy in proxies}
    if "envoy" in medians:
        print(f"ratio {medians['l7mp-mesh'] / medians['envoy']:.2f} (ours / Envoy, lower is better)")
    return 0 if all(each.errors == 0 for done in rounds.values() for each in done) else 1


if __name__ == "__main__":
    sys.exit(main())

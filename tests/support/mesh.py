"""A real dataplane process under test, and its control API."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml
from support.net import DEADLINE, eventually

CONTROLLER = {
    "name": "controller-listener",
    "spec": {"protocol": "HTTP", "port": 0, "address": "127.0.0.1"},
    "rules": [{"action": {"route": {"destination": "controller"}}}],
}
"""A listener for the control API; every Mesh has one unless told otherwise."""


class ApiError(Exception):
    """The control API refused."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(f"{status}: {body}")
        self.status = status
        self.body = body


class Mesh:
    """`l7mp-mesh run` on a configuration; `with Mesh(config) as mesh:`."""

    def __init__(
        self,
        config: dict[str, Any] | str,
        *flags: str,
        controller: bool = True,
        env: dict[str, str] | None = None,
    ) -> None:
        if isinstance(config, dict) and controller:
            config = {**config, "listeners": [CONTROLLER, *config.get("listeners", [])]}
        text = config if isinstance(config, str) else yaml.safe_dump(config, sort_keys=False)
        self._folder = tempfile.TemporaryDirectory(prefix="mesh")
        self.folder = Path(self._folder.name)
        self.file = self.folder / "mesh.yaml"
        self.file.write_text(text)
        self._log_path = self.folder / "log"
        # A test that does not ask for it does not wait for its own connections to end.
        self._flags = flags if "--drain-time" in flags else (*flags, "--drain-time", "0.2")
        self._env = {**os.environ, **(env or {})}
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Mesh:
        with self._log_path.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "l7mp_mesh", "run", "-c", str(self.file), *self._flags],
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._env,
            )
        eventually(lambda: "ready version=" in self.log or not self.is_alive, 20.0)
        if not self.is_alive:
            log_text = self.log
            self._folder.cleanup()
            raise AssertionError(f"did not start:\n{log_text}")
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process is not None
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):
            if self.process.poll() is None:
                self.process.send_signal(number)
                try:
                    self.process.wait(3)
                except subprocess.TimeoutExpired:
                    continue
        self._folder.cleanup()

    @property
    def is_alive(self) -> bool:
        """True while the process runs."""
        return self.process is not None and self.process.poll() is None

    @property
    def pid(self) -> int:
        """Process id."""
        assert self.process is not None
        return self.process.pid

    @property
    def log(self) -> str:
        """Everything it has logged so far (to stdout and stderr)."""
        return self._log_path.read_text(errors="replace")

    def port(self, listener: str) -> int:
        """The port a listener is bound to."""
        pattern = re.compile(rf"listening listener={re.escape(listener)} address=\S*:(\d+)$", re.MULTILINE)
        found = eventually(lambda: pattern.findall(self.log))
        return int(found[-1])

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process."""
        assert self.process is not None
        self.process.send_signal(number)

    def rss(self) -> int:
        """Resident memory in bytes."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """One call of the control API below /api/v1; raises ApiError unless it answers 200."""
        status, answer, _ = self.raw(method, path, None if body is None else json.dumps(body).encode())
        if status != 200:
            raise ApiError(status, answer)
        return answer

    def raw(
        self, method: str, path: str, body: bytes | None, content_type: str = "application/json"
    ) -> tuple[int, Any, dict[str, str]]:
        """One call with any body: status, decoded answer, headers."""
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.port("controller-listener"), timeout=DEADLINE
        )
        try:
            headers = {} if body is None else {"content-type": content_type}
            connection.request(method, f"/api/v1/{path}", body, headers)
            response = connection.getresponse()
            text = response.read()
            try:
                answer = json.loads(text)
            except ValueError:
                answer = text
            return response.status, answer, {k.lower(): v for k, v in response.getheaders()}
        finally:
            connection.close()

    def sessions(self, listener: str) -> list[dict[str, Any]]:
        """Sessions that a listener has emitted, as the API lists them."""
        listed: list[dict[str, Any]] = self.call("GET", "sessions")
        return [item for item in listed if item["source"]["origin"] == listener]


def segment(name: str) -> str:
    """A name as one path segment."""
    return quote(name, safe="")

"""The tour of the README, typed by a machine: every command as it stands there, on free ports.

Numbers, times and digests differ from run to run; everything else that is printed must be as shown there.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import net

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
PORT = re.compile(r"(?<![\d.])(1234|1235|15\d{3}|18000)(?!\d)")
COMMANDS = {
    "l7mp-mesh": "l7mp_mesh.app.cli",
    "l7mpctl": "l7mp_mesh.app.ctl",
    "xds-server": "xds_server.__main__",
}


def plain(text: str) -> set[str]:
    """Lines without what differs from run to run."""
    text = re.sub(r"\b[0-9a-f]{16}\b|(?<!version )\d+", "#", text)
    return {" ".join(line.split()) for line in text.splitlines() if line.strip()}


class Terminals:
    """One shell for commands that end, and the programs that are left running."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._ports: dict[str, str] = {}
        tools = folder / "tools"
        tools.mkdir()
        for name, module in COMMANDS.items():
            tool = tools / name
            tool.write_text(f"#!{sys.executable}\nimport sys\nfrom {module} import main\nsys.exit(main())\n")
            tool.chmod(0o755)
        (tools / "python3").symlink_to(sys.executable)
        shutil.copytree(ROOT / "examples", folder / "examples", ignore=shutil.ignore_patterns("__pycache__"))
        for file in (folder / "examples").rglob("*.yaml"):
            file.write_text(self.here(file.read_text()))
        self._environment = {
            **os.environ,
            "PATH": f"{tools}:{os.environ['PATH']}",
            "PYTHONUNBUFFERED": "1",
            "PYTHONPATH": str(ROOT),
        }

    def here(self, text: str) -> str:
        """The text with free ports and a folder of its own."""
        text = PORT.sub(lambda found: self._ports.setdefault(found[0], str(net.free_port())), text)
        return text.replace("/tmp/mesh", str(self._folder / "mesh"))

    def run(self, command: str) -> str:
        """A command that ends: what it prints."""
        done = subprocess.run(
            ["bash", "-c", self.here(command)],
            check=False,
            cwd=self._folder,
            env={**self._environment, "L7MP_SERVER": self.here("http://127.0.0.1:1234")},
            capture_output=True,
            text=True,
            timeout=30,
        )
        return done.stdout + done.stderr

    def leave_running(self, command: str) -> None:
        """A command that stays; one of the same name before it is ended."""
        words = shlex.split(self.here(command))
        variables = dict(word.split("=", 1) for word in words if re.match(r"[A-Z]+=", word))
        paths = [value for name, value in variables.items() if name == "PYTHONPATH"]
        words = words[len(variables) :]
        if words[0] == "xds-server":
            words += ["--grpc", self.here("127.0.0.1:18000")]  # the default, which may be taken
        self.stop(words[0])
        with self.output_of(words[0]).open("wb") as output:
            self._running[words[0]] = subprocess.Popen(
                words,
                cwd=self._folder,
                env={**self._environment, "PYTHONPATH": os.pathsep.join([*paths, str(ROOT)])},
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def output_of(self, name: str) -> Path:
        """Where a program that stays writes."""
        return self._folder / f"{name}.out"

    def type(self, name: str, line: str) -> None:
        """Type a line into a program that stays."""
        stdin = self._running[name].stdin
        assert stdin is not None
        stdin.write(f"{line}\n".encode())
        stdin.flush()

    def prints(self, name: str, expected: str) -> None:
        """Wait until a program that stays has printed what is expected."""
        wanted = plain(self.here(expected))

        def printed() -> bool:
            return wanted <= plain(self.output_of(name).read_text())

        with contextlib.suppress(AssertionError):
            net.eventually(printed)
        assert wanted - plain(self.output_of(name).read_text()) == set(), self.output_of(name).read_text()

    def wait_for(self, name: str, word: str) -> None:
        """Wait until a program that stays has said something with that word in it."""
        net.eventually(lambda: word in self.output_of(name).read_text())

    def stop(self, name: str) -> None:
        """End a program that stays, without waiting for its sessions."""
        process = self._running.pop(name, None)
        if process is None:
            return
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):
            process.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(1)
        if process.stdin is not None:
            process.stdin.close()

    def stop_all(self) -> None:
        """End everything."""
        for name in list(self._running):
            self.stop(name)


@pytest.fixture
def terminals(tmp_path: Path) -> Iterator[Terminals]:
    made = Terminals(tmp_path)
    try:
        yield made
    finally:
        made.stop_all()


READY = {"l7mp-mesh": "ready", "xds-server": "serving", "python3": ""}
"""What a program that stays says when it can be used."""


def stays(command: str) -> str | None:
    """Name of the program if a command is one that stays."""
    words = [word for word in command.split() if "=" not in word]
    kept = words[:2] in (["l7mp-mesh", "run"], ["xds-server", "serve"], ["python3", "examples/client.py"])
    return words[0] if kept else None


def perform(terminals: Terminals, block: str) -> None:
    """Type a block of the README, and compare."""
    before, *steps = re.split(r"^\$ ", block, flags=re.MULTILINE)
    if before.startswith("xds-server:"):
        terminals.prints("xds-server", before)
    elif before:
        question, answer = before.splitlines()
        terminals.type("python3", question)
        terminals.prints("python3", answer)
    for step in steps:
        command, _, shown = step.partition("\n")
        name = stays(command)
        if name is None:
            net.eventually(lambda: _same(terminals.run(command), terminals.here(shown)))  # noqa: B023
            continue
        terminals.leave_running(command)
        terminals.wait_for(name, READY[name])
        if name == "python3":
            question, answer = shown.splitlines()
            terminals.type(name, question)
            terminals.prints(name, answer)
        else:
            terminals.prints(name, shown)


def _same(printed: str, shown: str) -> bool:
    """Whether a command printed what it should; said aloud, for whoever reads a failure."""
    if plain(printed) != plain(shown):
        sys.stdout.write(f"printed:\n{printed}\nexpected:\n{shown}\n")
        return False
    return True


def test_the_tour_works_as_typed(terminals: Terminals) -> None:
    blocks = BLOCK.findall((ROOT / "README.md").read_text())
    assert len(blocks) > 10
    for block in blocks:
        perform(terminals, block)

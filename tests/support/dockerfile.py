"""Runs what a Dockerfile says, without a container engine: every absolute path lies below a scratch root."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

PATHS = re.compile(r"(?<![\w./:-])/(?=[a-z])")
"""Where an absolute path begins in a command."""


@dataclass
class BuildStage:
    """What one FROM begins."""

    base: str
    name: str = ""
    steps: list[tuple[str, str]] = field(default_factory=list)
    """Instruction and its arguments, in order."""

    def last(self, instruction: str) -> str:
        """Arguments of the last instruction of that name, "" without."""
        return next((text for word, text in reversed(self.steps) if word == instruction), "")


def read(path: Path) -> list[BuildStage]:
    """The stages of a Dockerfile."""
    stages: list[BuildStage] = []
    lines = [line for line in path.read_text().splitlines() if not line.lstrip().startswith("#")]
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        word, _, rest = line.strip().partition(" ")
        if word == "FROM":
            base, _, name = rest.partition(" AS ")
            stages.append(BuildStage(base, name))
        elif word and stages:
            stages[-1].steps.append((word, rest.strip()))
    return stages


class Scratch:
    """An image file system that is a folder. Stages share it, so that paths inside files stay true."""

    def __init__(self, root: Path, context: Path) -> None:
        self.root = root
        self._context = context
        self._folder = root
        self._environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
        tools = root / "tools"
        tools.mkdir(parents=True)
        # The base image's `python`; the interpreter itself, not the virtual environment that tests run in.
        (tools / "python").symlink_to(Path(sys.executable).resolve())
        self._environment["PATH"] = f"{tools}:{os.environ['PATH']}"
        for variable in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"):
            self._environment.pop(variable, None)

    def build(self, stage: BuildStage, timeout: float) -> None:
        """Execute a stage. Raises CalledProcessError with what a command said."""
        before = self._set_aside()
        for word, text in stage.steps:
            match word:
                case "WORKDIR":
                    self._folder = self._inside(text)
                    self._folder.mkdir(parents=True, exist_ok=True)
                case "COPY":
                    self._copy(text, before)
                case "RUN":
                    self._run(PATHS.sub(f"{self.root}/", text), timeout)
                case "ENV":
                    self._set(text)
                case "USER" | "STOPSIGNAL" | "ENTRYPOINT" | "CMD":
                    continue
                case _:
                    raise AssertionError(f"{word} is not known here")

    def call(self, stage: BuildStage, *arguments: str) -> subprocess.CompletedProcess[str]:
        """What `docker run IMAGE arguments` would do."""
        entry = json.loads(stage.last("ENTRYPOINT"))
        found = shutil.which(entry[0], path=self._environment["PATH"])
        assert found is not None, f"{entry[0]} is not in the image"
        return subprocess.run(
            [found, *entry[1:], *arguments],
            check=False,
            cwd=self.root,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=30,
        )

    def _set_aside(self) -> Path:
        """Empty the file system; what the stage before left can only be had by COPY --from."""
        aside = self.root.with_name(f"{self.root.name}-before")
        aside.mkdir()
        for each in self.root.iterdir():
            if each.name != "tools":
                each.rename(aside / each.name)
        self._folder = self.root
        return aside

    def _inside(self, path: str) -> Path:
        return self.root / path.lstrip("/") if path.startswith("/") else self._folder / path

    def _copy(self, text: str, before: Path) -> None:
        words = shlex.split(text)
        source = self._context
        if words[0].startswith("--from="):
            source = before
            words = words[1:]
        *files, target = words
        for file in files:
            at = source / file.lstrip("/")
            into = self._inside(target) / at.name if target.endswith("/") else self._inside(target)
            into.parent.mkdir(parents=True, exist_ok=True)
            if at.is_dir():
                ignored = (
                    shutil.ignore_patterns("__pycache__", "*.binpb") if source is self._context else None
                )
                shutil.copytree(at, into, symlinks=True, ignore=ignored)
            else:
                shutil.copy(at, into)

    def _run(self, command: str, timeout: float) -> None:
        done = subprocess.run(
            ["/bin/sh", "-e", "-c", command],
            check=False,
            cwd=self._folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
        )
        if done.returncode:
            raise subprocess.CalledProcessError(done.returncode, command, done.stdout)

    def _set(self, text: str) -> None:
        for word in shlex.split(text):
            key, _, value = word.partition("=")
            value = PATHS.sub(f"{self.root}/", value)
            self._environment[key] = value.replace(f"${key}", self._environment.get(key, ""))

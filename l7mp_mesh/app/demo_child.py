"""Processes that the demo starts, and what they say."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections import deque
from collections.abc import Callable

from l7mp_mesh.io.tasks import spawn

KEPT_LINES = 1000
STOP_WITHIN = 5.0
"""Seconds for a process to end after SIGTERM; it is killed then."""
LOOK_EVERY = 0.02
"""Seconds between two looks at something that is waited for."""


class DemoFailed(Exception):
    """Something did not happen as it should; the message says what."""


async def until(what: str, ask: Callable[[], bool], within: float) -> float:
    """Wait until `ask()`; the seconds it took. Raises DemoFailed."""
    clock = asyncio.get_running_loop()
    begin = clock.time()
    while not ask():
        if clock.time() - begin > within:
            raise DemoFailed(f"{what}: not within {within:g} s")
        await asyncio.sleep(LOOK_EVERY)
    return clock.time() - begin


class Child:
    """A Python module run as a process; `on_line` hears every line it prints."""

    def __init__(self, name: str, on_line: Callable[[str, str], None]) -> None:
        self.name = name
        self.lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._on_line = on_line
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None

    async def start(self, module: str, *arguments: str) -> None:
        """Run `python -m module arguments`."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            module,
            *arguments,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            # Ctrl-C is for the demo, which then ends its children in order.
            start_new_session=True,
        )
        self._reader = spawn(f"output of {self.name}", self._read())

    @property
    def is_alive(self) -> bool:
        """False before the start and after the end."""
        return self._process is not None and self._process.returncode is None

    def said(self, text: str) -> str | None:
        """The last line so far that holds `text`."""
        return next((line for line in reversed(self.lines) if text in line), None)

    async def says(self, text: str, within: float = 10.0) -> str:
        """Wait for a line that holds `text`. Raises DemoFailed, also if the process ends before."""

        def heard() -> bool:
            if not self.is_alive and self.said(text) is None:
                raise DemoFailed(
                    f"{self.name} has ended: {self.lines[-1] if self.lines else 'without a word'}"
                )
            return self.said(text) is not None

        await until(f'{self.name} says "{text}"', heard, within)
        return self.said(text) or ""

    async def stop(self) -> None:
        """Ask it to end, twice if need be, then make it."""
        process = self._process
        if process is None:
            return
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):
            if process.returncode is not None:
                break
            with contextlib.suppress(ProcessLookupError):  # it has ended this moment
                process.send_signal(number)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STOP_WITHIN):
                    await process.wait()
        if self._reader is not None:
            self._reader.cancel()

    async def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        async for raw in self._process.stdout:
            line = raw.decode(errors="replace").rstrip()
            self.lines.append(line)
            self._on_line(self.name, line)

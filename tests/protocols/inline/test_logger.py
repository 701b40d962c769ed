"""Loggers whose file takes nothing for a while."""

from __future__ import annotations

import os
from pathlib import Path

from support.clock import FakeClock

from l7mp_mesh.protocols.inline.logger import RETRY, LogFiles


def test_what_a_full_pipe_does_not_take_is_offered_again(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    clock = FakeClock()
    file = LogFiles().open(str(path), clock)
    line = b"x" * 999 + b"\n"
    for _ in range(200):
        file.write(line)
    text = b""
    for _ in range(100):
        clock.advance(RETRY)
        try:
            text += os.read(reader, 1 << 20)
        except BlockingIOError:
            break
    os.close(reader)
    assert text == line * 200

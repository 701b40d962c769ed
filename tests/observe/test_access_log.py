"""Where lines go, and what happens when they can not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.attributes import FakeView, session

from l7mp_mesh.model.errors import ConfigError
from l7mp_mesh.observe.access_log import AccessLog
from l7mp_mesh.observe.log_format import compile_format

VIEW = FakeView(session())
LINE = compile_format("%LISTENER%")


def test_lines_are_written_when_flushed(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = AccessLog(str(path), LINE)
    log.write(VIEW)
    log.write(VIEW)
    assert path.read_text() == ""
    log.flush()
    assert path.read_text() == "in\nin\n"
    log.close()
    assert (log.lines, log.lost, log.errors) == (2, 0, 0)


def test_a_full_buffer_is_written_at_once(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = AccessLog(str(path), compile_format("x" * 1023))
    for _ in range(64):
        log.write(VIEW)
    assert path.stat().st_size == 64 << 10
    log.close()


def test_closing_writes_the_rest_behind_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("old\n")
    log = AccessLog(str(path), LINE)
    log.write(VIEW)
    log.close()
    assert path.read_text() == "old\nin\n"


def test_rotation_loses_no_line(tmp_path: Path) -> None:
    path, moved = tmp_path / "log", tmp_path / "log.1"
    log = AccessLog(str(path), LINE)
    log.write(VIEW)
    path.rename(moved)
    log.reopen()
    log.write(VIEW)
    log.close()
    assert moved.read_text() == path.read_text() == "in\n"


def test_the_old_file_is_kept_when_there_can_be_no_new_one(tmp_path: Path) -> None:
    folder, moved = tmp_path / "logs", tmp_path / "moved"
    folder.mkdir()
    log = AccessLog(str(folder / "log"), LINE)
    folder.rename(moved)
    log.reopen()
    log.write(VIEW)
    log.close()
    assert (moved / "log").read_text() == "in\n"
    assert (log.errors, log.lost) == (1, 0)


def test_a_path_that_can_not_be_opened_is_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="access_log_path"):
        AccessLog(str(tmp_path / "missing" / "log"), LINE)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_costs_lines_only() -> None:
    log = AccessLog("/dev/full", LINE)
    log.write(VIEW)
    log.flush()
    log.write(VIEW)
    log.close()
    assert (log.lines, log.lost, log.errors) == (2, 2, 2)


def test_standard_output_is_written_and_left_open(capfd: pytest.CaptureFixture[str]) -> None:
    log = AccessLog("stdout", LINE)
    log.write(VIEW)
    log.reopen()
    log.write(VIEW)
    log.close()
    os.write(1, b"still open\n")
    assert capfd.readouterr().out == "in\nin\nstill open\n"


def test_a_reader_that_stalls_costs_bounded_memory_and_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    log = AccessLog(str(path), compile_format("y" * 99))
    for _ in range(30_000):
        log.write(VIEW)
    log.flush()
    assert log.lost > 15_000
    lines = drain(reader, log)
    assert set(lines) == {b"y" * 99}
    assert len(lines) == log.lines - log.lost
    log.close()
    os.close(reader)


def drain(reader: int, log: AccessLog) -> list[bytes]:
    """Everything the log still has to say."""
    text = b""
    while True:
        try:
            text += os.read(reader, 1 << 16)
        except BlockingIOError:
            return text.splitlines()
        log.flush()

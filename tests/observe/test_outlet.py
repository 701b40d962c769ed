"""Lines for a reader that stalls, above all one of standard output."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator

import pytest

from l7mp_mesh.observe.outlet import MAX_PENDING, Outlet


@contextlib.contextmanager
def piped_output() -> Iterator[int]:
    """Standard output is a pipe that blocks who writes too much; yields its other end."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    saved = os.dup(1)
    os.dup2(writer, 1)
    os.close(writer)
    try:
        yield reader
    finally:
        os.dup2(saved, 1)
        os.close(saved)
        os.close(reader)


def read(reader: int) -> bytes:
    """What is there."""
    text = b""
    while True:
        try:
            text += os.read(reader, 1 << 20)
        except BlockingIOError:
            return text


@pytest.mark.timeout(10)
def test_a_stalled_reader_of_standard_output_stops_nobody() -> None:
    line = b"z" * 99 + b"\n"
    text = b""
    with piped_output() as reader:
        outlet = Outlet("stdout")
        for _ in range(300):
            outlet.write(line * 100)
        was_clogged = outlet.is_clogged
        while outlet.is_clogged:
            text += read(reader)
            outlet.write(b"")
        text += read(reader)
    assert was_clogged
    assert outlet.lost > 0
    assert set(text.splitlines()) == {line[:-1]}
    assert text.count(b"\n") == 30_000 - outlet.lost
    assert len(text) > MAX_PENDING // 2


@pytest.mark.timeout(10)
def test_standard_output_goes_on_blocking_for_others() -> None:
    with piped_output() as reader:
        outlet = Outlet("stdout")
        outlet.write(b"line\n")
        outlet.close()
        blocks = not fcntl.fcntl(1, fcntl.F_GETFL) & os.O_NONBLOCK
        os.write(1, b"more\n")
        text = read(reader)
    assert (blocks, text) == (True, b"line\nmore\n")


def test_a_reader_that_is_gone_costs_lines_only() -> None:
    with piped_output() as reader:
        nothing = os.open("/dev/null", os.O_RDONLY)
        os.dup2(nothing, reader)
        os.close(nothing)
        outlet = Outlet("stdout")
        with pytest.raises(BrokenPipeError):
            outlet.write(b"a\nb\n")
    assert outlet.lost == 2

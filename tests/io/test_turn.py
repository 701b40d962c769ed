"""What goes wrong while the writes of a turn are collected and flushed."""

from __future__ import annotations

from typing import cast

import pytest
from support.pipe import Recorder
from support.transport import FakeTransport

from l7mp_mesh.io.stream import StreamDriver
from l7mp_mesh.io.turn import Flushable, Turn, this_turn
from l7mp_mesh.pipe.reason import Reason

WRONG = cast("bytes", "text")


class Writer(Flushable):
    """Notes that it was flushed, and fails if it shall."""

    def __init__(self, failure: Exception | None = None) -> None:
        self._failure = failure
        self.flushes = 0

    def flush(self) -> None:
        self.flushes += 1
        if self._failure is not None:
            raise self._failure


def made() -> tuple[StreamDriver, FakeTransport]:
    transport = FakeTransport()
    driver = StreamDriver(Reason.UPSTREAM_RESET)
    driver.connection_made(transport)
    return driver, transport


@pytest.mark.parametrize("is_on", [False, True], ids=["at once", "kept"])
def test_what_is_no_bytes_is_refused_where_it_is_written(is_on: bool) -> None:
    driver, transport = made()
    turn = this_turn()
    turn.is_on = is_on
    try:
        driver.sink.data(b"good", 0)
        with pytest.raises(TypeError, match="str"):
            driver.sink.data(WRONG, 0)
        driver.sink.data(cast("bytes", bytearray(b"!")), 0)
        driver.sink.data(cast("bytes", memoryview(b"!")), 0)
    finally:
        turn.end()
    assert b"".join(transport.written) == b"good!!"


def test_a_writer_that_fails_does_not_keep_the_others_of_its_turn() -> None:
    turn = Turn()
    writers = [Writer(), Writer(OSError("first")), Writer(), Writer(OSError("second")), Writer()]
    for writer in writers:
        turn.add(writer)
    with pytest.raises(OSError, match="second"):
        turn.end()
    assert [writer.flushes for writer in writers] == [1] * 5
    turn.end()
    assert [writer.flushes for writer in writers] == [1] * 5


def test_a_read_whose_reader_fails_flushes_what_was_written() -> None:
    driver, transport = made()

    class Failing(Recorder):
        def data(self, chunk: bytes, flags: int) -> None:
            driver.sink.data(chunk, flags)
            raise ValueError("reader")

    driver.start(Failing())
    with pytest.raises(ValueError, match="reader"):
        driver.data_received(b"x")
    assert transport.written == [b"x"]

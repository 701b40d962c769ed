"""What a leg says about a connection that fails, whenever that happens."""

from __future__ import annotations

import errno

from support.pipe import Recorder
from support.transport import FakeTransport

from l7mp_mesh.io.stream import StreamDriver
from l7mp_mesh.pipe.reason import Reason


def made() -> StreamDriver:
    driver = StreamDriver(Reason.DOWNSTREAM_RESET)
    driver.connection_made(FakeTransport())
    return driver


def reset() -> OSError:
    return OSError(errno.ECONNRESET, "reset")


def test_a_connection_lost_before_the_leg_starts_is_told_after_what_had_come() -> None:
    driver = made()
    driver.data_received(b"early")
    driver.connection_lost(reset())
    into = Recorder()
    driver.start(into)
    assert into.body == b"early"
    assert into.aborted is Reason.DOWNSTREAM_RESET
    assert not into.is_ended


def test_an_end_before_the_start_is_told_even_if_the_connection_is_gone_by_then() -> None:
    driver = made()
    driver.data_received(b"early")
    driver.eof_received()
    driver.connection_lost(None)
    into = Recorder()
    driver.start(into)
    assert into.body == b"early"
    assert into.is_ended
    assert into.aborted is None


def test_a_leg_that_was_closed_before_its_start_tells_no_loss() -> None:
    driver = made()
    driver.close(Reason.SHUTDOWN)
    driver.connection_lost(None)
    into = Recorder()
    driver.start(into)
    assert into.aborted is None


class Closing(Recorder):
    """Closes the leg at the first byte."""

    def __init__(self, driver: StreamDriver) -> None:
        super().__init__()
        self._driver = driver

    def data(self, chunk: bytes, flags: int) -> None:
        super().data(chunk, flags)
        self._driver.close(Reason.OK)


def test_a_leg_that_is_closed_while_it_starts_emits_nothing_more() -> None:
    driver = made()
    driver.data_received(b"a")
    driver.data_received(b"b")
    driver.eof_received()
    into = Closing(driver)
    driver.start(into)
    assert into.body == b"a"
    assert not into.is_ended


def test_a_loss_is_told_once() -> None:
    driver = made()
    into = Recorder()
    driver.start(into)
    driver.connection_lost(reset())
    assert into.aborted is Reason.DOWNSTREAM_RESET

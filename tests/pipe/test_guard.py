from __future__ import annotations

import logging

import pytest
from support.pipe import Recorder

from l7mp_mesh.pipe.guard import Fault, Guard, attempt
from l7mp_mesh.pipe.head import STREAM_HEAD, Head, Last
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.pipe.verbs import OPEN_VALVE, Stage, Valve

VERBS = ("inform", "open", "data", "end", "abort")


def say(sink: Stage, verb: str) -> None:
    match verb:
        case "inform":
            sink.inform(STREAM_HEAD)
        case "open":
            sink.open(STREAM_HEAD, OPEN_VALVE)
        case "data":
            sink.data(b"x", 0)
        case "end":
            sink.end(None)
        case _:
            sink.abort(Reason.DELETED)


class Faulty(Stage):
    """Fails at one verb and counts how often it was called."""

    def __init__(self, verb: str) -> None:
        super().__init__()
        self.verb = verb
        self.calls = 0

    def _called(self, verb: str) -> None:
        self.calls += 1
        if verb == self.verb:
            raise ZeroDivisionError(verb)

    def inform(self, head: Head) -> None:
        self._called("inform")

    def open(self, head: Head, valve: Valve) -> None:
        self._called("open")

    def data(self, chunk: bytes, flags: int) -> None:
        self._called("data")

    def end(self, last: Last | None) -> None:
        self._called("end")

    def abort(self, reason: Reason) -> None:
        self._called("abort")


def test_every_verb_passes_a_guard() -> None:
    out = Recorder()
    guard = Guard(out, Recorder(), "t")
    for verb in VERBS:
        say(guard, verb)
    assert out.log == [("inform",), ("open",), b"x", "end", ("abort", Reason.DELETED)]
    assert guard.faults == 0


@pytest.mark.parametrize("verb", VERBS)
def test_an_exception_ends_the_session_once_and_cuts_the_chain_off(
    verb: str, caplog: pytest.LogCaptureFixture
) -> None:
    chain, broken = Faulty(verb), Recorder()
    guard = Guard(chain, broken, "shout")
    with caplog.at_level(logging.ERROR, "l7mp_mesh.transform"):
        say(guard, verb)
        say(guard, verb)
    assert broken.log == [("abort", Reason.TRANSFORM_FAULT)]
    assert (chain.calls, guard.faults) == (1, 1)
    assert len(caplog.records) == 1
    assert caplog.records[0].exc_info is not None


def test_an_attempt_gives_the_result() -> None:
    assert attempt(lambda: 3) == 3


def test_a_failed_attempt_names_the_exception() -> None:
    with pytest.raises(Fault, match="KeyError: 'x'") as caught:
        attempt(lambda: {}["x"])
    assert isinstance(caught.value.__cause__, KeyError)

"""Where a request leaves for its upstream, and is kept as long as it may have to be said again."""

from __future__ import annotations

from support.attributes import request
from support.pipe import CountingValve, Recorder
from support.upstream import ENDPOINT, ExchangeLeg, FakeLease

from l7mp_mesh.pipe.head import RequestHead
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.session.terminal import REPLAY_LIMIT, Answer, Front, Terminal, TerminalOwner


class Owner(TerminalOwner):
    """Notes what it is told."""

    def __init__(self) -> None:
        self.attributes = request()
        self.log: list[object] = []

    def dial(self) -> None:
        self.log.append("dial")

    def request_ended(self) -> None:
        self.log.append("request ended")

    def request_aborted(self, reason: Reason) -> None:
        self.log.append(reason)

    def answer_began(self, status: int, *, is_upgrade: bool) -> None:
        self.log.append((status, is_upgrade))

    def answer_ended(self) -> None:
        self.log.append("answer ended")

    def answer_aborted(self, reason: Reason) -> None:
        self.log.append(("answer", reason))


class Rig:
    """A terminal whose request has begun."""

    def __init__(self, method: bytes = b"GET") -> None:
        self.owner = Owner()
        self.terminal = Terminal(self.owner)
        self.valve = CountingValve()
        assert isinstance(self.owner.attributes.head, RequestHead)
        self.owner.attributes.head.method = method
        self.terminal.open(self.owner.attributes.head, self.valve)

    def attach(self) -> ExchangeLeg:
        """Lend it a leg."""
        leg = ExchangeLeg()
        self.terminal.attach(FakeLease(leg, ENDPOINT), Recorder())
        return leg


def test_the_head_asks_for_a_leg() -> None:
    assert Rig().owner.log == ["dial"]


def test_a_request_goes_to_its_leg_as_it_comes() -> None:
    rig = Rig(b"POST")
    leg = rig.attach()
    rig.terminal.data(b"a", 0)
    rig.terminal.data(b"b", 0)
    rig.terminal.end(None)
    assert leg.written.log[1:] == [b"a", b"b", "end"]
    assert not rig.terminal.can_repeat
    assert (rig.terminal.bytes, rig.terminal.chunks) == (2, 2)
    assert rig.owner.log == ["dial", "request ended"]


def test_an_idempotent_request_can_be_said_again_without_having_been_remembered() -> None:
    rig = Rig(b"PUT")
    rig.attach()
    assert rig.terminal.can_repeat
    rig.terminal.data(b"a", 0)
    rig.terminal.end(None)
    assert rig.terminal.can_repeat
    rig.terminal.hold()
    assert rig.attach().written.log[1:] == [b"a", "end"]


def test_a_request_without_a_body_is_said_again_with_its_end() -> None:
    rig = Rig()
    rig.attach()
    rig.terminal.end(None)
    rig.terminal.remember()
    rig.terminal.hold()
    assert rig.attach().written.log[1:] == ["end"]


def test_a_held_request_pauses_its_source_and_is_said_in_order() -> None:
    rig = Rig()
    rig.terminal.remember()
    rig.terminal.hold()
    assert rig.valve.held == 1
    rig.terminal.data(b"a", 0)
    rig.terminal.end(None)
    leg = rig.attach()
    assert rig.valve.held == 0
    assert leg.written.log[1:] == [b"a", "end"]


def test_a_remembered_request_is_said_again_to_the_next_leg() -> None:
    rig = Rig()
    rig.terminal.remember()
    first = rig.attach()
    rig.terminal.data(b"a", 0)
    first.written.valve.pause()
    assert rig.valve.held == 1
    rig.terminal.hold()
    rig.terminal.data(b"b", 0)
    second = rig.attach()
    assert rig.valve.held == 0
    rig.terminal.data(b"c", 0)
    assert first.written.body == b"a"
    assert second.written.body == b"abc"


def test_a_request_beyond_the_limit_is_forgotten() -> None:
    rig = Rig()
    rig.terminal.remember()
    leg = rig.attach()
    rig.terminal.data(bytes(REPLAY_LIMIT), 0)
    assert rig.terminal.can_repeat
    rig.terminal.data(b"x", 0)
    assert not rig.terminal.can_repeat
    assert len(leg.written.body) == REPLAY_LIMIT + 1


def test_a_request_that_was_answered_elsewhere_is_read_and_dropped() -> None:
    rig = Rig()
    rig.terminal.remember()
    rig.terminal.hold()
    rig.terminal.swallow()
    assert rig.valve.held == 0
    rig.terminal.data(b"x", 0)
    rig.terminal.end(None)
    assert not rig.terminal.can_repeat


def test_an_unlinked_terminal_tells_nobody() -> None:
    rig = Rig()
    rig.terminal.unlink()
    rig.terminal.end(None)
    rig.terminal.abort(Reason.DOWNSTREAM_RESET)
    assert rig.owner.log == ["dial"]


def test_an_answer_is_counted_and_its_milestones_are_told() -> None:
    owner, out = Owner(), Recorder()
    answer = Answer(owner)
    answer.next = out
    leg = ExchangeLeg()
    leg.start(answer)
    leg.answer(b"ok", 201)
    assert owner.log == [(201, False), "answer ended"]
    assert (answer.bytes, answer.has_begun) == (2, True)
    assert out.body == b"ok"


def test_the_failure_of_an_upstream_passes_no_transform() -> None:
    owner, out = Owner(), Recorder()
    front = Front(owner)
    front.next = out
    front.abort(Reason.UPSTREAM_RESET)
    assert owner.log == [("answer", Reason.UPSTREAM_RESET)]
    assert out.log == []

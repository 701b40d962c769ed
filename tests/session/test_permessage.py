"""Messages over HTTP: one request each, one at a time, answers in the order of the questions."""

from __future__ import annotations

import asyncio

from support.attributes import session
from support.loop import inside
from support.pipe import CountingValve, Recorder
from support.upstream import ExchangeLeg, FakeUpstream, settle

from l7mp_mesh.model.rules import RetryPolicy
from l7mp_mesh.pipe.head import STREAM_HEAD, RequestHead
from l7mp_mesh.pipe.kind import Kind
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.ports.upstream import Upstream
from l7mp_mesh.routing.table import Cell
from l7mp_mesh.session.permessage import ANSWER_LIMIT, QUEUE_MESSAGES, RequestPerMessage


class Rig:
    """A started leg."""

    def __init__(self, *, is_ready: bool = True) -> None:
        self.upstream = FakeUpstream("up", Kind.EXCHANGE, is_ready=is_ready)
        self.cell: Cell[Upstream] = Cell("up", self.upstream)
        self.leg = RequestPerMessage(self.cell, session(), RetryPolicy())
        self.out = Recorder()
        self.valve = CountingValve()
        self.leg.start(self.out)
        self.leg.sink.open(STREAM_HEAD, self.valve)

    def say(self, *messages: bytes) -> None:
        """The session's side."""
        for message in messages:
            self.leg.sink.data(message, 0)

    @property
    def server(self) -> ExchangeLeg:
        """The server's side of the request of the moment."""
        leg = self.upstream.leg
        assert isinstance(leg, ExchangeLeg)
        return leg


def test_every_message_is_a_request_and_every_answer_a_message() -> None:
    rig = Rig()
    for number in range(3):
        rig.say(b"q%d" % number)
        (head,) = rig.server.written.heads
        assert isinstance(head, RequestHead)
        assert (head.method, head.length, rig.server.written.body) == (b"POST", 2, b"q%d" % number)
        assert head.authority == b"10.0.0.9:81"
        rig.server.answer(b"a%d" % number)
    assert rig.out.log[1:] == [b"a0", b"a1", b"a2"]
    assert [lease.given_back for lease in rig.upstream.leases] == [Reason.OK] * 3


def test_one_question_at_a_time_with_the_source_held_back() -> None:
    rig = Rig()
    rig.say(b"1", b"2")
    assert rig.valve.held == 1
    assert len(rig.upstream.leases) == 1
    rig.server.answer(b"one")
    assert rig.server.written.body == b"2"
    assert rig.valve.held == 1
    rig.server.answer(b"two")
    assert rig.valve.held == 0
    assert rig.out.log[1:] == [b"one", b"two"]


def test_the_end_follows_the_last_answer() -> None:
    rig = Rig()
    rig.say(b"1", b"2")
    rig.leg.sink.end(None)
    rig.server.answer(b"one")
    assert not rig.out.is_ended
    rig.server.answer(b"two")
    assert rig.out.log[1:] == [b"one", b"two", "end"]


def test_what_does_not_fit_the_queue_is_dropped() -> None:
    rig = Rig()
    rig.say(*[b"%d" % number for number in range(QUEUE_MESSAGES + 10)])
    for _ in range(QUEUE_MESSAGES + 1):
        rig.server.answer(b"x")
    assert len(rig.upstream.leases) == QUEUE_MESSAGES + 1
    assert rig.valve.held == 0


def test_an_answer_that_is_too_long_breaks_the_flow() -> None:
    rig = Rig()
    rig.say(b"1")
    rig.server.answer(bytes(ANSWER_LIMIT + 1))
    assert rig.out.aborted is Reason.OVERFLOW


def test_a_request_that_is_cut_off_breaks_the_flow() -> None:
    rig = Rig()
    rig.say(b"1")
    rig.server.into.abort(Reason.UPSTREAM_RESET)
    assert rig.out.aborted is Reason.UPSTREAM_RESET
    assert rig.upstream.leases[0].given_back is Reason.UPSTREAM_RESET


@inside
async def test_a_connection_that_must_be_made_first_is_waited_for() -> None:
    rig = Rig(is_ready=False)
    rig.say(b"1")
    await settle()
    rig.server.answer(b"one")
    assert rig.out.body == b"one"


@inside
async def test_a_connection_that_can_not_be_made_breaks_the_flow() -> None:
    rig = Rig(is_ready=False)
    rig.upstream.failures = 1
    rig.say(b"1")
    await settle()
    assert rig.out.aborted is Reason.CONNECT_FAILED


@inside
async def test_a_closed_leg_connects_no_more() -> None:
    rig = Rig(is_ready=False)
    rig.upstream.may_open = asyncio.Event()
    rig.say(b"1")
    await settle()
    rig.leg.close(Reason.OK)
    rig.upstream.may_open.set()
    await settle()
    assert rig.upstream.leases == []
    assert rig.out.aborted is None


def test_a_message_goes_to_the_cluster_that_has_the_name_when_it_is_sent() -> None:
    rig = Rig()
    rig.say(b"1")
    rig.server.answer(b"one")
    old, rig.upstream = rig.upstream, FakeUpstream("up", Kind.EXCHANGE, is_ready=True)
    rig.cell.set(rig.upstream)
    rig.say(b"2")
    assert rig.server.written.body == b"2"
    assert len(old.leases) == 1


@inside
async def test_a_cluster_that_was_deleted_breaks_the_flow() -> None:
    rig = Rig()
    rig.cell.set(None)
    rig.say(b"1")
    await settle()
    assert rig.out.aborted is Reason.NO_CLUSTER


def test_a_cluster_that_became_one_of_streams_breaks_the_flow() -> None:
    rig = Rig()
    rig.cell.set(FakeUpstream("up", Kind.STREAM, is_ready=True))
    rig.say(b"1")
    assert rig.out.aborted is Reason.NOT_ADAPTABLE

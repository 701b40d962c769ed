from __future__ import annotations

from itertools import product

import pytest
from support.pipe import CountingValve, Recorder, close_of

from l7mp_mesh.pipe.adapt import ADAPTERS, Adapter, AdaptLimits, Refused, adapter, is_per_message
from l7mp_mesh.pipe.head import (
    STREAM_HEAD,
    UNKNOWN_LENGTH,
    Close,
    RequestHead,
    ResponseHead,
    Trailers,
)
from l7mp_mesh.pipe.headers import Headers
from l7mp_mesh.pipe.kind import Kind
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.pipe.verbs import OPEN_VALVE, TEXT

REQUEST = RequestHead(b"PUT", b"/made", b"h", Headers(), UNKNOWN_LENGTH)


def between(source: Kind, leg: Kind, limit: int = 1000) -> tuple[Adapter, Recorder, Recorder]:
    """An adapter, what reaches the leg, and what reaches the session."""
    made = adapter(source, leg, lambda: REQUEST, AdaptLimits(limit, limit))
    assert made is not None
    up, down = Recorder(), Recorder()
    made.up.next = up
    made.down.next = down
    return made, up, down


@pytest.mark.parametrize("kind", Kind)
def test_flows_of_one_kind_need_no_adapter(kind: Kind) -> None:
    assert adapter(kind, kind, lambda: REQUEST, AdaptLimits()) is None


def test_every_pair_of_kinds_is_adapted_or_per_message() -> None:
    for source, leg in product(Kind, Kind):
        assert (source is leg) + ((source, leg) in ADAPTERS) + is_per_message(source, leg) == 1


def test_messages_over_exchanges_are_refused_with_both_kinds_named() -> None:
    with pytest.raises(Refused, match=r"message session .* exchange leg"):
        adapter(Kind.MESSAGE, Kind.EXCHANGE, lambda: REQUEST, AdaptLimits())


@pytest.mark.parametrize(("source", "leg"), ADAPTERS)
def test_the_leg_holds_back_the_session_by_the_sessions_own_valve(source: Kind, leg: Kind) -> None:
    made, up, _ = between(source, leg)
    valve = CountingValve()
    made.up.open(REQUEST if source is Kind.EXCHANGE else STREAM_HEAD, valve)
    up.valve.pause()
    assert valve.held == 1


@pytest.mark.parametrize(("source", "leg"), ADAPTERS)
def test_the_session_holds_back_the_leg_by_the_legs_own_valve(source: Kind, leg: Kind) -> None:
    made, _, down = between(source, leg)
    valve = CountingValve()
    made.down.open(ResponseHead(200, Headers(), 1) if leg is Kind.EXCHANGE else STREAM_HEAD, valve)
    made.down.data(b"x", 0)
    down.valve.pause()
    assert valve.held == 1


@pytest.mark.parametrize(("source", "leg"), ADAPTERS)
def test_aborts_pass_both_ways(source: Kind, leg: Kind) -> None:
    made, up, down = between(source, leg)
    made.up.abort(Reason.DOWNSTREAM_RESET)
    made.down.abort(Reason.UPSTREAM_RESET)
    assert up.aborted is Reason.DOWNSTREAM_RESET
    assert down.aborted is Reason.UPSTREAM_RESET


@pytest.mark.parametrize(
    ("source", "leg", "loses"),
    [
        (Kind.STREAM, Kind.MESSAGE, True),
        (Kind.MESSAGE, Kind.STREAM, True),
        (Kind.STREAM, Kind.EXCHANGE, False),
        (Kind.EXCHANGE, Kind.STREAM, False),
        (Kind.EXCHANGE, Kind.MESSAGE, False),
    ],
)
def test_boundaries_are_lost_where_messages_become_bytes(source: Kind, leg: Kind, *, loses: bool) -> None:
    assert between(source, leg)[0].loses_boundaries is loses


def test_a_long_chunk_becomes_several_messages() -> None:
    made, up, _ = between(Kind.STREAM, Kind.MESSAGE, limit=4)
    made.up.data(b"0123456789", 0)
    made.up.data(b"", 0)
    made.up.data(b"abcd", 0)
    assert up.log == [b"0123", b"4567", b"89", b"abcd"]


def test_a_stream_ends_at_the_message_leg_after_the_answer() -> None:
    made, up, down = between(Kind.STREAM, Kind.MESSAGE)
    made.up.end(None)
    assert made.holds_end
    assert up.log == []
    made.down.data(b"late answer", TEXT)
    made.down.end(Close(1001, "bye"))
    assert down.log == [b"late answer", "end"]
    assert down.last is None
    assert down.flags == [0]
    assert close_of(up) == (1000, "")
    assert not made.holds_end


def test_a_held_end_passes_at_the_deadline_and_only_once() -> None:
    made, up, _ = between(Kind.STREAM, Kind.MESSAGE)
    made.up.end(None)
    made.release()
    made.down.end(None)
    assert up.log == ["end"]
    assert close_of(up) == (1000, "")


def test_a_release_without_an_end_says_nothing() -> None:
    made, up, _ = between(Kind.STREAM, Kind.MESSAGE)
    made.release()
    assert up.log == []


def test_an_end_after_the_leg_has_ended_passes_at_once() -> None:
    made, up, _ = between(Kind.STREAM, Kind.MESSAGE)
    made.down.end(Close(1000))
    assert up.log == []
    made.up.end(None)
    assert up.log == ["end"]


def test_an_abort_forgets_a_held_end() -> None:
    made, up, _ = between(Kind.STREAM, Kind.MESSAGE)
    made.up.end(None)
    made.up.abort(Reason.DELETED)
    made.release()
    assert up.log == [("abort", Reason.DELETED)]


def test_messages_are_joined_for_a_stream_and_a_close_is_a_half_close() -> None:
    made, up, _ = between(Kind.MESSAGE, Kind.STREAM)
    made.up.data(b"a", TEXT)
    made.up.data(b"", 0)
    made.up.data(b"b", 0)
    made.up.end(Close(4000, "x"))
    assert up.log == [b"a", b"b", "end"]
    assert up.flags == [0, 0]
    assert up.last is None


def test_a_streams_answer_comes_in_messages_the_source_can_take() -> None:
    made, _, down = between(Kind.MESSAGE, Kind.STREAM, limit=3)
    made.down.data(b"12345", 0)
    made.down.end(None)
    assert down.log == [b"123", b"45", "end"]


def test_a_stream_is_the_body_of_one_request() -> None:
    made, up, down = between(Kind.STREAM, Kind.EXCHANGE)
    made.up.open(STREAM_HEAD, OPEN_VALVE)
    made.up.data(b"q", 0)
    made.up.end(None)
    assert up.log == [("open", b"PUT", b"/made", b"h", (), UNKNOWN_LENGTH), b"q", "end"]
    made.down.inform(ResponseHead(103, Headers()))
    made.down.open(ResponseHead(200, Headers(), 1), OPEN_VALVE)
    made.down.data(b"a", 0)
    made.down.end(Trailers(Headers([(b"t", b"1")])))
    assert down.log == [("open",), b"a", "end"]
    assert down.last is None


def test_the_body_of_a_request_is_a_stream_and_the_answer_a_response() -> None:
    made, up, down = between(Kind.EXCHANGE, Kind.STREAM)
    made.up.open(RequestHead(b"POST", b"/", b"h", Headers(), 1), OPEN_VALVE)
    made.up.data(b"q", 0)
    made.up.end(Trailers(Headers()))
    assert up.log == [("open",), b"q", "end"]
    assert up.last is None
    made.down.open(STREAM_HEAD, OPEN_VALVE)
    assert down.log == []
    made.down.data(b"a", 0)
    made.down.data(b"b", 0)
    made.down.end(None)
    assert down.log == [("open", 200, (), UNKNOWN_LENGTH), b"a", b"b", "end"]


def test_a_stream_that_says_nothing_is_an_empty_response() -> None:
    made, _, down = between(Kind.EXCHANGE, Kind.STREAM)
    made.down.open(STREAM_HEAD, OPEN_VALVE)
    made.down.end(None)
    assert down.log == [("open", 200, (), 0), "end"]


def test_a_stream_that_breaks_before_its_first_byte_leaves_room_for_an_error() -> None:
    made, _, down = between(Kind.EXCHANGE, Kind.STREAM)
    made.down.open(STREAM_HEAD, OPEN_VALVE)
    made.down.abort(Reason.UPSTREAM_RESET)
    assert down.log == [("abort", Reason.UPSTREAM_RESET)]


def test_a_request_body_is_one_message_and_the_first_answer_the_response() -> None:
    made, up, down = between(Kind.EXCHANGE, Kind.MESSAGE)
    made.up.open(RequestHead(b"POST", b"/", b"h", Headers(), UNKNOWN_LENGTH), OPEN_VALVE)
    made.down.open(STREAM_HEAD, OPEN_VALVE)
    made.up.data(b"he", 0)
    made.up.data(b"llo", 0)
    assert up.log == [("open",)]
    made.up.end(None)
    assert up.log == [("open",), b"hello"]
    made.down.data(b"answer", TEXT)
    made.down.data(b"too late", 0)
    made.down.end(Close(1000))
    assert down.log == [("open", 200, (), 6), b"answer", "end"]
    assert up.log == [("open",), b"hello", "end"]


def test_an_empty_request_body_is_an_empty_message() -> None:
    made, up, _ = between(Kind.EXCHANGE, Kind.MESSAGE)
    made.up.end(None)
    assert up.log == [b""]


def test_a_message_leg_that_ends_without_an_answer_gives_an_empty_response() -> None:
    made, _, down = between(Kind.EXCHANGE, Kind.MESSAGE)
    made.down.open(STREAM_HEAD, OPEN_VALVE)
    made.up.end(None)
    made.down.end(None)
    assert down.log == [("open", 200, (), 0), "end"]


def test_a_request_body_over_the_limit_ends_the_session() -> None:
    made, up, down = between(Kind.EXCHANGE, Kind.MESSAGE, limit=4)
    made.up.data(b"1234", 0)
    made.up.data(b"5", 0)
    made.up.data(b"6", 0)
    made.up.end(None)
    assert up.log == []
    assert down.log == [("abort", Reason.REQUEST_TOO_LARGE)]
    made.down.data(b"x", 0)
    assert down.log == [("abort", Reason.REQUEST_TOO_LARGE)]


def test_a_held_end_is_settled_when_each_message_was_answered_by_one() -> None:
    made, _, _ = between(Kind.STREAM, Kind.MESSAGE, limit=2)
    made.up.data(b"abc", 0)
    made.down.data(b"1", 0)
    made.up.end(None)
    assert not made.is_settled
    made.down.data(b"2", 0)
    assert made.is_settled
    made.release()
    assert not made.is_settled

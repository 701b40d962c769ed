from __future__ import annotations

import pytest
from support.pipe import Recorder, close_of

from l7mp_mesh.pipe.buffers import BoundedQueue, ReplayBuffer
from l7mp_mesh.pipe.head import Close


def test_a_queue_gives_messages_back_in_order_with_their_flags() -> None:
    queue = BoundedQueue(10, 100)
    assert queue.put(b"a", 1)
    assert queue.put(b"", 0)
    assert [queue.take(), queue.take()] == [(b"a", 1), (b"", 0)]
    with pytest.raises(IndexError):
        queue.take()


def test_a_full_queue_drops_the_newest_and_counts() -> None:
    queue = BoundedQueue(2, 100)
    assert [queue.put(name, 0) for name in (b"a", b"b", b"c")] == [True, True, False]
    assert (len(queue), queue.dropped) == (2, 1)
    queue.take()
    assert queue.put(b"d", 0)


def test_a_queue_is_bounded_in_bytes_too() -> None:
    queue = BoundedQueue(10, 4)
    assert queue.put(b"123", 0)
    assert not queue.put(b"45", 0)
    assert queue.put(b"4", 0)
    queue.take()
    assert queue.put(b"567", 0)
    assert queue.dropped == 1


def test_what_was_said_can_be_said_again_and_again() -> None:
    buffer = ReplayBuffer(100)
    buffer.data(b"a", 1)
    buffer.data(b"b", 0)
    buffer.end(Close(4001))
    for _ in range(2):
        out = Recorder()
        buffer.replay(out)
        assert out.log == [b"a", b"b", "end"]
        assert out.flags == [1, 0]
        assert close_of(out) == (4001, "")


def test_a_replay_of_an_unfinished_direction_has_no_end() -> None:
    buffer = ReplayBuffer(100)
    buffer.data(b"a", 0)
    out = Recorder()
    buffer.replay(out)
    assert out.log == [b"a"]


def test_over_its_limit_a_buffer_is_incomplete_for_ever() -> None:
    buffer = ReplayBuffer(3)
    buffer.data(b"123", 0)
    assert buffer.is_complete
    buffer.data(b"4", 0)
    buffer.data(b"", 0)
    assert not buffer.is_complete
    out = Recorder()
    buffer.replay(out)
    assert out.log == []


def test_what_is_owed_is_kept_over_the_limit() -> None:
    buffer = ReplayBuffer(3)
    buffer.data(b"1234", 0, is_owed=True)
    assert buffer.is_complete
    out = Recorder()
    buffer.replay(out)
    assert out.log == [b"1234"]
    buffer.data(b"5", 0)
    assert not buffer.is_complete

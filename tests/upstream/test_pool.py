"""Idle carriers: who gets which, and when one is let go."""

from __future__ import annotations

from support.attributes import session
from support.carrier import FakeCarrier

from l7mp_mesh.model.endpoints import Endpoint
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.upstream.pool import IDLE_LIMIT, Pool

ONE, OTHER = Endpoint("e1", "10.0.0.1", 80), Endpoint("e2", "10.0.0.2", 80)


def busy(pool: Pool, endpoint: Endpoint = ONE, size: int = 1) -> FakeCarrier:
    """A carrier that was introduced with its first leg borne."""
    carrier = FakeCarrier(size)
    carrier.bear(session())
    pool.add(endpoint, carrier)
    return carrier


def idle(pool: Pool, endpoint: Endpoint = ONE) -> FakeCarrier:
    carrier = busy(pool, endpoint)
    carrier.free()
    return carrier


def test_an_empty_pool_has_nothing() -> None:
    assert Pool().take(ONE) is None


def test_a_carrier_is_in_the_pool_exactly_while_it_has_room() -> None:
    pool = Pool()
    carrier = busy(pool)
    assert pool.take(ONE) is None
    carrier.free()
    assert pool.take(ONE) is carrier
    carrier.bear(session())
    assert pool.take(ONE) is None


def test_endpoints_are_kept_apart() -> None:
    pool = Pool()
    carrier = idle(pool)
    assert pool.take(OTHER) is None
    assert pool.take(ONE) is carrier


def test_the_carrier_used_last_is_taken_first() -> None:
    pool = Pool()
    older, newer = idle(pool), idle(pool)
    assert [pool.take(ONE), pool.take(ONE), pool.take(ONE)] == [newer, older, None]


def test_a_carrier_with_room_for_more_stays() -> None:
    pool = Pool()
    carrier = FakeCarrier(3)
    carrier.bear(session())
    pool.add(ONE, carrier)
    carrier.free()
    assert pool.take(ONE) is carrier
    carrier.bear(session())
    assert pool.take(ONE) is carrier
    carrier.bear(session())
    assert pool.take(ONE) is carrier
    carrier.bear(session())
    assert pool.take(ONE) is None


def test_a_closed_carrier_is_never_lent() -> None:
    pool = Pool()
    carrier = idle(pool)
    carrier.close(Reason.UPSTREAM_RESET)
    assert pool.take(ONE) is None


def test_what_is_idle_for_too_long_is_closed() -> None:
    pool = Pool()
    carrier = idle(pool)
    for _ in range(3):
        pool.sweep(3)
    assert not carrier.is_closed()
    pool.sweep(3)
    assert carrier.closed is Reason.OK
    assert pool.take(ONE) is None


def test_use_makes_a_carrier_young_again() -> None:
    pool = Pool()
    carrier = idle(pool)
    pool.sweep(1)
    assert pool.take(ONE) is carrier
    carrier.bear(session())
    carrier.free()
    pool.sweep(1)
    assert not carrier.is_closed()


def test_no_more_than_the_limit_are_kept() -> None:
    pool = Pool()
    carriers = [busy(pool) for _ in range(IDLE_LIMIT + 1)]
    for carrier in carriers:
        carrier.free()
    assert [carrier.is_closed() for carrier in carriers] == [False] * IDLE_LIMIT + [True]


def test_carriers_of_an_endpoint_that_is_gone_are_closed_now_or_when_they_are_free() -> None:
    pool = Pool()
    waiting, working, staying = idle(pool), busy(pool), idle(pool, OTHER)
    pool.retain((OTHER,))
    assert waiting.closed is Reason.OK
    assert working.closed is None
    working.free()
    assert working.closed is Reason.OK
    assert pool.take(OTHER) is staying


def test_a_closed_pool_closes_what_comes_back() -> None:
    pool = Pool()
    waiting, working = idle(pool), busy(pool)
    pool.close()
    late = busy(pool)
    assert waiting.is_closed()
    for carrier in (working, late):
        assert not carrier.is_closed()
        carrier.free()
        assert carrier.is_closed()


def test_a_carrier_of_an_endpoint_that_is_gone_serves_what_it_bears() -> None:
    pool = Pool()
    pool.retain((OTHER,))
    carrier = busy(pool)
    assert not carrier.is_closed()
    carrier.free()
    assert carrier.is_closed()
    assert pool.take(ONE) is None


def test_an_endpoint_that_comes_back_is_pooled_again() -> None:
    pool = Pool()
    pool.retain((OTHER,))
    pool.retain((ONE,))
    carrier = idle(pool)
    assert pool.take(ONE) is carrier

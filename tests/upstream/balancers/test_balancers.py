"""Who is tried first, and who next."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from random import Random as Source

import pytest
from support.attributes import session, tree_of

from l7mp_mesh.model.cluster import LbPolicy, LoadBalancing
from l7mp_mesh.model.endpoints import Endpoint, EndpointSet
from l7mp_mesh.ports.attributes import Attributes, Json
from l7mp_mesh.ports.upstream import LoadBalancer
from l7mp_mesh.upstream.balancers import Random, RingHash, make_balancer

KEYED = LoadBalancing(LbPolicy.HASH_RING, "/labels/key")
ALL = [LoadBalancing(policy) for policy in LbPolicy] + [KEYED]


def members(*weights: int) -> tuple[Endpoint, ...]:
    return tuple(Endpoint(f"e{n}", f"127.0.0.{n + 1}", 80, weight) for n, weight in enumerate(weights))


def balancer(balancing: LoadBalancing, endpoints: tuple[Endpoint, ...]) -> LoadBalancer:
    return make_balancer(balancing, EndpointSet("c", endpoints))


def keyed(key: Json) -> Attributes:
    return tree_of({"labels": {"key": key}})


def first(made: LoadBalancer, attributes: Attributes | None = None) -> str:
    return next(made.candidates(attributes or session())).name


@pytest.mark.parametrize("balancing", ALL)
def test_every_endpoint_is_a_candidate_once(balancing: LoadBalancing) -> None:
    endpoints = members(3, 1, 1, 2)
    made = balancer(balancing, endpoints)
    for _ in range(5):
        tried = list(made.candidates(session()))
        assert sorted(tried, key=lambda endpoint: endpoint.name) == list(endpoints)


@pytest.mark.parametrize("balancing", ALL)
def test_without_endpoints_there_is_no_candidate(balancing: LoadBalancing) -> None:
    assert list(balancer(balancing, ()).candidates(session())) == []


def test_first_takes_the_first() -> None:
    made = balancer(LoadBalancing(), members(1, 5))
    assert [first(made) for _ in range(4)] == ["e0"] * 4


def test_nine_sessions_over_three_equal_endpoints_are_three_each() -> None:
    made = balancer(LoadBalancing(LbPolicy.ROUND_ROBIN), members(1, 1, 1))
    assert [first(made) for _ in range(9)] == ["e0", "e1", "e2"] * 3


def test_a_round_follows_the_weights_without_bursts() -> None:
    made = balancer(LoadBalancing(LbPolicy.ROUND_ROBIN), members(4, 2, 1))
    rounds = [first(made) for _ in range(7000)]
    for start in range(0, 7000, 7):
        assert Counter(rounds[start : start + 7]) == {"e0": 4, "e1": 2, "e2": 1}
    assert "e0e0e0" not in "".join(rounds)


def test_the_turn_goes_on_whatever_is_done_with_the_candidates() -> None:
    made = balancer(LoadBalancing(LbPolicy.ROUND_ROBIN), members(1, 1, 1))
    made.candidates(session())
    assert [endpoint.name for endpoint in made.candidates(session())] == ["e1", "e2", "e0"]
    assert first(made) == "e2"


def test_chance_follows_the_weights() -> None:
    made = Random(members(3, 1, 1), Source(1))
    drawn = Counter(first(made) for _ in range(5000))
    assert drawn["e0"] == pytest.approx(3000, rel=0.1)
    assert drawn["e1"] == pytest.approx(1000, rel=0.1)


@pytest.mark.parametrize("network", ["127.0.0", "10.1.2", "192.168.7"])
def test_ring_shares_follow_the_weights(network: str) -> None:
    endpoints = tuple(Endpoint(f"e{n}", f"{network}.{n}", 80, weight) for n, weight in enumerate((3, 1, 1)))
    made = balancer(KEYED, endpoints)
    owned = Counter(first(made, keyed(f"k{number}")) for number in range(5000))
    assert owned["e0"] == pytest.approx(3000, rel=0.1)
    assert owned["e1"] == pytest.approx(1000, rel=0.1)
    assert owned["e2"] == pytest.approx(1000, rel=0.1)


@pytest.mark.parametrize("gone", range(4))
def test_an_endpoint_that_goes_moves_no_surviving_key(gone: int) -> None:
    endpoints = members(3, 1, 1, 4)
    before = balancer(KEYED, endpoints)
    after = balancer(KEYED, endpoints[:gone] + endpoints[gone + 1 :])
    for number in range(2000):
        attributes = keyed(number)
        owner, following = islice(before.candidates(attributes), 2)
        expected = following if owner is endpoints[gone] else owner
        assert first(after, attributes) == expected.name


def test_the_order_of_endpoints_moves_no_key() -> None:
    endpoints = members(1, 2, 3)
    one, other = balancer(KEYED, endpoints), balancer(KEYED, endpoints[::-1])
    for number in range(500):
        assert first(one, keyed(number)) == first(other, keyed(number))


def test_endpoints_at_one_address_do_not_collapse() -> None:
    twins = (Endpoint("a", "127.0.0.1", 80), Endpoint("b", "127.0.0.1", 80), Endpoint("c", "127.0.0.1", 81))
    made = balancer(KEYED, twins)
    owned = Counter(first(made, keyed(number)) for number in range(3000))
    assert owned == pytest.approx({"a": 1000, "b": 1000, "c": 1000}, rel=0.1)


def test_a_name_places_no_endpoint_that_is_alone_at_its_address() -> None:
    one = balancer(KEYED, members(1, 1, 1))
    other = balancer(KEYED, tuple(Endpoint(f"new{n}", f"127.0.0.{n + 1}", 80) for n in range(3)))
    for number in range(500):
        assert first(one, keyed(number))[-1] == first(other, keyed(number))[-1]


@pytest.mark.parametrize(("one", "other"), [(1, 1.0), (1, "1"), (True, "true"), (2.5, "2.5")])
def test_numbers_and_booleans_are_keys_as_they_are_written(one: Json, other: Json) -> None:
    made = balancer(KEYED, members(*[1] * 50))
    assert first(made, keyed(one)) == first(made, keyed(other))


@pytest.mark.parametrize("key", [None, [], {}, {"a": 1}])
def test_what_is_no_key_is_placed_at_random(key: Json) -> None:
    made = RingHash(members(1, 1, 1), "/labels/key", Source(1))
    owned = Counter(first(made, keyed(key)) for _ in range(3000))
    assert owned == pytest.approx({"e0": 1000, "e1": 1000, "e2": 1000}, rel=0.15)


def test_without_a_path_the_ring_is_random() -> None:
    made = RingHash(members(1, 1), None, Source(1))
    assert {first(made) for _ in range(50)} == {"e0", "e1"}


def test_a_known_field_is_a_key_without_a_tree() -> None:
    made = balancer(LoadBalancing(LbPolicy.HASH_RING, "/IP/src_addr"), members(1, 1, 1))
    attributes = session()
    assert first(made, attributes) == first(made, session())
    assert not attributes.has_tree


def test_huge_weights_do_not_make_a_huge_ring() -> None:
    made = balancer(KEYED, members(4_000_000_000, 1, 4_000_000_000))
    owned = Counter(first(made, keyed(number)) for number in range(2000))
    assert owned["e0"] == pytest.approx(1000, rel=0.1)
    assert len(list(made.candidates(session()))) == 3

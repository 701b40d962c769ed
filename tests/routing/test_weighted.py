"""Weighted draws."""

from __future__ import annotations

from collections import Counter

import pytest

from l7mp_mesh.routing.weighted import pick


def test_a_key_always_gets_the_same() -> None:
    assert {pick((1, 1, 1), "TCP:1.2.3.4:5-6") for _ in range(10)} == {pick((1, 1, 1), b"TCP:1.2.3.4:5-6")}


def test_shares_follow_the_weights() -> None:
    drawn = Counter(pick((3, 0, 1, 1), f"session-{number}") for number in range(5000))
    assert 1 not in drawn
    assert drawn[0] == pytest.approx(3000, rel=0.1)
    assert drawn[2] == pytest.approx(1000, rel=0.1)
    assert drawn[3] == pytest.approx(1000, rel=0.1)


@pytest.mark.parametrize(
    ("weights", "expected"), [((), -1), ((0,), -1), ((0, 0), -1), ((5,), 0), ((0, 1), 1)]
)
def test_nothing_to_choose_from(weights: tuple[int, ...], expected: int) -> None:
    assert pick(weights, "k") == expected

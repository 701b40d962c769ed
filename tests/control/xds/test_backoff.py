"""Pauses between attempts."""

from l7mp_mesh.control.xds.backoff import Backoff


def test_pauses_double_up_to_a_cap_and_start_again_after_a_success() -> None:
    backoff = Backoff(0.5, 30.0, chance=lambda: 1.0)
    assert [backoff.next() for _ in range(8)] == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    backoff.reset()
    assert backoff.next() == 0.5


def test_a_pause_is_drawn_from_the_upper_half() -> None:
    assert Backoff(4.0, 30.0, chance=lambda: 0.0).next() == 2.0
    assert 2.0 <= Backoff(4.0, 30.0).next() <= 4.0

from __future__ import annotations

from support.pipe import CountingValve

from l7mp_mesh.pipe.relay import Relay


def test_pauses_made_before_the_source_is_known_reach_it() -> None:
    relay, source = Relay(), CountingValve()
    relay.pause()
    relay.pause()
    relay.resume()
    relay.attach(source)
    assert (source.held, relay.is_held) == (1, True)
    relay.resume()
    assert (source.held, relay.is_held) == (0, False)


def test_another_source_takes_over_what_is_held() -> None:
    relay, first, second = Relay(), CountingValve(), CountingValve()
    relay.attach(first)
    relay.pause()
    relay.attach(second)
    assert (first.held, second.held) == (0, 1)


def test_a_resume_too_many_is_ignored() -> None:
    relay, source = Relay(), CountingValve()
    relay.attach(source)
    relay.resume()
    assert source.held == 0

from __future__ import annotations

from itertools import count

from support.pipe import CountingValve, Recorder, close_of

from l7mp_mesh.pipe.head import STREAM_HEAD, Close, Last
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.pipe.switch import HOLD_BYTES, HOLD_MESSAGES, Lane, LaneOwner, LaneState, Outlet, Switch


class Owner(LaneOwner):
    def __init__(self) -> None:
        self.log: list[object] = []

    def lane_ended(self, lane: Lane, last: Last | None) -> None:
        self.log.append("ended")

    def lane_aborted(self, lane: Lane, reason: Reason) -> None:
        self.log.append(reason)


def flowing() -> tuple[Switch, CountingValve, Recorder]:
    switch, valve, target = Switch(), CountingValve(), Recorder()
    switch.retarget(target)
    switch.open(STREAM_HEAD, valve)
    return switch, valve, target


def test_everything_passes_to_the_target() -> None:
    switch, _, target = flowing()
    switch.data(b"a", 1)
    switch.end(Close(4000))
    assert target.log == [("open",), b"a", "end"]
    assert target.flags == [1]
    assert close_of(target) == (4000, "")
    assert switch.has_ended


def test_without_a_target_the_source_is_held_and_what_arrives_is_kept() -> None:
    switch, valve, target = Switch(), CountingValve(), Recorder()
    switch.open(STREAM_HEAD, valve)
    assert valve.held == 1
    switch.data(b"a", 0)
    switch.data(b"b", 1)
    switch.end(None)
    assert switch.retarget(target) is None
    assert target.log == [("open",), b"a", b"b", "end"]
    assert target.flags == [0, 1]
    assert valve.held == 0


def test_an_abort_while_held_reaches_the_next_target() -> None:
    switch, target = Switch(), Recorder()
    switch.open(STREAM_HEAD, CountingValve())
    switch.data(b"a", 0)
    switch.abort(Reason.DOWNSTREAM_RESET)
    switch.retarget(target)
    assert target.log == [("open",), b"a", ("abort", Reason.DOWNSTREAM_RESET)]


def test_messages_go_on_at_the_new_target_without_loss_or_repetition() -> None:
    switch, _, first = flowing()
    second = Recorder()
    switch.data(b"1", 0)
    assert switch.retarget(second) is first
    switch.data(b"2", 0)
    assert first.log == [("open",), b"1"]
    assert second.log == [("open",), b"2"]


def test_pauses_of_the_old_target_are_given_back() -> None:
    switch, valve, first = flowing()
    first.valve.pause()
    first.valve.pause()
    assert valve.held == 2
    second = Recorder()
    switch.retarget(second)
    assert valve.held == 0
    first.valve.pause()
    first.valve.resume()
    assert valve.pauses == 2
    second.valve.pause()
    assert valve.held == 1


def test_a_resume_without_a_pause_does_not_reach_the_source() -> None:
    _, valve, target = flowing()
    target.valve.resume()
    assert valve.held == 0


def test_hold_pauses_once_and_the_next_target_releases() -> None:
    switch, valve, target = flowing()
    target.valve.pause()
    switch.hold()
    assert valve.held == 1
    switch.data(b"x", 0)
    second = Recorder()
    switch.retarget(second)
    assert valve.held == 0
    assert second.log == [("open",), b"x"]


def test_what_a_switch_keeps_is_bounded_in_messages_and_bytes() -> None:
    switch = Switch()
    switch.open(STREAM_HEAD, CountingValve())
    for _ in range(HOLD_MESSAGES + 3):
        switch.data(b"", 0)
    assert switch.dropped == 3
    other = Switch()
    other.open(STREAM_HEAD, CountingValve())
    other.data(bytes(HOLD_BYTES), 0)
    other.data(b"x", 0)
    assert other.dropped == 1


def test_a_target_that_is_replaced_during_the_replay_gets_no_more() -> None:
    switch, second = Switch(), Recorder()

    class Impatient(Recorder):
        def data(self, chunk: bytes, flags: int) -> None:
            super().data(chunk, flags)
            switch.retarget(second)

    first = Impatient()
    switch.open(STREAM_HEAD, CountingValve())
    switch.data(b"1", 0)
    switch.data(b"2", 0)
    switch.end(None)
    switch.retarget(first)
    assert first.log == [("open",), b"1"]
    assert second.log == [("open",), b"2", "end"]


def test_an_unlinked_switch_swallows_everything() -> None:
    switch, _, target = flowing()
    switch.unlink()
    switch.data(b"x", 0)
    switch.abort(Reason.DELETED)
    target.valve.pause()
    assert target.log == [("open",)]


def lanes(outlet: Outlet, owner: Owner, *, held: bool = False) -> tuple[Lane, CountingValve]:
    lane, valve = Lane(outlet, owner, held=held), CountingValve()
    lane.open(STREAM_HEAD, valve)
    return lane, valve


def test_the_outlet_opens_once_for_all_its_lanes() -> None:
    out, owner = Recorder(), Owner()
    outlet = Outlet(out)
    first, _ = lanes(outlet, owner)
    first.data(b"1", 0)
    first.drain()
    second, _ = lanes(outlet, owner)
    second.data(b"2", 0)
    assert out.log == [("open",), b"1", b"2"]


def test_a_draining_lane_passes_data_and_its_owner_hears_of_the_end() -> None:
    out, owner = Recorder(), Owner()
    lane, _ = lanes(Outlet(out), owner)
    lane.drain()
    lane.data(b"in flight", 0)
    lane.end(None)
    assert out.log == [("open",), b"in flight"]
    assert owner.log == ["ended"]
    assert lane.state is LaneState.DRAINING


def test_a_held_lane_keeps_its_output_until_it_may_flow() -> None:
    out, owner = Recorder(), Owner()
    outlet = Outlet(out)
    old, _ = lanes(outlet, owner)
    old.drain()
    new, valve = lanes(outlet, owner, held=True)
    assert valve.held == 1
    new.data(b"new", 0)
    new.end(None)
    old.data(b"old", 0)
    assert owner.log == []
    new.flow()
    assert out.log == [("open",), b"old", b"new"]
    assert owner.log == ["ended"]
    assert valve.held == 0
    new.flow()
    assert valve.held == 0


def test_pauses_of_the_outlet_reach_every_lane_of_the_moment() -> None:
    out, owner = Recorder(), Owner()
    outlet = Outlet(out)
    first, one = lanes(outlet, owner)
    out.valve.pause()
    _, two = lanes(outlet, owner)
    assert (one.held, two.held) == (1, 1)
    first.cut()
    assert (one.held, two.held) == (0, 1)
    out.valve.resume()
    out.valve.resume()
    assert two.held == 0


def test_a_cut_lane_is_silent_for_ever() -> None:
    out, owner = Recorder(), Owner()
    lane, _ = lanes(Outlet(out), owner)
    lane.cut()
    lane.data(b"x", 0)
    lane.end(None)
    lane.abort(Reason.UPSTREAM_RESET)
    assert out.log == [("open",)]
    assert owner.log == []


def test_an_aborted_lane_is_cut_before_its_owner_hears_of_it() -> None:
    out = Recorder()
    states: list[LaneState] = []

    class Curious(Owner):
        def lane_aborted(self, lane: Lane, reason: Reason) -> None:
            super().lane_aborted(lane, reason)
            states.append(lane.state)

    owner = Curious()
    lane, _ = lanes(Outlet(out), owner)
    lane.abort(Reason.UPSTREAM_RESET)
    assert owner.log == [Reason.UPSTREAM_RESET]
    assert states == [LaneState.CUT]


def test_reroutes_back_and_forth_lose_and_repeat_nothing() -> None:
    switch, valve, target = flowing()
    targets = [target]
    for serial in count():
        switch.data(b"%d" % serial, 0)
        if serial == 50:
            break
        if serial % 7 == 3:
            targets[-1].valve.pause()
        if serial % 5 == 0:
            targets.append(Recorder())
            switch.retarget(targets[-1])
            assert valve.held == 0
    assert [item for each in targets for item in each.log if item != ("open",)] == [
        b"%d" % serial for serial in range(51)
    ]


def test_a_held_lane_that_becomes_old_still_waits_for_its_turn() -> None:
    out, owner = Recorder(), Owner()
    outlet = Outlet(out)
    first, _ = lanes(outlet, owner)
    first.drain()
    second, valve = lanes(outlet, owner, held=True)
    second.data(b"2", 0)
    second.drain()
    first.data(b"1", 0)
    assert out.body == b"1"
    second.flow()
    assert second.state is LaneState.DRAINING
    assert (out.body, valve.held) == (b"12", 0)


def test_a_lane_that_is_cut_while_it_is_held_gives_back_its_pause() -> None:
    outlet = Outlet(Recorder())
    lane, valve = lanes(outlet, Owner(), held=True)
    outlet.pause()
    assert valve.held == 2
    lane.cut()
    assert valve.held == 0

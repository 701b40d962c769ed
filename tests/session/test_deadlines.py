"""Time limits of many sessions with one timer."""

from __future__ import annotations

from l7mp_mesh.session.deadlines import Deadlines, IdleWatch


def test_items_expire_once_when_they_are_due() -> None:
    expired: list[str] = []
    deadlines: Deadlines[str] = Deadlines(expired.append)
    deadlines.arm("short", 1.0, 0.0)
    deadlines.arm("long", 5.0, 0.0)
    deadlines.arm("later", 1.0, 0.5)
    for now, known in (
        (0.9, []),
        (1.0, ["short"]),
        (1.6, ["short", "later"]),
        (9.0, ["short", "later", "long"]),
    ):
        deadlines.round(now)
        assert expired == known
    assert len(deadlines) == 0


def test_a_dropped_item_does_not_expire() -> None:
    expired: list[str] = []
    deadlines: Deadlines[str] = Deadlines(expired.append)
    deadlines.arm("x", 1.0, 0.0)
    deadlines.drop("x", 1.0)
    deadlines.drop("x", 1.0)
    deadlines.drop("unknown", 7.0)
    deadlines.round(2.0)
    assert expired == []


def test_an_item_may_be_armed_again_while_it_expires() -> None:
    expired: list[float] = []

    def again(item: str) -> None:
        expired.append(now)
        deadlines.arm(item, 1.0, now)

    deadlines: Deadlines[str] = Deadlines(again)
    deadlines.arm("x", 1.0, 0.0)
    for step in range(1, 4):
        now = float(step)
        deadlines.round(now)
    assert expired == [1.0, 2.0, 3.0]


def test_an_item_that_is_not_used_is_found() -> None:
    expired: list[str] = []
    used = {"busy"}
    watch: IdleWatch[str] = IdleWatch(lambda item: item in used, expired.append)
    watch.watch("busy", 4.0, 0.0)
    watch.watch("quiet", 4.0, 0.0)
    for now in range(1, 20):
        watch.round(float(now))
        assert expired == (["quiet"] if now >= 4 else [])
    used.clear()
    for now in range(20, 25):
        watch.round(float(now))
    assert expired == ["quiet", "busy"]


def test_an_item_that_is_dropped_is_not_watched() -> None:
    expired: list[str] = []
    watch: IdleWatch[str] = IdleWatch(lambda _: False, expired.append)
    watch.watch("x", 1.0, 0.0)
    watch.drop("x")
    watch.drop("x")
    for now in range(5):
        watch.round(float(now))
    assert expired == []

"""Time limits of many sessions with one timer.

Sessions with the same limit are kept in the order in which they will run out, so a round looks at those that
are due and at one more. No session has a timer of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)


class Deadlines(Generic[T]):
    """Items and the moment at which `expire` is called for them, unless they are dropped before."""

    __slots__ = ("_by_span", "_expire")

    def __init__(self, expire: Callable[[T], None]) -> None:
        self._by_span: dict[float, dict[T, float]] = {}
        self._expire = expire

    def arm(self, item: T, span: float, now: float) -> None:
        """Call `expire(item)` in a round after `now + span`."""
        items = self._by_span.get(span)
        if items is None:
            items = self._by_span[span] = {}
        items[item] = now + span

    def drop(self, item: T, span: float) -> None:
        """Forget an item that was armed with `span`."""
        items = self._by_span.get(span)
        if items is not None:
            items.pop(item, None)

    def round(self, now: float) -> None:
        """Expire what is due."""
        for span in list(self._by_span):
            items = self._by_span[span]
            while items:
                item = next(iter(items))
                if items[item] > now:
                    break
                del items[item]
                self._expire(item)
            if not items and self._by_span.get(span) is items:
                del self._by_span[span]

    def __len__(self) -> int:
        return sum(len(items) for items in self._by_span.values())


class IdleWatch(Generic[T]):
    """Finds items that were not used for a span: each is looked at four times per span.

    `is_used(item)` tells whether it was used since it was last asked, and clears the mark.
    """

    __slots__ = ("_deadlines", "_expire", "_is_used", "_now", "_quiet")

    def __init__(self, is_used: Callable[[T], bool], expire: Callable[[T], None]) -> None:
        self._is_used = is_used
        self._expire = expire
        self._now = 0.0
        self._quiet: dict[T, tuple[float, int]] = {}
        self._deadlines: Deadlines[T] = Deadlines(self._look)

    def watch(self, item: T, span: float, now: float) -> None:
        """Expire `item` once it was not used for `span` seconds (up to a quarter more)."""
        self._quiet[item] = (span, 0)
        self._deadlines.arm(item, span / 4, now)

    def drop(self, item: T) -> None:
        """Forget an item."""
        known = self._quiet.pop(item, None)
        if known is not None:
            self._deadlines.drop(item, known[0] / 4)

    def round(self, now: float) -> None:
        """Look at what is due."""
        self._now = now
        self._deadlines.round(now)

    def _look(self, item: T) -> None:
        span, quiet = self._quiet[item]
        quiet = 0 if self._is_used(item) else quiet + 1
        if quiet >= 4:  # noqa: PLR2004 - quarters of the span
            del self._quiet[item]
            self._expire(item)
            return
        self._quiet[item] = (span, quiet)
        self._deadlines.arm(item, span / 4, self._now)

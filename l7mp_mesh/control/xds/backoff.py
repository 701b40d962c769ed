"""How long to wait before the next attempt."""

from __future__ import annotations

import random
from collections.abc import Callable


class Backoff:
    """Doubles from `base` to `cap` seconds; a pause is drawn from the upper half, so that a fleet spreads."""

    def __init__(
        self, base: float = 0.5, cap: float = 30.0, chance: Callable[[], float] = random.random
    ) -> None:
        self._base = base
        self._cap = cap
        self._chance = chance
        self._ceiling = base

    def next(self) -> float:
        """Seconds to wait now."""
        pause = self._ceiling * (0.5 + 0.5 * self._chance())
        self._ceiling = min(self._cap, self._ceiling * 2)
        return pause

    def reset(self) -> None:
        """The attempt was a success."""
        self._ceiling = self._base

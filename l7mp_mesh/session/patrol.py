"""Finds stalled exchanges without costing those that are not: nothing is noted when one begins or ends.

A walk over all live sessions is begun every quarter of the shortest limit and spread over the rounds of the
registry. It compares how far each exchange has come with what the walk before has seen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from l7mp_mesh.session.session import Session

EXCHANGE_IDLE = 300.0
"""Seconds without a byte in either direction after which an exchange is given up; Envoy's default."""
TUNNEL_IDLE = 3600.0
"""The same for an exchange that was upgraded, which is a connection by now; as for TCP."""

WALK = EXCHANGE_IDLE / 4
"""Seconds that a walk takes."""


class Patrol:
    """Expires exchanges in which nothing has passed for their limit, two walks later at most."""

    __slots__ = ("_before", "_began", "_expire", "_live", "_looked", "_seen", "_serials")

    def __init__(self, live: Mapping[int, Session], expire: Callable[[Session], None]) -> None:
        self._live = live
        self._expire = expire
        self._serials: list[int] = []
        self._looked = 0
        self._began = 0.0
        self._before: dict[int, tuple[int, float]] = {}
        self._seen: dict[int, tuple[int, float]] = {}
        """Progress of an exchange, and since when it is the same."""

    def round(self, now: float) -> None:
        """Look at the part of the walk that is due."""
        serials = self._serials
        due = min(int(len(serials) * (now - self._began) / WALK) + 1, len(serials))
        while self._looked < due:
            serial = serials[self._looked]
            self._looked += 1
            session = self._live.get(serial)
            if session is not None and session.idle_limit:
                self._look(session, now)
        if now - self._began >= WALK:
            # Serials, so that the walk keeps no ended session alive.
            self._serials = list(self._live)
            self._looked = 0
            self._began = now
            self._before, self._seen = self._seen, {}

    def _look(self, session: Session, now: float) -> None:
        progress = session.progress()
        known = self._before.get(session.serial)
        if known is None or known[0] != progress:
            known = (progress, now)
        elif now - known[1] >= session.idle_limit:
            self._expire(session)
            return
        self._seen[session.serial] = known

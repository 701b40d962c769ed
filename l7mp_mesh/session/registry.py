"""All sessions: inventory, time limits, idle watch, and the way in for new legs."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

from l7mp_mesh.model.rules import Route
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.ports.attributes import Attributes
from l7mp_mesh.ports.clock import Clock, Handle
from l7mp_mesh.ports.leg import Kind, Leg
from l7mp_mesh.ports.session import Inventory, RerouteFailed, SessionRecord
from l7mp_mesh.session.deadlines import Deadlines, IdleWatch
from l7mp_mesh.session.exchange import Exchange
from l7mp_mesh.session.flow import Flow
from l7mp_mesh.session.patrol import Patrol
from l7mp_mesh.session.plan import Plan
from l7mp_mesh.session.session import Session
from l7mp_mesh.session.source import Source

ROUND = 0.1
"""Seconds between two looks at time limits."""
TRACK_LIMIT = 10_000
"""Ended sessions kept for listeners that ask for it; the oldest go first."""


class Registry(Inventory):
    """Every live session has a slot here; ended ones stay as long as their listener says."""

    def __init__(self, clock: Clock, plan_for: Callable[[Route], Plan]) -> None:
        self.clock = clock
        self._plan_for = plan_for
        self._serial = 0
        self._live: dict[int, Session] = {}
        self._tracked: deque[tuple[float, SessionRecord]] = deque(maxlen=TRACK_LIMIT)
        self._limits: Deadlines[Session] = Deadlines(_too_late)
        self._idle: IdleWatch[Session] = IdleWatch(_was_used, _idle)
        self._patrol = Patrol(self._live, _idle)
        self._over: dict[int, list[Callable[[], None]]] = {}
        self._timer: Handle | None = None
        self._on_empty: Callable[[], None] | None = None

    def start(self) -> None:
        """Begin to watch time limits."""
        self._timer = self.clock.call_at(self.clock.now() + ROUND, self._round)

    def stop(self, reason: Reason) -> None:
        """End every session and watch no more."""
        for session in list(self._live.values()):
            session.close(reason)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def begin(self, leg: Leg, attributes: Attributes, source: Source) -> None:
        """A listener emitted a leg: route it."""
        self._serial += 1
        made = Exchange if leg.kind is Kind.EXCHANGE else Flow
        session = made(self._serial, leg, attributes, source, self)
        self._live[session.serial] = session
        if attributes.idle_timeout:
            self._idle.watch(session, attributes.idle_timeout, self.clock.now())
        session.begin()
        limit = session.time_limit
        if limit is not None and session.is_live:
            self._limits.arm(session, limit, self.clock.now())

    @property
    def count(self) -> int:
        """Live sessions."""
        return len(self._live)

    def live(self) -> Iterator[Session]:
        """Live sessions, oldest first; safe to end them meanwhile."""
        yield from list(self._live.values())

    def when_empty(self, call: Callable[[], None]) -> None:
        """Call once, when the last live session has ended (now, if there is none)."""
        if self._live:
            self._on_empty = call
        else:
            call()

    def lift_limit(self, session: Session) -> None:
        """Let the session live as long as it wants."""
        limit, session.time_limit = session.time_limit, None
        if limit is not None:
            self._limits.drop(session, limit)

    def ended(self, session: Session) -> None:
        """Take a session out of the live ones."""
        self._live.pop(session.serial, None)
        if session.attributes.idle_timeout:
            self._idle.drop(session)
        limit = session.time_limit
        if limit is not None:
            self._limits.drop(session, limit)
        track = session.source.listener.options.track
        if track:
            self._tracked.append((self.clock.now() + track, session.record()))
        if self._over:
            for call in self._over.pop(session.serial, ()):
                call()
        if not self._live and self._on_empty is not None:
            call, self._on_empty = self._on_empty, None
            call()

    def records(self) -> list[SessionRecord]:
        self._forget()
        records = [record for _, record in self._tracked]
        records += [session.record() for session in self._live.values()]
        return sorted(records, key=lambda record: record.started)

    def record(self, name: str) -> SessionRecord | None:
        session = self._find(name)
        if session is not None:
            return session.record()
        self._forget()
        for _, record in reversed(self._tracked):
            if record.name == name:
                return record
        return None

    def remove(self, name: str, reason: Reason) -> bool:
        session = self._find(name)
        if session is None:
            return False
        session.close(reason)
        return True

    async def reroute(self, name: str, route: Route) -> None:
        session = self._find(name)
        if session is None:
            raise RerouteFailed(404, "No such session")
        await session.reroute(lambda: self._plan_for(route))

    def when_over(self, name: str, call: Callable[[], None]) -> bool:
        session = self._find(name)
        if session is None:
            return False
        self._over.setdefault(session.serial, []).append(call)
        return True

    def _find(self, name: str) -> Session | None:
        for session in reversed(self._live.values()):
            if session.name == name:
                return session
        return None

    def _forget(self) -> None:
        """Drop tracked sessions whose time is over (their times need not be in order)."""
        now = self.clock.now()
        if any(until <= now for until, _ in self._tracked):
            kept = [item for item in self._tracked if item[0] > now]
            self._tracked.clear()
            self._tracked.extend(kept)

    def _round(self) -> None:
        now = self.clock.now()
        self._limits.round(now)
        self._idle.round(now)
        self._patrol.round(now)
        self._forget()
        self._timer = self.clock.call_at(now + ROUND, self._round)


def _too_late(session: Session) -> None:
    session.close(Reason.UPSTREAM_TIMEOUT, "the route's time limit is over")


def _was_used(session: Session) -> bool:
    return session.was_used()


def _idle(session: Session) -> None:
    session.close(Reason.IDLE_TIMEOUT, "nothing passed in either direction")

"""What every session is: its view for the access log, its event log, its record for the API, and its end.

    INIT ─connected→ CONNECTED ─ending→ FINALIZING ─unlinked→ DESTROYED

Only `_become` changes the status.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Protocol, TypeAlias

from l7mp_mesh.model.rules import Route
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.ports.attributes import Attributes
from l7mp_mesh.ports.clock import Clock
from l7mp_mesh.ports.leg import Kind, Leg
from l7mp_mesh.ports.session import (
    Event,
    RerouteFailed,
    SessionRecord,
    SessionStatus,
    SessionView,
    StageRecord,
    StageStatus,
    Traffic,
)
from l7mp_mesh.ports.upstream import Upstream
from l7mp_mesh.routing.table import Cell, Found
from l7mp_mesh.session.plan import Plan
from l7mp_mesh.session.source import Source

ORDERLY = frozenset(
    {
        Reason.OK,
        Reason.DELETED,
        Reason.LISTENER_DELETED,
        Reason.CLUSTER_DELETED,
        Reason.IDLE_TIMEOUT,
        Reason.SHUTDOWN,
    }
)
"""Ends that are nobody's failure."""
LIVE = (SessionStatus.CONNECTED, SessionStatus.INIT)
EVENT_LIMIT = 256
"""Entries of an event log; a session that reconnects for days forgets the oldest after INIT and LOOKUP."""


Stages: TypeAlias = tuple[StageRecord | None, tuple[StageRecord, ...], tuple[StageRecord, ...]]
"""Destination, ingress and egress, as the API shows them."""


class Inventoried(Protocol):
    """The registry, as a session sees it."""

    clock: Clock

    def lift_limit(self, session: Session) -> None:
        """Let the session live as long as it wants."""

    def ended(self, session: Session) -> None:
        """Take the session out of the live ones."""


class Session(SessionView):
    """One leg, routed."""

    loses_boundaries: bool
    """True when messages are piped into a byte stream somewhere on the way."""

    __slots__ = (
        "_cell",
        "_events",
        "_found",
        "_registry",
        "_started_at",
        "attributes",
        "cluster_name",
        "detail",
        "duration",
        "endpoint_address",
        "first_byte",
        "leg",
        "plan",
        "reason",
        "received_bytes",
        "route_name",
        "sent_bytes",
        "serial",
        "source",
        "started",
        "status",
        "status_code",
        "time_limit",
    )

    def __init__(
        self, serial: int, leg: Leg, attributes: Attributes, source: Source, registry: Inventoried
    ) -> None:
        clock = registry.clock
        self.serial = serial
        self.leg = leg
        self.attributes = attributes
        self.source = source
        self._registry = registry
        self._cell: Cell[Upstream] | None = None
        """The destination in force."""
        self._events: list[Event] | None = None
        self._found: Found[Plan] | None = None
        self.plan: Plan | None = None
        self.time_limit: float | None = None
        """Seconds after which the session must be over, None without a limit."""
        self.status = SessionStatus.INIT
        self.started = clock.wall()
        self._started_at = clock.now()
        self.duration = 0.0
        self.first_byte = -1.0
        self.received_bytes = 0
        self.sent_bytes = 0
        self.status_code = 0
        self.reason = Reason.OK
        self.detail = ""
        self.route_name = ""
        self.cluster_name = ""
        self.endpoint_address = ""
        attributes.kind = leg.kind
        source.stats.requests.value += 1
        source.stats.active.value += 1

    @property
    def name(self) -> str:
        """Unique among the live sessions of its protocol."""
        return self.attributes.name

    @property
    def kind(self) -> Kind:
        """Kind of the leg it was accepted on."""
        return self.leg.kind

    @property
    def is_live(self) -> bool:
        """False once it is over."""
        return self.status in LIVE

    @abstractmethod
    def begin(self) -> None:
        """Find the way and take it; called once, in the turn in which the leg appeared."""

    @abstractmethod
    def close(self, reason: Reason, detail: str = "") -> None:
        """End the session: every leg is closed, the client sees it in the manner of its protocol."""

    @abstractmethod
    async def reroute(self, find: Callable[[], Plan | None]) -> None:
        """Take the way that `find` names, make before break; stay if it names none. Raises RerouteFailed.

        It is asked when earlier moves of the session are done.
        """

    def disconnect(self, endpoint: str, reason: Reason) -> None:
        """Lose every leg to the endpoint of that name; the retry policy decides what follows."""

    def traverses(self, cluster: str) -> bool:
        """True when the session goes through that cluster."""
        return self.cluster_name == cluster

    @property
    def idle_limit(self) -> float:
        """Seconds without progress after which the session is given up; 0 for sessions that others watch."""
        return 0.0

    def progress(self) -> int:
        """Changes with whatever passes, in sessions with an idle limit."""
        return 0

    def was_used(self) -> bool:
        """True if anything passed since this was last asked."""
        return True

    @abstractmethod
    def stages(self) -> Stages:
        """Destination, ingress and egress, as the API shows them."""

    @abstractmethod
    def traffic(self) -> tuple[Traffic, Traffic]:
        """What the client sent and what it was sent."""

    @property
    def dropped(self) -> int:
        """Messages lost at a bounded queue of the session's."""
        return 0

    @property
    def route(self) -> Route | None:
        """The route in force."""
        return None if self.plan is None else self.plan.route

    def note(self, event: str, message: str, content: str = "") -> None:
        """Add to the event log."""
        log = self._log()
        if len(log) >= EVENT_LIMIT:
            del log[2]
        log.append(Event(event, self._registry.clock.wall(), message, content))

    def record(self) -> SessionRecord:
        """Everything about the session at this moment."""
        destination, ingress, egress = self.stages()
        received, sent = self.traffic()
        ended = None if self.is_live else self.started + self.duration
        return SessionRecord(
            name=self.name,
            listener=self.source.listener.name,
            protocol=self.source.listener.protocol,
            metadata=self.attributes.tree,
            status=self.status,
            route=self.route,
            source=StageRecord(self.source.listener.name, self._source_status(), None, received),
            destination=destination,
            ingress=ingress,
            egress=egress,
            events=tuple(self._log()),
            received=received,
            sent=sent,
            dropped=self.dropped,
            loses_boundaries=self.loses_boundaries,
            started=self.started,
            ended=ended,
        )

    def _log(self) -> list[Event]:
        """The event log. What every session goes through is written down when somebody reads it."""
        if self._events is None:
            self._events = [Event("INIT", self.started, f"Session {self.name} initialized")]
            if self._found is not None:
                message = f"Successfull lookup on rulelist:{self._found.table}/rule:{self._found.rule}"
                self._events.append(Event("LOOKUP SUCCESS", self.started, message))
            if self._is_connected:
                self._events.append(Event("CONNECT", self.started, "Session successfully connected"))
        return self._events

    @property
    def _is_connected(self) -> bool:
        """True once a destination was reached."""
        return bool(self.endpoint_address)

    def _source_status(self) -> StageStatus:
        if self.status is SessionStatus.INIT:
            return StageStatus.INIT
        return StageStatus.READY if self.is_live else StageStatus.END

    def _lookup(self) -> tuple[Plan | None, str]:
        """The plan that the listener's rules give this session, or None and why not."""
        table = self.source.table.value
        if table is None:
            return None, f"No such rule list: {self.source.listener.rules}"
        found = table.lookup(self.attributes)
        if found is None:
            return None, f'No route for session "{self.name}"'
        if found.route is None:
            return None, f'{found.why} "{self.name}"'
        plan = found.route.value
        if plan is None:
            return None, f"No such route: {found.route.name}"
        self._found = found
        self._take(plan)
        return plan, ""

    def _take(self, plan: Plan) -> None:
        self.plan = plan
        self.route_name = plan.route.name

    def _become(self, status: SessionStatus) -> None:
        assert self.status is not SessionStatus.DESTROYED, f"{self.name} is over"
        self.status = status

    def _account(self, reason: Reason, detail: str, received_messages: int, sent_messages: int) -> None:
        """The last entries: duration, counters, access log, inventory."""
        self.reason = reason
        self.detail = detail
        self.duration = self._registry.clock.now() - self._started_at
        source = self.source
        stats = source.stats
        stats.active.value -= 1
        stats.received.value += self.received_bytes
        stats.sent.value += self.sent_bytes
        stats.received_messages.value += received_messages
        stats.sent_messages.value += sent_messages
        if self._cell is not None and self._cell.value is not None:
            self._cell.value.count(self.received_bytes, self.sent_bytes, received_messages, sent_messages)
        stats.duration.observe(self.duration)
        if reason not in ORDERLY:
            stats.failures.value += 1
        options = source.listener.options
        if self._events is not None or options.track:
            self._write_end(reason, detail)
        self._become(SessionStatus.DESTROYED)
        if source.log is not None and options.access_log:
            source.log(self)
        self._registry.ended(self)

    def _write_end(self, reason: Reason, detail: str) -> None:
        """The last events: an ERROR unless the end was asked for, an END unless it never began."""
        events, ended = self._log(), self.started + self.duration
        if reason not in ORDERLY:
            events.append(Event("ERROR", ended, reason.text, detail))
        if reason is Reason.OK:
            events.append(Event("END", ended, reason.text))
        elif reason in ORDERLY or self._is_connected:
            events.append(Event("END", ended, "OK", reason.text))
        events.append(Event("DESTROY", ended, "Session destroyed"))


def not_movable(name: str, why: str) -> RerouteFailed:
    """The refusal to re-route a session that can not change its way."""
    return RerouteFailed(409, f'session "{name}" can not be re-routed: {why}')

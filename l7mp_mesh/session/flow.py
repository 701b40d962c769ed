"""Sessions of kind STREAM and MESSAGE: TCP, UNIX, UDP, WebSocket.

    look up → open every stage at once → attach → flow → end

The task exists while something must be waited for; the flow itself is verbs only. A live session is moved by
opening the new path first, switching the entry, and letting the old lane drain (architecture: make before
break).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from l7mp_mesh.io.tasks import spawn
from l7mp_mesh.pipe.adapt import Refused
from l7mp_mesh.pipe.head import Last
from l7mp_mesh.pipe.meters import Activity, Meter
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.pipe.switch import Lane, LaneOwner, Outlet, Switch
from l7mp_mesh.pipe.verbs import DISCARD, Discard, Sink
from l7mp_mesh.ports.attributes import Attributes
from l7mp_mesh.ports.layer import ConnectFailed
from l7mp_mesh.ports.leg import Kind, Leg
from l7mp_mesh.ports.session import RerouteFailed, SessionStatus, Traffic
from l7mp_mesh.session.hop import Hop
from l7mp_mesh.session.path import Path, PathOwner, failure
from l7mp_mesh.session.plan import Plan
from l7mp_mesh.session.session import Inventoried, Session, Stages, not_movable
from l7mp_mesh.session.source import Source

log = logging.getLogger("l7mp_mesh.session")

STREAM_DRAIN = 0.5
"""Seconds for which the old upstream of a re-routed byte stream may finish its answer."""
MESSAGE_DRAIN = 5.0
"""Seconds for which late answers of the old upstream still reach a re-routed flow of messages."""
LINGER = 5.0
"""Seconds for which answers are awaited after the source has ended, where an end can not be passed on."""


class Flow(Session, PathOwner, LaneOwner):
    """One connection or flow of messages, routed."""

    __slots__ = (
        "_down_ended",
        "_dropped",
        "_entry",
        "_exit",
        "_final",
        "_lane",
        "_moving",
        "_path",
        "_received",
        "_retired",
        "_sent",
        "_task",
        "_up_ended",
        "loses_boundaries",
    )

    def __init__(
        self, serial: int, leg: Leg, attributes: Attributes, source: Source, registry: Inventoried
    ) -> None:
        super().__init__(serial, leg, attributes, source, registry)
        activity = Activity()
        self._entry = Entry(self)
        self._received = Meter(activity)
        self._received.next = self._entry
        self._sent = Meter(activity)
        self._sent.next = leg.sink
        self._exit = Outlet(self._sent)
        self._path: Path | None = None
        self._final: Stages = (None, (), ())
        self.loses_boundaries = False
        self._lane: Lane | None = None
        self._retired: list[tuple[Lane, Path]] = []
        self._task: asyncio.Task[None] | None = None
        self._moving = asyncio.Lock()
        self._up_ended = False
        self._down_ended = False
        self._dropped = 0

    @property
    def broken(self) -> Sink:
        return Broken(self)

    def begin(self) -> None:
        plan, why = self._lookup()
        if plan is None:
            self.close(Reason.NO_ROUTE, why)
        else:
            self._task = spawn(f"session {self.serial}", self._run(plan), crashed=self._crashed)

    async def _run(self, plan: Plan) -> None:
        try:
            path = await self._open(plan)
        except ConnectFailed as error:
            self.close(error.reason, failure(error, self.name))
            return
        self._task = None
        has_log = self._events is not None
        self._become(SessionStatus.CONNECTED)
        self._settle(path)
        if has_log:
            # A log that is begun later has this entry anyway.
            self.note("CONNECT", "Session successfully connected")
        lane = self._lane = Lane(self._exit, self)
        path.attach(lane)
        self._entry.retarget(path.first)
        self.leg.start(self._received)

    def _crashed(self, detail: str) -> None:
        self.close(Reason.CONNECT_FAILED, detail)

    async def _open(self, plan: Plan) -> Path:
        try:
            path = Path(plan, self.kind, self, self.leg.message_limit)
        except Refused as error:
            raise ConnectFailed(Reason.NOT_ADAPTABLE, str(error)) from error
        await path.open()
        return path

    def _settle(self, path: Path) -> None:
        """`path` is the one in force."""
        self._path = path
        self._take(path.plan)
        self._cell = path.destination.cell
        self.cluster_name = self._cell.name
        endpoint = path.destination.endpoint
        if endpoint is not None:
            port = "" if endpoint.port is None else f":{endpoint.port}"
            self.endpoint_address = f"{endpoint.address}{port}"
        is_known, self.loses_boundaries = self.loses_boundaries, path.loses_boundaries
        if path.loses_boundaries and not is_known and "boundaries" not in path.plan.warned:
            path.plan.warned.add("boundaries")
            log.warning(
                "session pipes messages into a byte stream: boundaries are lost",
                extra={"session": self.name, "route": self.route_name},
            )

    async def reroute(self, find: Callable[[], Plan | None]) -> None:
        async with self._moving:
            self._require_live()
            plan = find()
            if plan is None:
                return
            if self._path is None and self.plan is not None and plan.route == self.plan.route:
                return
            if self.status is SessionStatus.INIT or self._path is None or self._lane is None:
                raise not_movable(self.name, "it is still being set up")
            if plan.route == self._path.plan.route:
                self._path.plan = self.plan = plan
                return
            if self._up_ended or self._down_ended:
                raise not_movable(self.name, "it is ending")
            try:
                path = await self._open(plan)
            except ConnectFailed as error:
                raise RerouteFailed(503, failure(error, self.name)) from error
            try:
                self._require_live()
            except RerouteFailed:
                path.close(Reason.OK)
                raise
            self._switch_to(path)

    def _require_live(self) -> None:
        if not self.is_live:
            raise RerouteFailed(404, f'session "{self.name}" is over')

    def _switch_to(self, path: Path) -> None:
        old_path, old_lane = self._path, self._lane
        assert old_path is not None
        assert old_lane is not None
        is_stream = self.kind is Kind.STREAM
        self._settle(path)
        lane = self._lane = Lane(self._exit, self, held=is_stream)
        self._retired.append((old_lane, old_path))
        path.attach(lane)
        old_first = self._entry.retarget(path.first)
        old_lane.drain()
        old_path.retire(path)
        if is_stream and old_first is not None:
            # The old upstream learns that nothing more comes: its answer ends, and the new one may follow.
            old_first.end(None)
        clock = self._registry.clock
        span = STREAM_DRAIN if is_stream else MESSAGE_DRAIN
        clock.call_at(clock.now() + span, lambda: self._retire(old_lane))
        self.note("REROUTE", f'Session moved to route "{self.route_name}"')

    def _retire(self, lane: Lane) -> None:
        """An old path has drained, or had its time."""
        for known, path in self._retired:
            if known is lane:
                self._retired.remove((known, path))
                lane.cut()
                self._leave(path, Reason.OK)
                break
        # One after the other: answers of three upstreams must not mix either.
        following = self._retired[0][0] if self._retired else self._lane
        if following is not None:
            following.flow()

    def close(self, reason: Reason, detail: str = "") -> None:
        if not self.is_live:
            return
        self._become(SessionStatus.FINALIZING)
        if self._task is not None:
            self._task.cancel()
            self._task = None
        self._received.next = DISCARD
        if reason is Reason.OK:
            self.leg.close(reason)
        else:
            # The codec alone knows how its peer sees this; it closes the leg after what it has to say.
            self.leg.sink.abort(reason)
        self._let_go(reason)
        self.received_bytes = self._received.bytes
        self.sent_bytes = self._sent.bytes
        self._account(reason, detail, self._received.chunks, self._sent.chunks)

    def _let_go(self, reason: Reason) -> None:
        """Close every path and untie the knots, so that nothing waits for the garbage collector."""
        for lane, path in [*self._retired, (self._lane, self._path)]:
            if lane is not None:
                lane.cut()
            if path is not None:
                self._leave(path, reason)
        self._retired.clear()
        self._final = self.stages()
        self._path = None
        self._entry.unlink()
        self._sent.next = DISCARD
        self._exit.next = DISCARD

    def _leave(self, path: Path, reason: Reason) -> None:
        path.close(reason)
        self._dropped += path.dropped

    def disconnect(self, endpoint: str, reason: Reason) -> None:
        if self._path is not None:
            for hop in self._path.hops:
                if hop.endpoint is not None and hop.endpoint.name == endpoint:
                    hop.disconnect(reason)

    def traverses(self, cluster: str) -> bool:
        return self._path is not None and self._path.uses(cluster)

    def was_used(self) -> bool:
        activity = self._sent.activity
        was_used, activity.touched = activity.touched, False
        return was_used

    def stages(self) -> Stages:
        path = self._path
        if path is None:
            return self._final
        return (
            path.destination.record(),
            tuple(element.record() for element in path.ingress),
            tuple(element.record() for element in path.egress),
        )

    def traffic(self) -> tuple[Traffic, Traffic]:
        received, sent = self._received, self._sent
        return Traffic(received.bytes, received.chunks), Traffic(sent.bytes, sent.chunks)

    @property
    def dropped(self) -> int:
        paths = [path for _, path in self._retired]
        if self._path is not None:
            paths.append(self._path)
        return self._entry.dropped + self._dropped + sum(path.dropped for path in paths)

    def up_ended(self) -> None:
        """The client has said all it had to say."""
        self._up_ended = True
        if self._down_ended:
            self.close(Reason.OK)

    def lane_ended(self, lane: Lane, last: Last | None) -> None:
        if lane is not self._lane:
            self._retire(lane)
            return
        self._down_ended = True
        self._sent.end(last)
        if self._up_ended:
            self.close(Reason.OK)

    def lane_aborted(self, lane: Lane, reason: Reason) -> None:
        if lane is self._lane:
            self.close(reason, "the last stage broke off")
        else:
            self._retire(lane)

    def hop_lost(self, hop: Hop, reason: Reason) -> None:
        self.note("DISCONNECT", f"Session.disconnect: Stage: {hop.origin}: Reason: {reason.text}")

    def hop_back(self, hop: Hop) -> None:
        self.note("CONNECT", "Session successfully connected")

    def hop_failed(self, hop: Hop, reason: Reason, detail: str) -> None:
        if self._path is not None and hop in self._path.hops:
            self.close(reason, detail)

    def hop_holds(self, hop: Hop) -> None:
        clock = self._registry.clock
        clock.call_at(clock.now() + LINGER, hop.release)


class Entry(Switch):
    """Where the client's data enters; notices its end."""

    __slots__ = ("_flow",)

    def __init__(self, flow: Flow) -> None:
        super().__init__()
        self._flow: Flow | None = flow

    def end(self, last: Last | None) -> None:
        super().end(last)
        if self._flow is not None:
            self._flow.up_ended()

    def abort(self, reason: Reason) -> None:
        if self._flow is not None:
            self._flow.close(reason)

    def unlink(self) -> None:
        super().unlink()
        self._flow = None


class Broken(Discard):
    """Takes the abort of a guard: the session ends."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def abort(self, reason: Reason) -> None:
        self._session.close(reason)

"""Sessions of kind EXCHANGE: one HTTP request and its answer.

    look up → [open body transforms] → up chain → Terminal: lease → answer → end

On the fast path everything happens in the turn in which the head was parsed: no task, no timer, and nothing
that the garbage collector would have to find. A task exists only while a leg must be waited for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from l7mp_mesh.io.tasks import spawn
from l7mp_mesh.model.endpoints import Endpoint
from l7mp_mesh.model.listener import ReplyStyle
from l7mp_mesh.pipe.adapt import Refused
from l7mp_mesh.pipe.head import ResponseHead
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.pipe.verbs import DISCARD, OPEN_VALVE, Sink
from l7mp_mesh.ports.attributes import Attributes
from l7mp_mesh.ports.layer import ConnectFailed
from l7mp_mesh.ports.leg import Kind, Leg
from l7mp_mesh.ports.session import SessionStatus, StageRecord, StageStatus, Traffic
from l7mp_mesh.ports.upstream import Lease
from l7mp_mesh.session.connect import connect, first_attempts
from l7mp_mesh.session.flow import LINGER, Broken
from l7mp_mesh.session.hop import Hop
from l7mp_mesh.session.middle import Middle, MiddleOwner
from l7mp_mesh.session.path import failure, open_all
from l7mp_mesh.session.patrol import EXCHANGE_IDLE, TUNNEL_IDLE
from l7mp_mesh.session.plan import Plan
from l7mp_mesh.session.session import Inventoried, Session, Stages, not_movable
from l7mp_mesh.session.source import Source
from l7mp_mesh.session.terminal import Answer, Front, Terminal, TerminalOwner


class Exchange(Session, TerminalOwner, MiddleOwner):
    """One request, routed."""

    loses_boundaries = False

    __slots__ = (
        "_answer",
        "_answer_ended",
        "_attempts",
        "_down",
        "_ending",
        "_is_started",
        "_is_upgraded",
        "_lease",
        "_middle",
        "_task",
        "_terminal",
        "_tried",
    )

    def __init__(
        self, serial: int, leg: Leg, attributes: Attributes, source: Source, registry: Inventoried
    ) -> None:
        super().__init__(serial, leg, attributes, source, registry)
        self._terminal = Terminal(self)
        self._answer = Answer(self)
        self._answer.next = leg.sink
        self._lease: Lease | None = None
        self._task: asyncio.Task[None] | None = None
        self._attempts = 0
        self._tried: list[Endpoint] | None = None
        self._is_started = False
        self._is_upgraded = False
        self._answer_ended = False
        self._ending: tuple[Reason, str] = (Reason.OK, "")
        self._middle: Middle | None = None
        self._down: Sink = self._answer

    @property
    def broken(self) -> Sink:
        return Broken(self)

    def begin(self) -> None:
        plan, why = self._lookup()
        if plan is None:
            self.close(Reason.NO_ROUTE, why)
            return
        try:
            self._cell = plan.target(self.attributes)
        except ConnectFailed as error:
            self.close(error.reason, error.detail)
            return
        self.cluster_name = self._cell.name
        self.time_limit = plan.route.request_timeout
        if not plan.ingress and not plan.egress:
            self._start(self._terminal)
            return
        self._middle = Middle(plan, self)
        if self._middle.hops:
            self._task = spawn(f"session {self.serial}", self._open_middle(plan), crashed=self._crashed)
        else:
            self._start(self._middle.join(self._terminal, self._answer, Front(self)))

    async def _open_middle(self, plan: Plan) -> None:
        """Connect the transforms that the body passes through, then let the request in."""
        assert self._middle is not None
        try:
            await open_all(self._middle.hops, plan)
        except ConnectFailed as error:
            self._task = None
            self.close(error.reason, failure(error, self.name))
            return
        self._task = None
        self._start(self._middle.join(self._terminal, self._answer, Front(self)))

    def _start(self, first: Sink) -> None:
        self._is_started = True
        if self._middle is not None and self._middle.down is not None:
            self._down = self._middle.down
        self.leg.start(first)

    def dial(self) -> None:
        assert self.plan is not None
        assert self._cell is not None
        retry = self.plan.retry
        if retry.retry_on.on_disconnect:
            self._terminal.remember()
        upstream = self._cell.value
        lease = None if upstream is None else upstream.lease(self.attributes)
        if lease is not None:
            self._attach(lease)
        else:
            self._wait(first_attempts(retry))

    def _wait(self, attempts: int, *, is_fresh: bool = False) -> None:
        """No leg is at hand: hold the request and connect."""
        self._terminal.remember()
        self._terminal.hold()
        work = self._connect(attempts, is_fresh=is_fresh)
        self._task = spawn(f"connect {self.serial}", work, crashed=self._crashed)

    async def _connect(self, attempts: int, *, is_fresh: bool) -> None:
        assert self.plan is not None
        assert self._cell is not None
        try:
            lease = await connect(
                self._cell, self.attributes, self.plan.retry, attempts, self._tried, is_fresh=is_fresh
            )
        except ConnectFailed as error:
            self._task = None
            self.close(error.reason, failure(error, self.name))
            return
        self._task = None
        self._attach(lease)

    def _crashed(self, detail: str) -> None:
        self._task = None
        self.close(Reason.CONNECT_FAILED, detail)

    def _attach(self, lease: Lease) -> None:
        self._lease = lease
        endpoint = lease.endpoint
        port = endpoint.port
        self.endpoint_address = endpoint.address if port is None else f"{endpoint.address}:{port}"
        self.status = SessionStatus.CONNECTED
        try:
            self._terminal.attach(lease, self._down)
        except Refused as error:
            self.close(Reason.NOT_ADAPTABLE, str(error))
            return
        if self._terminal.has_ended and lease.leg.kind is Kind.MESSAGE and self.is_live:
            self._await_answer()

    def request_ended(self) -> None:
        if self._is_upgraded and self._answer_ended:
            self._finish(Reason.OK, "")
        elif self._lease is not None and self._lease.leg.kind is Kind.MESSAGE:
            self._await_answer()

    def _await_answer(self) -> None:
        clock = self._registry.clock
        clock.call_at(clock.now() + LINGER, self._terminal.release)

    def request_aborted(self, reason: Reason) -> None:
        self._finish(reason, "")

    def answer_began(self, status: int, *, is_upgrade: bool) -> None:
        self.status_code = status
        self.first_byte = self._registry.clock.now() - self._started_at
        self._is_upgraded = is_upgrade
        if is_upgrade and self.time_limit is not None:
            # The limit is one for answers; this one is over when its tunnel is.
            self._registry.lift_limit(self)

    def answer_ended(self) -> None:
        if self._is_upgraded and not self._terminal.has_ended:
            self._answer_ended = True
            return
        self._finish(*self._ending)

    def answer_aborted(self, reason: Reason) -> None:
        may_repeat = not self._answer.has_begun and reason.may_retry and self._terminal.can_repeat
        if may_repeat and self._was_stale():
            # Whatever the policy says; a fresh connection is never stale, so this happens once.
            self._drop_lease(reason)
        elif may_repeat and self._has_attempts():
            self._attempts += 1
            if self._lease is not None:
                self._tried = [*(self._tried or ()), self._lease.endpoint]
            self._drop_lease(reason)
        else:
            self.close(reason, reason.text)
            return
        self._wait(1, is_fresh=True)

    def _was_stale(self) -> bool:
        return self._lease is not None and self._lease.leg.is_stale and self._terminal.is_idempotent

    def _has_attempts(self) -> bool:
        assert self.plan is not None
        retry = self.plan.retry
        return retry.retry_on.on_disconnect and self._attempts < retry.num_retries

    def close(self, reason: Reason, detail: str = "") -> None:
        if not self.is_live:
            return
        if self._answer.has_begun:
            self.leg.sink.abort(reason)
            self._finish(reason, detail)
            return
        self._ending = (reason, detail)
        # Past the transforms: one of them may be what failed.
        self._say(*self.source.rescue(reason, detail or reason.text, self._style), self._answer)

    def reply(self, head: ResponseHead, body: bytes) -> None:
        """Answer in place of the upstream, through every response stage."""
        if self.is_live and not self._answer.has_begun:
            self._say(head, body, self._down)

    def _say(self, head: ResponseHead, body: bytes, into: Sink) -> None:
        self._drop_lease(Reason.OK)
        self._stop_task()
        if not self._is_started:
            # The body that nobody wants is read and dropped, so that the client gets to see the answer.
            self._is_started = True
            self.leg.start(DISCARD)
        self._terminal.swallow()
        head.length = len(body)
        into.open(head, OPEN_VALVE)
        if body:
            into.data(body, 0)
        into.end(None)

    @property
    def _style(self) -> ReplyStyle:
        return self.source.listener.options.reply

    def _drop_lease(self, reason: Reason) -> None:
        lease, self._lease = self._lease, None
        if lease is not None:
            lease.give_back(reason)

    def _stop_task(self) -> None:
        """Whatever leg is being waited for is not needed any more."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def _finish(self, reason: Reason, detail: str) -> None:
        """Untie everything; what is still under way is given up."""
        if not self.is_live:
            return
        self.status = SessionStatus.FINALIZING
        self._stop_task()
        self.received_bytes = self._terminal.bytes
        self.sent_bytes = self._answer.bytes
        self._drop_lease(reason)
        self._terminal.unlink()
        self._answer.unlink()
        self._down = DISCARD
        if self._middle is not None:
            self._middle.close(reason)
        self._account(reason, detail, self._terminal.chunks, self._answer.chunks)

    async def reroute(self, find: Callable[[], Plan | None]) -> None:
        raise not_movable(self.name, "an exchange finishes on the route it took; the next one takes the new")

    def traverses(self, cluster: str) -> bool:
        return self.cluster_name == cluster or (self._middle is not None and self._middle.uses(cluster))

    def disconnect(self, endpoint: str, reason: Reason) -> None:
        if self._lease is not None and self._lease.endpoint.name == endpoint:
            self.answer_aborted(reason)
        elif self._middle is not None:
            self._middle.disconnect(endpoint, reason)

    @property
    def idle_limit(self) -> float:
        return TUNNEL_IDLE if self._is_upgraded else EXCHANGE_IDLE

    def progress(self) -> int:
        up, down = self._terminal, self._answer
        return up.bytes + down.bytes + up.has_ended + down.has_begun + self._attempts

    def stages(self) -> Stages:
        status = StageStatus.PENDING
        if not self.is_live:
            status = StageStatus.END
        elif self.status is SessionStatus.CONNECTED:
            status = StageStatus.READY
        endpoint = None if self._lease is None else self._lease.endpoint
        destination = StageRecord(self.cluster_name, status, endpoint, self._answer.passed)
        if self._middle is None:
            return destination, (), ()
        return destination, *self._middle.records()

    def traffic(self) -> tuple[Traffic, Traffic]:
        return self._terminal.passed, self._answer.passed

    def hop_lost(self, hop: Hop, reason: Reason) -> None:
        self.note("DISCONNECT", f"Session.disconnect: Stage: {hop.origin}: Reason: {reason.text}")

    def hop_back(self, hop: Hop) -> None:
        self.note("CONNECT", "Session successfully connected")

    def hop_failed(self, hop: Hop, reason: Reason, detail: str) -> None:
        self.close(reason, detail)

    def hop_holds(self, hop: Hop) -> None:
        clock = self._registry.clock
        clock.call_at(clock.now() + LINGER, hop.release)

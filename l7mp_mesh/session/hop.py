"""One stage of a path: a leg to a cluster, spliced between two neighbours, connected again when it is lost.

INIT ─opened→ CONNECTED ─attached→ READY ─leg over→ END
                             READY ─leg lost, may retry→ DISCONNECTED → RETRYING → READY

before ─▶ inlet ─▶ [adapter] ─▶ leg ─▶ [adapter] ─▶ lane ─▶ meter ─▶ after
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from functools import partial

from l7mp_mesh.io.tasks import spawn
from l7mp_mesh.model.endpoints import Endpoint
from l7mp_mesh.model.rules import RetryPolicy
from l7mp_mesh.pipe.adapt import Adapter, AdaptLimits, Refused, adapter, is_per_message
from l7mp_mesh.pipe.head import Last, RequestHead
from l7mp_mesh.pipe.meters import Activity, Meter
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.pipe.switch import Lane, LaneOwner, Outlet, Switch
from l7mp_mesh.pipe.verbs import DISCARD, Sink
from l7mp_mesh.ports.attributes import Attributes
from l7mp_mesh.ports.layer import ConnectFailed
from l7mp_mesh.ports.leg import Kind, Leg
from l7mp_mesh.ports.session import StageRecord, StageStatus, Traffic
from l7mp_mesh.ports.upstream import Lease, Upstream
from l7mp_mesh.routing.request import request_from
from l7mp_mesh.routing.table import Cell
from l7mp_mesh.session.connect import connect, first_attempts
from l7mp_mesh.session.permessage import RequestPerMessage


class HopOwner(ABC):
    """The session, as one of its hops sees it."""

    __slots__ = ()

    attributes: Attributes

    @abstractmethod
    def hop_lost(self, hop: Hop, reason: Reason) -> None:
        """The leg is gone and is being connected again."""

    @abstractmethod
    def hop_back(self, hop: Hop) -> None:
        """The leg was connected again."""

    @abstractmethod
    def hop_failed(self, hop: Hop, reason: Reason, detail: str) -> None:
        """The leg is gone for good, and with it the session."""

    @abstractmethod
    def hop_holds(self, hop: Hop) -> None:
        """The end of the flow is kept back: call `release` at a deadline."""


class Hop(LaneOwner):
    """A remote (or built-in) stage; the destination is one too."""

    __slots__ = (
        "_adapter",
        "_dropped",
        "_kind",
        "_lane",
        "_lease",
        "_message_limit",
        "_meter",
        "_owner",
        "_retry",
        "_task",
        "cell",
        "inlet",
        "loses_boundaries",
        "origin",
        "outlet",
        "status",
    )

    def __init__(
        self, origin: str, cell: Cell[Upstream], kind: Kind, owner: HopOwner, message_limit: int
    ) -> None:
        self.origin = origin
        self.status = StageStatus.INIT
        self.inlet = Inlet(self)
        self.loses_boundaries = False
        self.cell = cell
        self._dropped = 0
        self._kind = kind
        self._owner = owner
        self._message_limit = message_limit
        self._retry = RetryPolicy()
        self._lease: Lease | None = None
        self._adapter: Adapter | None = None
        self._lane: Lane | None = None
        self._task: asyncio.Task[None] | None = None
        self._meter = Meter(Activity())
        self.outlet = Outlet(self._meter)

    @property
    def endpoint(self) -> Endpoint | None:
        """Where the leg goes, None without one."""
        return None if self._lease is None else self._lease.endpoint

    @property
    def cluster(self) -> str:
        """Name of the cluster of the leg."""
        return self.cell.name

    @property
    def dropped(self) -> int:
        """Messages that were lost on the way to the leg."""
        lease = self._lease
        now = lease.dropped if isinstance(lease, RequestPerMessage) else 0
        return self.inlet.dropped + self._dropped + now

    def lead_to(self, following: Sink) -> None:
        """Say what comes after this stage; before `attach`."""
        self._meter.next = following

    async def open(self, retry: RetryPolicy) -> None:
        """Connect the leg. Raises ConnectFailed."""
        self._retry = retry
        await self._open(first_attempts(retry))

    def attach(self) -> None:
        """Let it flow: the leg begins to emit, and what waits at the inlet goes to it."""
        assert self._lease is not None, "open first"
        self.status = StageStatus.READY
        leg: Leg = self._lease.leg
        lane = self._lane = Lane(self.outlet, self)
        pair = self._adapter
        if pair is None:
            leg.start(lane)
            self.inlet.retarget(leg.sink)
            return
        pair.up.next, pair.down.next = leg.sink, lane
        leg.start(pair.down)
        self.inlet.retarget(pair.up)
        # The source may have ended while this leg was awaited.
        self.end_held()

    def disconnect(self, reason: Reason) -> None:
        """Take the leg away as if its peer had gone: the retry policy decides what follows."""
        if self.status is StageStatus.READY:
            self._lost(reason)

    def retire(self) -> None:
        """Connect no more: the session has taken another way, this one may only finish what it was asked."""
        self._retry = RetryPolicy()

    def release(self) -> None:
        """Pass on an end that the adapter kept back."""
        if self._adapter is not None:
            self._adapter.release()

    def settle(self) -> None:
        """Pass on an end that was kept back, if every message was answered by one: nothing more is due."""
        if self._adapter is not None and self._adapter.is_settled:
            self._adapter.release()

    def close(self, reason: Reason) -> None:
        """Give up the leg and forget the neighbours."""
        self.status = StageStatus.END
        if self._task is not None:
            self._task.cancel()
            self._task = None
        if self._lane is not None:
            self._lane.cut()
        self.inlet.unlink()
        self._meter.next = DISCARD
        self._adapter = None
        self._give_back(reason)

    def record(self) -> StageRecord:
        """The stage as the API shows it."""
        return StageRecord(
            self.origin, self.status, self.endpoint, Traffic(self._meter.bytes, self._meter.chunks)
        )

    def lane_ended(self, lane: Lane, last: Last | None) -> None:
        if self._may_reconnect() and not self.inlet.has_ended:
            self._lost(Reason.UPSTREAM_RESET)
        else:
            if self.status is StageStatus.READY:
                self.status = StageStatus.END
            self._meter.end(last)

    def lane_aborted(self, lane: Lane, reason: Reason) -> None:
        if self._may_reconnect():
            self._lost(reason)
        elif self.status is not StageStatus.END:
            self._owner.hop_failed(self, reason, f"{self.origin}: {reason.text}")

    def end_held(self) -> None:
        """The source has ended; if the adapter keeps that back, somebody must set a deadline."""
        if self._adapter is not None and self._adapter.holds_end:
            self._owner.hop_holds(self)

    def _may_reconnect(self) -> bool:
        upstream = self.cell.value
        return (
            self.status is StageStatus.READY
            and self._retry.retry_on.on_disconnect
            and (upstream is None or upstream.is_retriable)
        )

    def _lost(self, reason: Reason) -> None:
        if not self._may_reconnect():
            self._owner.hop_failed(self, reason, f"{self.origin}: {reason.text}")
            return
        self.status = StageStatus.DISCONNECTED
        # An endpoint that accepts and closes without a word would otherwise be connected to in a circle.
        is_quick = not self._meter.activity.touched
        self._meter.activity.touched = False
        self.inlet.hold()
        if self._lane is not None:
            self._lane.cut()
        self._give_back(reason)
        self._owner.hop_lost(self, reason)
        after = self._retry.timeout if is_quick else 0.0
        self._task = spawn(f"reconnect {self.origin}", self._reconnect(after), crashed=self._crashed)

    def _give_back(self, reason: Reason) -> None:
        lease, self._lease = self._lease, None
        if lease is None:
            return
        lease.give_back(reason)
        if isinstance(lease, RequestPerMessage):
            self._dropped += lease.dropped
            for message, flags in lease.take_back():
                self.inlet.data(message, flags)

    async def _reconnect(self, after: float) -> None:
        self.status = StageStatus.RETRYING
        try:
            await asyncio.sleep(after)
            await self._open(self._retry.num_retries)
        except ConnectFailed as error:
            self._task = None
            if self.status is StageStatus.RETRYING:
                self._owner.hop_failed(self, error.reason, f"{self.origin}: {error.detail}")
            return
        self._task = None
        if self.status is StageStatus.CONNECTED:
            self.attach()
            self._owner.hop_back(self)

    def _crashed(self, detail: str) -> None:
        self._owner.hop_failed(self, Reason.CONNECT_FAILED, f"{self.origin}: {detail}")

    async def _open(self, attempts: int) -> None:
        attributes = self._owner.attributes
        upstream = self.cell.value
        before = self.status
        if upstream is not None and is_per_message(self._kind, upstream.kind):
            self._lease = RequestPerMessage(self.cell, attributes, self._retry)
        else:
            lease = await connect(self.cell, attributes, self._retry, attempts)
            if self.status is not before:
                # The session ended, or took another way, while this was being connected.
                lease.give_back(Reason.OK)
                return
            self._lease = lease
            make_request = partial(_request, attributes, lease.endpoint)
            limits = AdaptLimits(lease.leg.message_limit, self._message_limit)
            try:
                self._adapter = adapter(self._kind, lease.leg.kind, make_request, limits)
            except Refused as error:
                raise ConnectFailed(Reason.NOT_ADAPTABLE, str(error)) from error
            self.loses_boundaries = self._adapter is not None and self._adapter.loses_boundaries
        self.status = StageStatus.CONNECTED


class Inlet(Switch):
    """Entry of a hop; notices the end of the flow."""

    __slots__ = ("_hop",)

    def __init__(self, hop: Hop) -> None:
        super().__init__()
        self._hop: Hop | None = hop

    def end(self, last: Last | None) -> None:
        super().end(last)
        if self._hop is not None:
            self._hop.end_held()

    def unlink(self) -> None:
        super().unlink()
        self._hop = None


def _request(attributes: Attributes, endpoint: Endpoint) -> RequestHead:
    """The request that a stream or message becomes; its host is the endpoint unless metadata name one."""
    head = request_from(attributes)
    if not head.authority:
        address = f"[{endpoint.address}]" if ":" in endpoint.address else endpoint.address
        head.authority = f"{address}:{endpoint.port}".encode()
    return head

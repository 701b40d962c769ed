"""A flow of messages over HTTP: every message is a request of its own, and every answer a message.

    IDLE ─message→ OPENING ─leased→ ASKING ─response ended→ IDLE (next message)

One request at a time, so answers come in the order of the questions; messages wait in a bounded queue and
the source is paused meanwhile.
"""

from __future__ import annotations

import asyncio

from l7mp_mesh.io.tasks import spawn
from l7mp_mesh.model.endpoints import Endpoint
from l7mp_mesh.model.rules import RetryPolicy
from l7mp_mesh.pipe.buffers import BoundedQueue
from l7mp_mesh.pipe.head import STREAM_HEAD, Head, Last
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.pipe.verbs import DISCARD, OPEN_VALVE, Sink, Valve
from l7mp_mesh.ports.attributes import Attributes
from l7mp_mesh.ports.layer import ConnectFailed
from l7mp_mesh.ports.leg import Kind, Leg
from l7mp_mesh.ports.upstream import Lease, Upstream
from l7mp_mesh.routing.request import request_from
from l7mp_mesh.routing.table import Cell
from l7mp_mesh.session.connect import require

QUEUE_MESSAGES = 1024
QUEUE_BYTES = 4 << 20
ANSWER_LIMIT = 1 << 20
"""Longest answer in bytes; what is beyond it is cut off and the session ends."""


class RequestPerMessage(Lease, Leg):
    """A MESSAGE leg that leases an EXCHANGE leg for each message; the lease of itself.

    The cluster is the one that has the name when a message is sent.
    """

    kind = Kind.MESSAGE

    def __init__(self, cell: Cell[Upstream], attributes: Attributes, retry: RetryPolicy) -> None:
        self.leg = self
        self.endpoint = Endpoint(cell.name, "<PER MESSAGE>")
        self._cell = cell
        self._attributes = attributes
        self._retry = retry
        self._into: Sink = DISCARD
        self._questions = Questions(self)
        self._queue = BoundedQueue(QUEUE_MESSAGES, QUEUE_BYTES)
        self._lease: Lease | None = None
        self._task: asyncio.Task[None] | None = None
        self._is_busy = False
        self._has_ended = False
        self._is_closed = False

    @property
    def sink(self) -> Sink:
        return self._questions

    def start(self, into: Sink) -> None:
        self._into = into
        into.open(STREAM_HEAD, OPEN_VALVE)

    def give_back(self, reason: Reason) -> None:
        self.close(reason)

    def close(self, reason: Reason) -> None:
        self._is_closed = True
        self._into = DISCARD
        lease, self._lease = self._lease, None
        if lease is not None:
            lease.give_back(reason)
        if self._task is not None:
            self._task.cancel()
            self._task = None

    @property
    def dropped(self) -> int:
        """Messages that did not fit the queue."""
        return self._queue.dropped

    def take_back(self) -> list[tuple[bytes, int]]:
        """The messages that were not asked, which another leg may ask; after `close`."""
        return [self._queue.take() for _ in range(len(self._queue))]

    def ask(self, message: bytes, flags: int) -> None:
        """Send a message as a request, after those before it."""
        self._queue.put(message, flags)
        if not self._is_busy:
            self._next()

    def end(self) -> None:
        """No more messages: the end follows the last answer."""
        self._has_ended = True
        if not self._is_busy:
            self._into.end(None)

    def answered(self, body: bytes) -> None:
        """The response to the message of the moment is complete."""
        lease, self._lease = self._lease, None
        if lease is not None:
            self.endpoint = lease.endpoint
            lease.give_back(Reason.OK)
        self._into.data(body, 0)
        self._next()

    def broken(self, reason: Reason) -> None:
        """A request could not be answered: the flow is broken off."""
        into = self._into
        self.close(reason)
        into.abort(reason)

    def _next(self) -> None:
        self._is_busy = bool(self._queue) and not self._is_closed
        if not self._is_busy:
            self._questions.ease()
            if self._has_ended:
                self._into.end(None)
            return
        message, _ = self._queue.take()
        upstream = self._cell.value
        lease = None if upstream is None else upstream.lease(self._attributes)
        if lease is None:
            self._task = spawn("request per message", self._open(message), crashed=self._crashed)
        else:
            self._send(lease, message)

    async def _open(self, message: bytes) -> None:
        try:
            lease = await require(self._cell).open(self._attributes, within=self._retry.timeout)
        except ConnectFailed as error:
            self.broken(error.reason)
            return
        self._task = None
        if self._is_closed:
            lease.give_back(Reason.OK)
        else:
            self._send(lease, message)

    def _crashed(self, detail: str) -> None:
        self.broken(Reason.CONNECT_FAILED)

    def _send(self, lease: Lease, message: bytes) -> None:
        self._lease = lease
        if lease.leg.kind is not Kind.EXCHANGE:
            # The name stands for a cluster of another kind by now.
            self.broken(Reason.NOT_ADAPTABLE)
            return
        head = request_from(self._attributes, len(message))
        if not head.authority:
            head.authority = f"{lease.endpoint.address}:{lease.endpoint.port}".encode()
        lease.leg.start(Answer(self))
        lease.leg.sink.open(head, OPEN_VALVE)
        if message:
            lease.leg.sink.data(message, 0)
        lease.leg.sink.end(None)


class Questions(Sink):
    """Where the session puts its messages; holds it back while one is being asked."""

    __slots__ = ("_is_held", "_leg", "_valve")

    def __init__(self, leg: RequestPerMessage) -> None:
        self._leg = leg
        self._valve: Valve = OPEN_VALVE
        self._is_held = False

    def open(self, head: Head, valve: Valve) -> None:
        self._valve = valve

    def data(self, chunk: bytes, flags: int) -> None:
        if not self._is_held:
            self._is_held = True
            self._valve.pause()
        self._leg.ask(chunk, flags)

    def end(self, last: Last | None) -> None:
        self._leg.end()

    def abort(self, reason: Reason) -> None:
        self._leg.close(reason)

    def ease(self) -> None:
        """Every message was asked."""
        if self._is_held:
            self._is_held = False
            self._valve.resume()


class Answer(Sink):
    """Collects the body of one response."""

    __slots__ = ("_leg", "_parts", "_size")

    def __init__(self, leg: RequestPerMessage) -> None:
        self._leg = leg
        self._parts: list[bytes] = []
        self._size = 0

    def open(self, head: Head, valve: Valve) -> None:
        pass

    def data(self, chunk: bytes, flags: int) -> None:
        self._size += len(chunk)
        if self._size > ANSWER_LIMIT:
            self._leg.broken(Reason.OVERFLOW)
        else:
            self._parts.append(chunk)

    def end(self, last: Last | None) -> None:
        self._leg.answered(b"".join(self._parts))

    def abort(self, reason: Reason) -> None:
        self._leg.broken(reason)

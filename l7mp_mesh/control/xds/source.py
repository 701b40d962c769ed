"""The dataplane's end of the discovery stream, on gRPC.

One coroutine takes a response, says what else is wanted because of it, applies it, and answers: an ACK means
that the store has it. Listeners are asked for when the first clusters have their endpoints, so that the first
session finds them. When the stream is lost the last good configuration stays, and a new one is tried after a
pause that grows.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import replace
from typing import Any

from google.protobuf.message import DecodeError, Message

from l7mp_mesh import api
from l7mp_mesh.control.xds.backoff import Backoff
from l7mp_mesh.control.xds.bootstrap import XdsBootstrap
from l7mp_mesh.control.xds.encoding import Sotw
from l7mp_mesh.control.xds.inventory import Change, Inventory, Refusal
from l7mp_mesh.control.xds.resource_type import ResourceType
from l7mp_mesh.control.xds.status import TypeStatus, XdsStatus
from l7mp_mesh.control.xds.stream import Stream
from l7mp_mesh.io.tasks import spawn, survive
from l7mp_mesh.ports.clock import Clock, Handle
from l7mp_mesh.ports.config import ConfigSource, Outcome, Store, Update

log = logging.getLogger("l7mp_mesh.xds")

CONNECT = 10.0
"""Seconds for a connection to be made."""
WRITE = 10.0
"""Seconds for a request to be handed to the transport."""
APPLY = 30.0
"""Seconds for the store to apply a change; after them it is refused, and applied late."""
FETCH = 15.0
"""Seconds for which listeners wait for clusters and for their routes; Envoy's `initial_fetch_timeout`."""

INBOX = 2
"""Responses read ahead; more wait in the transport."""

MAX_MESSAGE = 64 << 20

CHANNEL_OPTIONS = (
    ("grpc.max_receive_message_length", MAX_MESSAGE),
    ("grpc.max_send_message_length", MAX_MESSAGE),
    # A server that is gone without a word is noticed after 40 s.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    # Pauses between attempts are ours, so gRPC must not remember the last failure.
    ("grpc.use_local_subchannel_pool", 1),
)


END = object()
WAKE = object()
"""In the inbox: the stream has ended; look what time has brought."""


class XdsSource(ConfigSource):
    """Keeps a store as the management server wants it."""

    def __init__(
        self,
        bootstrap: XdsBootstrap,
        clock: Clock,
        backoff: Backoff | None = None,
        *,
        apply_within: float = APPLY,
    ) -> None:
        self._bootstrap = bootstrap
        self._clock = clock
        self._backoff = backoff or Backoff()
        self._encoding = Sotw()
        self._stream = Stream(bootstrap.node, self._encoding)
        self._inventory = Inventory()
        self._inbox: asyncio.Queue[api.Proto] = asyncio.Queue(INBOX)
        self._is_overdue = False
        self._patience: Handle | None = None
        self._applying: asyncio.Task[None] | None = None
        self._apply_within = apply_within
        self._call: Any = None
        self._wants_listeners = False
        self._attempts = 0
        self._control_plane = ""
        self._last_error = ""
        self._refused: dict[ResourceType, str] = {}

    @property
    def status(self) -> XdsStatus:
        """How things stand."""
        types = tuple(
            TypeStatus(type_.name, self._stream.version(type_), self._refused.get(type_, ""))
            for type_ in ResourceType
        )
        return XdsStatus(
            self._bootstrap.target,
            self._call is not None,
            self._attempts,
            self._control_plane,
            self._last_error,
            types,
        )

    async def run(self, store: Store) -> None:
        """Apply what is static, then follow the management server until cancelled."""
        await survive("xds static resources", self._apply_static(store))
        self._stream.subscribe(ResourceType.CDS, None)
        try:
            while True:
                self._last_error = await survive("xds stream", self._converse(store)) or self._last_error
                pause = self._backoff.next()
                log.warning("xds: %s: %s; trying again", self._bootstrap.target, self._last_error)
                await self._sleep(pause)
        finally:
            self._stop_waiting()

    async def _apply_static(self, store: Store) -> None:
        if not self._bootstrap.static:
            return
        update = Update("xds:static", "", self._bootstrap.static, atomic=False)
        for rejection in (await store.apply(update)).rejections:
            log.error("xds: static %s %r: %s", rejection.key.kind.value, rejection.key.name, rejection.why)

    async def _converse(self, store: Store) -> None:
        """One stream, from its first request to its end."""
        # Late: gRPC costs 60 ms, and a dataplane without a management server does not need it.
        import grpc.aio  # noqa: PLC0415

        self._attempts += 1
        async with grpc.aio.insecure_channel(self._bootstrap.target, options=CHANNEL_OPTIONS) as channel:
            call = channel.stream_stream(
                self._encoding.method,
                request_serializer=_serialize,
                # Bytes: gRPC would turn what it can not parse into None.
                response_deserializer=None,
            )()
            self._inbox = asyncio.Queue(INBOX)
            reader = None
            try:
                async with asyncio.timeout(CONNECT):
                    await call.wait_for_connection()
                reader = spawn("xds reader", self._read(call, grpc.aio.EOF, grpc.aio.AioRpcError))
                self._call = call
                await self._follow(store)
                self._last_error = f"{(await call.code()).name}: {await call.details()}"
            except TimeoutError:
                self._last_error = "the connection was not made, or does not move"
            except grpc.aio.AioRpcError as error:
                self._last_error = f"{error.code().name}: {error.details()}"
            except asyncio.InvalidStateError:
                self._last_error = "the server ended the stream"
            except DecodeError as error:
                self._last_error = f"not a {self._encoding.response}: {error}"
            finally:
                self._call = None
                self._stream.disconnect()
                self._stop_waiting()
                if reader is not None:
                    reader.cancel()
                call.cancel()

    async def _read(self, call: Any, end: object, failure: type[Exception]) -> None:
        """Fill the inbox; `end` comes last, whatever the reason."""
        # What went wrong is asked of the call afterwards.
        with suppress(failure):
            # No deadline: a server may have nothing to say. The keepalive ends a call whose server is gone.
            while (response := await call.read()) is not end:
                await self._inbox.put(response)
        await self._inbox.put(END)

    async def _follow(self, store: Store) -> None:
        """Handle what comes in until the stream ends; nothing else writes to it."""
        self._stream.connect()
        await self._send()
        self._wait_a_while()
        while (response := await self._inbox.get()) is not END:
            if response is not WAKE:
                self._backoff.reset()
                await self._take(api.message(self._encoding.response).FromString(response), store)
            if self._is_overdue:
                await self._go_without(store)
            self._wait_a_while()

    async def _take(self, response: api.Proto, store: Store) -> None:
        self._control_plane = response.control_plane.identifier
        delivery = self._stream.receive(response)
        if delivery is None:
            log.warning("xds: a response of type %r was not asked for", response.type_url)
            return
        # What is new is found by comparing with what has been applied.
        await self._applied()
        change = self._inventory.receive(delivery, self._stream.names(delivery.type))
        self._subscribe_below(delivery.type)
        await self._send()
        problem = (await self._apply(change, store)).problem()
        self._note(delivery.type, problem)
        self._stream.done(delivery, problem)
        await self._send()
        await self._follow_up(delivery.type, store)

    def _subscribe_below(self, type_: ResourceType) -> None:
        if type_.dependent is not None:
            self._stream.subscribe(type_.dependent, self._inventory.needs(type_.dependent))

    async def _follow_up(self, type_: ResourceType, store: Store) -> None:
        """What a change makes possible: listeners that waited, and the end of what nothing refers to."""
        if type_.dependent is not None:
            await self._apply_late(self._inventory.collect(type_.dependent), store)
        if type_ is ResourceType.RDS:
            await self._apply_late(self._inventory.release(), store)
        if not self._wants_listeners and self._inventory.has_endpoints:
            await self._ask_for_listeners()

    async def _ask_for_listeners(self) -> None:
        self._wants_listeners = True
        self._stream.subscribe(ResourceType.LDS, None)
        await self._send()

    async def _apply(self, change: Change, store: Store) -> Change:
        if change.is_empty:
            return change
        outcome = await self._put(change, store)
        if not outcome.applied and not outcome.rejections:
            refusal = Refusal("*", "", "the update was not applied")
            return replace(change, refusals=(*change.refusals, refusal))
        return change.with_outcome(outcome)

    async def _put(self, change: Change, store: Store) -> Outcome:
        """Have the store apply a change; one that takes too long goes on, as half a change would be worse."""
        outcomes = []

        async def put() -> None:
            outcomes.append(await store.apply(_own(change, store)))
            self._inventory.settle(change, store.snapshot.objects)

        self._applying = spawn("xds apply", put())
        await self._applied()
        return outcomes[0] if outcomes else Outcome(applied=False)

    async def _applied(self) -> None:
        """Wait for the change that the store is busy with."""
        if self._applying is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._apply_within):
                    await asyncio.shield(self._applying)

    async def _apply_late(self, change: Change, store: Store) -> None:
        """A change that answers no response: a problem is for the log."""
        problem = (await self._apply(change, store)).problem()
        if problem is not None:
            self._note(change.type, problem)

    def _note(self, type_: ResourceType, problem: str | None) -> None:
        self._refused[type_] = problem or ""
        if problem is not None:
            log.warning("xds: %s refused: %s", type_.name, problem)

    def _wait_a_while(self) -> None:
        """Arm the timer for what may never come, or disarm it."""
        if self._wants_listeners and not self._inventory.is_waiting:
            self._stop_waiting()
        elif self._patience is None:
            self._patience = self._clock.call_at(self._clock.now() + FETCH, self._give_up)

    def _give_up(self) -> None:
        self._patience = None
        self._is_overdue = True
        if self._inbox.empty():
            self._inbox.put_nowait(WAKE)

    def _stop_waiting(self) -> None:
        self._is_overdue = False
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    async def _go_without(self, store: Store) -> None:
        """Listeners without their routes, or without clusters, are better than none."""
        self._is_overdue = False
        await self._apply_late(self._inventory.release(at_once=True), store)
        await self._ask_for_listeners()

    async def _send(self) -> None:
        for request in self._stream.requests():
            async with asyncio.timeout(WRITE):
                await self._call.write(request)

    async def _sleep(self, seconds: float) -> None:
        over = asyncio.Event()
        timer = self._clock.call_at(self._clock.now() + seconds, over.set)
        try:
            await over.wait()
        finally:
            timer.cancel()


def _own(change: Change, store: Store) -> Update:
    """The update without removals of what another type of resource has taken over."""
    kept = {key for key in change.update.removals if store.owner(key) not in (None, change.type.source)}
    return replace(change.update, removals=change.update.removals - kept)


def _serialize(request: Message) -> bytes:
    return request.SerializeToString()

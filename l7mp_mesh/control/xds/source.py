"""The dataplane's end of the discovery stream, on gRPC.

One coroutine reads a response, says what else is wanted because of it, applies it, and answers: an ACK means
that the store has it. When the stream is lost the last good configuration stays, and a new one is tried after
a pause that grows.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import Any

from google.protobuf.message import Message

from l7mp_mesh import api
from l7mp_mesh.control.xds.backoff import Backoff
from l7mp_mesh.control.xds.bootstrap import XdsBootstrap
from l7mp_mesh.control.xds.encoding import Sotw
from l7mp_mesh.control.xds.inventory import Change, Inventory, Refusal
from l7mp_mesh.control.xds.resource_type import ResourceType
from l7mp_mesh.control.xds.status import TypeStatus, XdsStatus
from l7mp_mesh.control.xds.stream import Stream
from l7mp_mesh.io.tasks import spawn
from l7mp_mesh.ports.clock import Clock, Handle
from l7mp_mesh.ports.config import ConfigSource, Outcome, Store, Update

log = logging.getLogger("l7mp_mesh.xds")

CONNECT = 10.0
"""Seconds for a connection to be made."""
WRITE = 10.0
"""Seconds for a request to be handed to the transport."""
APPLY = 30.0
"""Seconds for the store to apply a change."""
FETCH = 15.0
"""Seconds for which a listener waits for its routes; Envoy's `initial_fetch_timeout`."""

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


class XdsSource(ConfigSource):
    """Keeps a store as the management server wants it."""

    def __init__(self, bootstrap: XdsBootstrap, clock: Clock, backoff: Backoff | None = None) -> None:
        self._bootstrap = bootstrap
        self._clock = clock
        self._backoff = backoff or Backoff()
        self._encoding = Sotw()
        self._stream = Stream(bootstrap.node, self._encoding)
        self._inventory = Inventory()
        self._applying = asyncio.Lock()
        self._patience: Handle | None = None
        self._is_connected = False
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
            self._is_connected,
            self._attempts,
            self._control_plane,
            self._last_error,
            types,
        )

    async def run(self, store: Store) -> None:
        """Apply what is static, then follow the management server until cancelled."""
        await self._apply_static(store)
        self._stream.subscribe(ResourceType.CDS, None)
        self._stream.subscribe(ResourceType.LDS, None)
        try:
            while True:
                await self._converse(store)
                pause = self._backoff.next()
                log.warning("xds: %s: %s; trying again", self._bootstrap.target, self._last_error)
                await self._sleep(pause)
        finally:
            if self._patience is not None:
                self._patience.cancel()

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
                response_deserializer=api.message(self._encoding.response).FromString,
            )()
            try:
                async with asyncio.timeout(CONNECT):
                    await call.wait_for_connection()
                await self._follow(call, store, grpc.aio.EOF)
                self._last_error = f"{(await call.code()).name}: {await call.details()}"
            except TimeoutError:
                self._last_error = "the connection was not made, or does not move"
            except grpc.aio.AioRpcError as error:
                self._last_error = f"{error.code().name}: {error.details()}"
            finally:
                self._is_connected = False
                self._stream.disconnect()
                call.cancel()

    async def _follow(self, call: Any, store: Store, end: object) -> None:
        self._is_connected = True
        self._stream.connect()
        await self._send(call)
        while True:
            # No deadline: a server may have nothing to say. The keepalive ends a call whose server is gone.
            response: api.Proto = await call.read()
            if response is end:
                return
            self._backoff.reset()
            self._control_plane = response.control_plane.identifier
            await self._take(response, call, store)

    async def _take(self, response: api.Proto, call: Any, store: Store) -> None:
        delivery = self._stream.receive(response)
        if delivery is None:
            log.warning("xds: a response of type %r was not asked for", response.type_url)
            return
        async with self._applying:
            change = self._inventory.receive(delivery, self._stream.names(delivery.type))
            self._subscribe_below(delivery.type)
            await self._send(call)
            problem = (await self._apply(change, store)).problem()
            self._note(delivery.type, problem)
            self._stream.done(delivery, problem)
            await self._send(call)
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
        self._wait_for_routes(store)

    async def _apply(self, change: Change, store: Store) -> Change:
        if change.is_empty:
            return change
        try:
            async with asyncio.timeout(APPLY):
                outcome = await store.apply(_own(change, store))
        except TimeoutError:
            outcome = Outcome(applied=False)
        self._inventory.settle(change, store.snapshot.objects)
        if not outcome.applied and not outcome.rejections:
            refusal = Refusal("*", "", "the update was not applied")
            return replace(change, refusals=(*change.refusals, refusal))
        return change.with_outcome(outcome)

    async def _apply_late(self, change: Change, store: Store) -> None:
        """A change that answers no response: a problem is for the log."""
        problem = (await self._apply(change, store)).problem()
        if problem is not None:
            self._note(change.type, problem)

    def _note(self, type_: ResourceType, problem: str | None) -> None:
        self._refused[type_] = problem or ""
        if problem is not None:
            log.warning("xds: %s refused: %s", type_.name, problem)

    def _wait_for_routes(self, store: Store) -> None:
        """Arm or disarm the timer for listeners whose routes do not come."""
        if not self._inventory.is_waiting:
            if self._patience is not None:
                self._patience.cancel()
                self._patience = None
        elif self._patience is None:

            def give_up() -> None:
                spawn("xds routes overdue", self._go_without(store))

            self._patience = self._clock.call_at(self._clock.now() + FETCH, give_up)

    async def _go_without(self, store: Store) -> None:
        self._patience = None
        async with self._applying:
            await self._apply_late(self._inventory.release(at_once=True), store)

    async def _send(self, call: Any) -> None:
        for request in self._stream.requests():
            async with asyncio.timeout(WRITE):
                await call.write(request)

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

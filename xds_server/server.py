"""The gRPC side: one handler for every stream, aggregated or of one type."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self

import grpc

from xds_server.ledger import Ledger
from xds_server.messages import Request, Response, StreamRefused
from xds_server.snapshot import Snapshot
from xds_server.store import Store
from xds_server.stream import Stream
from xds_server.types import AGGREGATED, TYPES, ResourceType
from xds_server.wire import Sotw

OPTIONS = (
    ("grpc.max_receive_message_length", 64 << 20),
    ("grpc.max_send_message_length", -1),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.http2.min_ping_interval_without_data_ms", 30_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.so_reuseport", 0),
)
"""Envoy pings idle connections, and may be sent all clusters in one message."""

Handler = Callable[[AsyncIterator[Request], Any], Awaitable[None]]


class BindFailed(OSError):
    """The address can not be listened on."""


class _Conversation:
    """One client: its stream, and what wakes the task that writes to it."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.wake = asyncio.Event()
        self.refusal: StreamRefused | None = None
        self.is_over = False
        self.is_shutting_down = False

    async def read(self, requests: AsyncIterator[Request]) -> None:
        """Take in requests until the client has no more, or breaks the protocol."""
        try:
            async for request in requests:
                self.stream.receive(request)
                self.wake.set()
        except StreamRefused as refusal:
            self.refusal = refusal
        self.is_over = True
        self.wake.set()

    async def write(self, send: Callable[[Response], Awaitable[None]]) -> None:
        """Send what is due, one response at a time, as fast as the client takes them, until the end."""
        while not (self.is_over or self.is_shutting_down):
            self.wake.clear()
            response = self.stream.next()
            if response:
                await send(response)
            else:
                await self.wake.wait()

    def publish(self, snapshot: Snapshot) -> None:
        self.stream.publish(snapshot)
        self.wake.set()

    def shut_down(self) -> None:
        self.is_shutting_down = True
        self.wake.set()


class XdsServer:
    """Serves the snapshots of a store.

        async with XdsServer(MemoryStore(snapshot), "127.0.0.1:0") as server:
            ... server.port ... server.ledger.entries

    All nodes get the same snapshot. Before the store has a first one, streams are accepted and answers wait:
    an empty answer would tell a running client to remove everything.
    """

    def __init__(
        self,
        store: Store,
        address: str = "127.0.0.1:18000",
        *,
        ledger: Ledger | None = None,
        identifier: str = "xds-server",
        grace: float = 2.0,
    ) -> None:
        """`identifier` is what clients show as their control plane; `grace`, seconds, bounds the stop."""
        self._store = store
        self._address = address
        self.ledger = ledger or Ledger()
        self._codec = Sotw(identifier)
        self._grace = grace
        self.snapshot: Snapshot | None = None
        """What is served now; None before the store's first."""
        self._conversations: set[_Conversation] = set()
        self._exit = AsyncExitStack()
        self.port = 0
        """The bound port, once entered."""

    async def __aenter__(self) -> Self:
        """Bind and serve. Raises BindFailed."""
        server = grpc.aio.server(options=OPTIONS)
        server.add_generic_rpc_handlers((_Methods(self._handler, self._codec),))
        try:
            self.port = server.add_insecure_port(self._address)
        except RuntimeError as error:
            raise BindFailed(f"can not listen on {self._address}: {error}") from error
        await self._exit.enter_async_context(_Started(server, self._grace))
        self._exit.callback(self._shut_down)
        tasks = await self._exit.enter_async_context(asyncio.TaskGroup())
        watching = tasks.create_task(self._watch(), name="watch store")
        self._exit.callback(watching.cancel)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all streams with UNAVAILABLE and stop."""
        # Not told of an error in the body, the task group does not wrap it into a group of one.
        await self._exit.aclose()

    async def _watch(self) -> None:
        async for snapshot in self._store.watch():
            self.snapshot = snapshot
            for each in tuple(self._conversations):
                each.publish(snapshot)

    def _shut_down(self) -> None:
        for each in tuple(self._conversations):
            each.shut_down()

    def _handler(self, only: ResourceType | None) -> Handler:
        async def converse(requests: AsyncIterator[Request], context: Any) -> None:
            conversation = _Conversation(Stream(self.snapshot, self.ledger, only))
            self._conversations.add(conversation)
            try:
                async with asyncio.TaskGroup() as tasks:
                    reading = tasks.create_task(conversation.read(requests), name="read requests")
                    await conversation.write(context.write)
                    reading.cancel()
            finally:
                self._conversations.discard(conversation)
                conversation.stream.close(_why(conversation))
            await _finish(conversation, context)

        return converse


async def _finish(conversation: _Conversation, context: Any) -> None:
    if conversation.refusal:
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(conversation.refusal))
    if conversation.is_shutting_down:
        await context.abort(grpc.StatusCode.UNAVAILABLE, "the management server is shutting down")


def _why(conversation: _Conversation) -> str:
    if conversation.refusal:
        return str(conversation.refusal)
    if conversation.is_shutting_down:
        return "shutting down"
    return "closed by the client" if conversation.is_over else "connection lost"


class _Started:
    """A gRPC server that runs while the context is entered."""

    def __init__(self, server: Any, grace: float) -> None:
        self._server = server
        self._grace = grace

    async def __aenter__(self) -> None:
        await self._server.start()

    async def __aexit__(self, *_: object) -> None:
        await self._server.stop(self._grace)


class _Methods(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc has no types
    """Full method name to handler."""

    def __init__(self, handler: Callable[[ResourceType | None], Handler], codec: Sotw) -> None:
        kinds: dict[str, ResourceType | None] = {f"/{AGGREGATED}": None}
        kinds |= {f"/{kind.service}": kind for kind in TYPES if kind.service}
        self._methods = {
            path: grpc.stream_stream_rpc_method_handler(
                handler(kind), request_deserializer=codec.decode, response_serializer=codec.encode
            )
            for path, kind in kinds.items()
        }

    def service(self, handler_call_details: Any) -> Any:
        return self._methods.get(handler_call_details.method)

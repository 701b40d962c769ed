"""A management server that does what the test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc.aio

from l7mp_mesh import api
from l7mp_mesh.control.xds.resource_type import BY_URL, ResourceType

PATIENCE = 20.0
"""Seconds until a test that waits for something gives up."""


class Conversation:
    """One stream, seen from the server."""

    def __init__(self) -> None:
        self.requests: asyncio.Queue[api.Proto] = asyncio.Queue()
        self.responses: asyncio.Queue[api.Proto | None] = asyncio.Queue()

    async def request(self) -> api.Proto:
        async with asyncio.timeout(PATIENCE):
            return await self.requests.get()

    async def expect(self, *wanted: str) -> None:
        """The next requests, as `show` writes them."""
        assert [show(await self.request()) for _ in wanted] == list(wanted)

    def send(self, type_: ResourceType, version: str, nonce: str, *resources: api.Json) -> None:
        response: api.Proto = api.message("envoy.service.discovery.v3.DiscoveryResponse")(
            type_url=type_.url, version_info=version, nonce=nonce
        )
        response.control_plane.identifier = "scripted"
        response.resources.extend(api.pack(api.from_json(resource)) for resource in resources)
        self.responses.put_nowait(response)

    def send_raw(self, response: bytes) -> None:
        self.responses.put_nowait(response)

    def close(self) -> None:
        self.responses.put_nowait(None)


class ScriptedServer:
    """Each stream becomes a Conversation."""

    def __init__(self) -> None:
        self._streams: asyncio.Queue[Conversation] = asyncio.Queue()
        self.port = 0

    async def conversation(self) -> Conversation:
        async with asyncio.timeout(PATIENCE):
            return await self._streams.get()

    async def stream(self, requests: AsyncIterator[api.Proto], _: object) -> AsyncIterator[api.Proto]:
        conversation = Conversation()
        self._streams.put_nowait(conversation)

        async def read() -> None:
            async for request in requests:
                conversation.requests.put_nowait(request)

        reader = asyncio.ensure_future(read())
        try:
            while (response := await conversation.responses.get()) is not None:
                yield response
        finally:
            reader.cancel()


@asynccontextmanager
async def serving(scripted: ScriptedServer, port: int = 0) -> AsyncIterator[ScriptedServer]:
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    method = grpc.stream_stream_rpc_method_handler(
        scripted.stream,
        request_deserializer=api.message("envoy.service.discovery.v3.DiscoveryRequest").FromString,
        response_serializer=lambda made: made if isinstance(made, bytes) else made.SerializeToString(),
    )
    service = "envoy.service.discovery.v3.AggregatedDiscoveryService"
    handlers = grpc.method_handlers_generic_handler(service, {"StreamAggregatedResources": method})
    server.add_generic_rpc_handlers((handlers,))
    scripted.port = server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    try:
        yield scripted
    finally:
        await server.stop(None)


def show(request: api.Proto) -> str:
    """Type, names, version, nonce, node and problem of a request, in a line."""
    names = ",".join(request.resource_names)
    parts = [BY_URL[request.type_url].name, names, f"v{request.version_info}", f"n{request.response_nonce}"]
    if request.HasField("node"):
        parts.append(request.node.id)
    if request.HasField("error_detail"):
        parts.append(f"NACK {request.error_detail.message}")
    return " ".join(parts)

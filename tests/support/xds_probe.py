"""A scripted xDS client, resources to serve, and a directory to serve them from."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import grpc

from l7mp_mesh import api
from xds_server.envoy import resource_from_json
from xds_server.snapshot import Resource

TYPE = "type.googleapis.com/"
CLUSTER = f"{TYPE}envoy.config.cluster.v3.Cluster"
ENDPOINTS = f"{TYPE}envoy.config.endpoint.v3.ClusterLoadAssignment"
LISTENER = f"{TYPE}envoy.config.listener.v3.Listener"
ROUTES = f"{TYPE}envoy.config.route.v3.RouteConfiguration"
ADS = "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources"


def cluster(name: str, timeout: str = "1s") -> Resource:
    """An EDS cluster."""
    eds = {"eds_config": {"ads": {}, "resource_api_version": "V3"}}
    return resource_from_json(
        {"@type": CLUSTER, "name": name, "type": "EDS", "connect_timeout": timeout, "eds_cluster_config": eds}
    )


def endpoints(name: str, port: int = 1) -> Resource:
    """One endpoint."""
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    return resource_from_json(
        {
            "@type": ENDPOINTS,
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        }
    )


def listener(name: str, stat_prefix: str = "x") -> Resource:
    """A listener."""
    return resource_from_json({"@type": LISTENER, "name": name, "stat_prefix": stat_prefix})


def routes(name: str, to: str = "c1") -> Resource:
    """A route configuration with one route."""
    route = {"match": {"prefix": "/"}, "route": {"cluster": to}}
    return resource_from_json(
        {
            "@type": ROUTES,
            "name": name,
            "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}],
        }
    )


class Probe:
    """One stream to a management server; every wait has a deadline."""

    def __init__(self, port: int, method: str = ADS, node: str = "probe", wait: float = 20.0) -> None:
        self._port = port
        self._method = method
        self._node = node
        self._wait = wait
        self._request: Any = api.message("envoy.service.discovery.v3.DiscoveryRequest")
        self._response: Any = api.message("envoy.service.discovery.v3.DiscoveryResponse")
        self._call: Any = None
        self._channel: Any = None

    async def __aenter__(self) -> Self:
        self._channel = grpc.aio.insecure_channel(f"127.0.0.1:{self._port}")
        self._call = self._channel.stream_stream(
            self._method,
            request_serializer=self._request.SerializeToString,
            response_deserializer=self._response.FromString,
        )()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._channel.close()

    async def ask(self, type_url: str, *names: str, nonce: str = "", error: str | None = None) -> None:
        """Send a request; `error` makes it a NACK."""
        request = self._request(type_url=type_url, resource_names=names, response_nonce=nonce)
        request.node.id = self._node
        if error is not None:
            request.error_detail.message = error
        await asyncio.wait_for(self._call.write(request), self._wait)

    async def answer(self) -> Any:
        """The next response."""
        response = await asyncio.wait_for(self._call.read(), self._wait)
        assert response is not grpc.aio.EOF, "the stream ended"
        return response

    async def status(self) -> tuple[grpc.StatusCode, str]:
        """How the stream ended."""
        async with asyncio.timeout(self._wait):
            return await self._call.code(), await self._call.details()


def names_in(response: Any) -> list[str]:
    """Names of the resources of a response."""
    found = [api.unpack(each) for each in response.resources]
    return [getattr(each, "cluster_name", "") or each.name for each in found]  # type: ignore[attr-defined]


async def until(fact: Callable[[], bool], wait: float = 20.0) -> None:
    """Poll until it is so, at most `wait` seconds."""
    async with asyncio.timeout(wait):
        while not fact():
            await asyncio.sleep(0.01)

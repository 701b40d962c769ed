"""How requests and responses are written: state of the world (delta is to be another class here)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from google.protobuf.message import Message

from l7mp_mesh import api
from l7mp_mesh.control.xds.resource_type import BY_URL, ResourceType
from l7mp_mesh.control.xds.subscription import Subscription

INVALID_ARGUMENT = 3
"""google.rpc.Code, in the error detail of a NACK."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What one response brings."""

    type: ResourceType
    version: str
    nonce: str
    resources: tuple[api.Proto, ...]
    """Any messages, as sent."""
    removed: frozenset[str] = frozenset()
    """Names that are gone, where the encoding says so."""
    is_complete: bool = False
    """What is absent is gone as well."""


class Encoding(ABC):
    """One variant of the protocol on the wire."""

    method: str
    """gRPC method of the aggregated stream."""
    response: str
    """Message name of the responses."""

    @abstractmethod
    def request(self, type_: ResourceType, state: Subscription, problem: str | None) -> Message:
        """Subscribe and, if there is a nonce, answer the response: ACK, or NACK because of `problem`."""

    @abstractmethod
    def delivery(self, response: api.Proto) -> Delivery | None:
        """What a response says; None for a type that was never asked for."""


class Sotw(Encoding):
    """State of the world: every request names everything that is wanted."""

    method = "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources"
    response = "envoy.service.discovery.v3.DiscoveryResponse"

    def request(self, type_: ResourceType, state: Subscription, problem: str | None) -> Message:
        made: api.Proto = api.message("envoy.service.discovery.v3.DiscoveryRequest")(
            version_info=state.version,
            resource_names=sorted(state.names or ()),
            type_url=type_.url,
            response_nonce=state.nonce,
        )
        if problem is not None:
            made.error_detail.code = INVALID_ARGUMENT
            made.error_detail.message = problem
        assert isinstance(made, Message)
        return made

    def delivery(self, response: api.Proto) -> Delivery | None:
        type_ = BY_URL.get(response.type_url)
        if type_ is None:
            return None
        return Delivery(
            type_,
            response.version_info,
            response.nonce,
            tuple(response.resources),
            is_complete=type_.is_complete,
        )

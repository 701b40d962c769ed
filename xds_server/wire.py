"""State-of-the-world encoding: bytes of discovery requests and responses, to and from values."""

from __future__ import annotations

from l7mp_mesh import api
from xds_server.messages import Request, Response

_REQUEST = "envoy.service.discovery.v3.DiscoveryRequest"
_RESPONSE = "envoy.service.discovery.v3.DiscoveryResponse"
_RESOURCES_TAG = b"\x12"
"""Field 2 of a DiscoveryResponse, length-delimited."""


class Sotw:
    """Encodes responses that name `identifier` as their control plane."""

    def __init__(self, identifier: str) -> None:
        self._request: api.Proto = api.message(_REQUEST)
        self._response: api.Proto = api.message(_RESPONSE)
        self._identifier = identifier

    def decode(self, data: bytes) -> Request:
        """Raises DecodeError of protobuf."""
        message = self._request.FromString(data)
        return Request(
            type_url=message.type_url,
            names=tuple(message.resource_names),
            nonce=message.response_nonce,
            version=message.version_info,
            error=message.error_detail.message if message.HasField("error_detail") else None,
            node=message.node.id,
        )

    def encode(self, response: Response) -> bytes:
        """Resources are not marshalled again: fields may come in any order, so they are appended."""
        head = self._response(version_info=response.version, type_url=response.type_url, nonce=response.nonce)
        head.control_plane.identifier = self._identifier
        parts = [head.SerializeToString()]
        for resource in response.resources:
            parts += (_RESOURCES_TAG, _varint(len(resource.packed)), resource.packed)
        return b"".join(parts)


def _varint(number: int) -> bytes:
    out = bytearray()
    while number >> 7:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)

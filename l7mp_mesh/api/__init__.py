"""Envoy's v3 messages and our own (`proto/`), from one private descriptor pool.

The pool is loaded at first use, from a file that the build wrote; no generated module is ever imported, so
that packages which bring their own `envoy`, `google.rpc` or `opentelemetry` can live in the same process.
`google.protobuf.Any` is the pool's own class as well: what one of these functions returns can be put into
another message of this package, and into nothing else.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from google.protobuf import descriptor_pb2, json_format, message_factory
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError, Message

from l7mp_mesh.api.errors import ApiError
from l7mp_mesh.api.locate import PREFIX, REFUSALS, Json, Locator

if TYPE_CHECKING:
    from google.protobuf.any_pb2 import Any as AnyMessage
    from google.protobuf.descriptor import Descriptor

__all__ = [
    "ApiError",
    "Json",
    "Proto",
    "canonical_bytes",
    "from_json",
    "known",
    "message",
    "pack",
    "pool",
    "to_json",
    "type_url",
    "unpack",
]

Proto: TypeAlias = Any
"""A message whose fields the type checker can not know."""

DESCRIPTORS = Path(__file__).with_name("descriptors.binpb")


@cache
def pool() -> DescriptorPool:
    """The private pool."""
    try:
        raw = DESCRIPTORS.read_bytes()
    except FileNotFoundError:
        raise RuntimeError(f"{DESCRIPTORS} is missing: run `python setup.py build_descriptors`") from None
    made = DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(raw).file:
        made.Add(file)
    return made


def known(full_name: str) -> bool:
    """True if there is a message type of that name ("envoy.config.cluster.v3.Cluster")."""
    return _descriptor(full_name) is not None


@cache
def message(full_name: str) -> type[Message]:
    """The class of a message type. Raises KeyError if there is none."""
    found = _descriptor(full_name)
    if found is None:
        raise KeyError(full_name)
    return message_factory.GetMessageClass(found)


def type_url(full_name: str) -> str:
    """How an Any and a discovery request name a message type."""
    return PREFIX + full_name


def pack(value: Message) -> AnyMessage:
    """`value` as an Any; equal messages give equal bytes."""
    packed: Proto = message("google.protobuf.Any")()
    packed.type_url = type_url(value.DESCRIPTOR.full_name)
    packed.value = canonical_bytes(value)
    return cast("AnyMessage", packed)


def unpack(packed: AnyMessage) -> Message:
    """What an Any holds. Raises ApiError if its type is not known or its bytes are not of that type."""
    full_name = packed.type_url.rpartition("/")[2]
    if not known(full_name):
        raise ApiError("", f"unknown type {packed.type_url!r}")
    try:
        return message(full_name).FromString(packed.value)
    except DecodeError as error:
        raise ApiError("", f"not a serialized {full_name}: {error}") from error


def from_json(value: Json, full_name: str | None = None) -> Message:
    """The message that a JSON value describes; without `full_name` its "@type" says which.

    Field names may be spelled as in the .proto file or in camel case. Raises ApiError with the path of the
    field at fault.
    """
    if not isinstance(value, dict):
        raise ApiError("", f"expected an object, got {value!r}")
    if full_name is None:
        full_name = _declared(value)
        value = {key: item for key, item in value.items() if key != "@type"}
    made = message(full_name)()
    try:
        return json_format.ParseDict(value, made, descriptor_pool=pool())
    except REFUSALS as error:
        raise Locator(pool(), message).locate(value, full_name, str(error)) from error


def to_json(value: Message) -> dict[str, Json]:
    """The JSON object of a message, fields named as in the .proto file.

    Raises ApiError if it holds an Any of a type that is not known, or a number that JSON can not say.
    """
    try:
        return json_format.MessageToDict(value, preserving_proto_field_name=True, descriptor_pool=pool())
    except (TypeError, ValueError, json_format.Error) as error:
        raise ApiError("", str(error)) from error


def canonical_bytes(value: Message) -> bytes:
    """Serialized so that equal messages give equal bytes, for content hashes."""
    return value.SerializeToString(deterministic=True)


def _declared(value: dict[str, Json]) -> str:
    url = value.get("@type")
    if not isinstance(url, str):
        raise ApiError("@type", f"expected the name of a message type, got {url!r}")
    full_name = url.rpartition("/")[2]
    if not known(full_name):
        raise ApiError("@type", f"unknown type {url!r}")
    return full_name


def _descriptor(full_name: str) -> Descriptor | None:
    try:
        return pool().FindMessageTypeByName(full_name)
    except KeyError:
        return None

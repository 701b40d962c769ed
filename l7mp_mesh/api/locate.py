"""Where a JSON value departs from its message type, once protobuf has refused it.

The parser of protobuf names the place in prose, and for values of scalar fields not at all. This walk runs
only after it has failed: it looks for the first field that can not be read, and gives its exact path.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message

from l7mp_mesh.api.errors import ApiError

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
"""A JSON value."""

PREFIX = "type.googleapis.com/"

ANY = "google.protobuf.Any"
WELL_KNOWN = "google.protobuf."

REFUSALS = (json_format.ParseError, ValueError, TypeError, AttributeError, KeyError)
"""What the parser of protobuf raises for bad values: wrapped numbers and Any let through the others."""

_SURROUNDINGS = re.compile(
    r"^(?:Failed to parse \S+ field: )+|\n.*| at \"?[A-Z][\w.\[\]]*\"?\.*$|\.+$", re.DOTALL
)


class Locator:
    """Finds the field at fault."""

    def __init__(self, pool: DescriptorPool, class_of: Callable[[str], type[Message]]) -> None:
        self._pool = pool
        self._class_of = class_of

    def locate(self, value: Json, full_name: str, text: str) -> ApiError:
        """The error to raise; `text` is what protobuf said, for what this walk does not understand."""
        return self._message(value, self._pool.FindMessageTypeByName(full_name), "") or ApiError(
            "", _SURROUNDINGS.sub("", text)
        )

    def _message(self, value: Json, descriptor: Descriptor, path: str) -> ApiError | None:
        if descriptor.full_name == ANY:
            return self._any(value, path)
        if not isinstance(value, dict):
            return ApiError(path, f"expected an object, got {value!r}")
        taken: dict[str, str] = {}
        for key, item in value.items():
            here = f"{path}.{key}" if path else key
            field = _field(descriptor, key)
            if field is None:
                return ApiError(here, f"{descriptor.full_name} has no field of this name")
            oneof = field.containing_oneof
            if oneof is not None and item is not None and taken.setdefault(oneof.name, key) != key:
                return ApiError(here, f"{taken[oneof.name]!r} is given too, and only one of them can be")
            error = self._field(item, field, here)
            if error is not None:
                return error
        return None

    def _any(self, value: Json, path: str) -> ApiError | None:
        if not isinstance(value, dict):
            return ApiError(path, f"expected an object with a member '@type', got {value!r}")
        url = value.get("@type")
        here = f"{path}.@type" if path else "@type"
        if not isinstance(url, str):
            return ApiError(here, f"expected the name of a message type, got {url!r}")
        try:
            inner: Descriptor = self._pool.FindMessageTypeByName(url.rpartition("/")[2])
        except KeyError:
            return ApiError(here, f"unknown type {url!r}")
        if inner.full_name.startswith(WELL_KNOWN):
            if "value" not in value:
                return ApiError(
                    path, f"expected a member 'value', for {inner.full_name} has a JSON form of its own"
                )
            return self._whole(value["value"], inner, path)
        return self._message({key: item for key, item in value.items() if key != "@type"}, inner, path)

    def _field(self, value: Json, field: FieldDescriptor, path: str) -> ApiError | None:
        if value is None:
            return None
        if _is_map(field):
            return self._map(value, field, path)
        if not field.is_repeated:
            return self._single(value, field, path)
        if not isinstance(value, list):
            return ApiError(path, f"expected a list, got {value!r}")
        for index, item in enumerate(value):
            error = self._single(item, field, f"{path}[{index}]")
            if error is not None:
                return error
        return None

    def _map(self, value: Json, field: FieldDescriptor, path: str) -> ApiError | None:
        if not isinstance(value, dict):
            return ApiError(path, f"expected an object, got {value!r}")
        assert field.message_type is not None
        item_field = field.message_type.fields_by_name["value"]
        for key, item in value.items():
            error = self._single(item, item_field, f"{path}[{key!r}]")
            if error is not None:
                return error
        return None

    def _single(self, value: Json, field: FieldDescriptor, path: str) -> ApiError | None:
        inner = field.message_type
        if inner is None:
            return self._scalar(value, field, path)
        if inner.full_name != ANY and inner.full_name.startswith(WELL_KNOWN):
            return self._whole(value, inner, path)
        return self._message(value, inner, path)

    def _whole(self, value: Json, descriptor: Descriptor, path: str) -> ApiError | None:
        """A well-known type: its JSON form is protobuf's business."""
        try:
            json_format.ParseDict(value, self._class_of(descriptor.full_name)(), descriptor_pool=self._pool)  # type: ignore[arg-type]
        except REFUSALS as error:
            return ApiError(path, _SURROUNDINGS.sub("", str(error)))
        return None

    def _scalar(self, value: Json, field: FieldDescriptor, path: str) -> ApiError | None:
        owner = self._class_of(_owner(field))()
        content: Json = [value] if field.is_repeated else value
        try:
            json_format.ParseDict({field.name: content}, owner, descriptor_pool=self._pool)
        except REFUSALS as error:
            if field.enum_type is not None:
                names = ", ".join(item.name for item in field.enum_type.values)
                return ApiError(path, f"expected one of {names}, got {value!r}")
            return ApiError(path, f"{_SURROUNDINGS.sub('', str(error))} (got {value!r})")
        return None


def _field(descriptor: Descriptor, key: str) -> FieldDescriptor | None:
    return descriptor.fields_by_name.get(key) or descriptor.fields_by_camelcase_name.get(key)


def _owner(field: FieldDescriptor) -> str:
    owner = field.containing_type
    assert owner is not None
    return owner.full_name


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry

"""JSON Schema of options classes, by their annotations."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import is_dataclass
from enum import Enum
from typing import Annotated, get_args, get_origin

from l7mp_mesh.control.native.options import AnyValue, Slot, plain, slots_of
from l7mp_mesh.model.options import Between
from l7mp_mesh.model.value import FrozenObject, Json

_SCALARS: dict[object, str] = {bool: "boolean", int: "integer", float: "number", str: "string"}


def options_schema(cls: type, also: Iterable[str] = ()) -> dict[str, Json]:
    """The schema of an options class; properties in `also` may stand beside the options."""
    properties: dict[str, Json] = dict.fromkeys(also, True)
    needed: list[Json] = []
    for slot in slots_of(cls):
        described = _slot_schema(slot)
        for word in slot.words:
            properties[word] = described
        if slot.is_required:
            needed.append({"anyOf": [{"required": [word]} for word in slot.words]})
    made: dict[str, Json] = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**made, "allOf": needed} if needed else made


def _slot_schema(slot: Slot) -> Json:
    made = _type_schema(slot.hint, slot.bounds)
    if slot.is_optional:
        made = {"anyOf": [made, {"type": "null"}]}
    if slot.doc:
        made["description"] = slot.doc
    if not slot.is_required and slot.default is not None and not is_dataclass(slot.default):
        made["default"] = plain(slot.default)
    return made


def _type_schema(hint: object, bounds: Between | None) -> dict[str, Json]:
    if get_origin(hint) is Annotated:
        hint, *extras = get_args(hint)
        bounds = next((extra for extra in extras if isinstance(extra, Between)), bounds)
    if get_origin(hint) is tuple:
        return {"type": "array", "items": _type_schema(get_args(hint)[0], None)}
    if hint is AnyValue:
        return {}
    if hint is FrozenObject:
        return {"type": "object"}
    if isinstance(hint, type) and issubclass(hint, Enum):
        return {"enum": [plain(one) for one in hint]}
    if isinstance(hint, type) and is_dataclass(hint):
        return options_schema(hint)
    made: dict[str, Json] = {"type": _SCALARS[hint]}
    if bounds is not None:
        made |= {"minimum": plain(bounds.low), "maximum": plain(bounds.high)}
    return made

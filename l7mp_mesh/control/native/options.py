"""Options classes (see `model/options.py`) from and to loose values, by their annotations."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from enum import Enum
from functools import lru_cache
from types import NoneType, UnionType
from typing import Annotated, Union, cast, get_args, get_origin, get_type_hints

from l7mp_mesh.control.native.reader import Cursor, Fields, normal
from l7mp_mesh.model.errors import ConfigError
from l7mp_mesh.model.options import Between
from l7mp_mesh.model.value import FrozenObject, Json, thaw


class AnyValue:
    """Stands for `Frozen` in resolved annotations: any JSON value."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One field of an options class, its annotation taken apart."""

    name: str
    aliases: tuple[str, ...]
    doc: str
    hint: object
    bounds: Between | None
    is_optional: bool
    is_required: bool
    default: object

    @property
    def words(self) -> tuple[str, ...]:
        """All names it goes by, the canonical one first."""
        return (self.name, *self.aliases)


@lru_cache(maxsize=256)
def slots_of(cls: type) -> tuple[Slot, ...]:
    """The fields of an options class."""
    assert is_dataclass(cls), f"{cls.__name__} is no options class"
    hints = get_type_hints(cls, localns={"Frozen": AnyValue}, include_extras=True)
    return tuple(_slot(field, hints[field.name]) for field in fields(cls) if field.init)


def _slot(field: Field[object], hint: object) -> Slot:
    bounds, is_optional = None, False
    while True:
        if get_origin(hint) in (Union, UnionType):
            (hint,) = (part for part in get_args(hint) if part is not NoneType)
            is_optional = True
        elif get_origin(hint) is Annotated:
            hint, *extras = get_args(hint)
            bounds = next((extra for extra in extras if isinstance(extra, Between)), bounds)
        else:
            break
    default: object = MISSING
    if field.default is not MISSING:
        default = field.default
    elif field.default_factory is not MISSING:
        default = field.default_factory()
    return Slot(
        field.name,
        tuple(field.metadata.get("aliases", ())),
        str(field.metadata.get("doc", "")),
        hint,
        bounds,
        is_optional,
        default is MISSING,
        default,
    )


def decode_options(cls: type[Hashable], given: Fields, implied: dict[str, Json]) -> Hashable | None:
    """An instance of `cls`; `implied` fills in what is not given. None when a problem was reported.

    The caller calls `given.finish()`: other fields may live beside the options.
    """
    values: dict[str, object] = {}
    is_good = True
    for slot in slots_of(cls):
        cursor = given.given(*slot.words)
        below = implied.get(slot.name)
        if cursor is None or (cursor.value is None and not slot.is_optional and slot.hint is not AnyValue):
            if below is not None:
                cursor = given.cursor.child(slot.name, below)
            elif slot.is_required:
                given.require(*slot.words)
                is_good = False
                continue
            else:
                continue
        if slot.hint is AnyValue or (cursor.value is None and slot.is_optional):
            values[slot.name] = cursor.frozen()
            continue
        value = _convert(slot.hint, slot.bounds, cursor, below if isinstance(below, dict) else {})
        is_good = is_good and value is not None
        values[slot.name] = value
    return _build(cls, values, given.cursor) if is_good else None


def _build(cls: type[Hashable], values: dict[str, object], cursor: Cursor) -> Hashable | None:
    make = cast("Callable[..., Hashable]", cls)
    try:
        return make(**values)
    except ConfigError as error:
        path = (*cursor.path, *(part for part in error.path.split(".") if part))
        cursor.report.error(path, error.why)
    except ValueError as error:
        cursor.refuse(str(error))
    return None


def _convert(hint: object, bounds: Between | None, cursor: Cursor, implied: dict[str, Json]) -> object | None:
    low, high = (bounds.low, bounds.high) if bounds is not None else (float("-inf"), float("inf"))
    if get_origin(hint) is tuple:
        return _elements(get_args(hint)[0], cursor)
    if hint is FrozenObject:
        return cursor.frozen() if cursor.fields() is not None else None
    if not isinstance(hint, type):
        raise TypeError(f"no way to read {hint}")
    if issubclass(hint, Enum):
        return cursor.word({normal(str(one.value)): one for one in hint}, [str(one.value) for one in hint])
    if is_dataclass(hint):
        given = cursor.fields()
        made = None if given is None else decode_options(cast("type[Hashable]", hint), given, implied)
        if given is not None:
            given.finish()
        return made
    return _scalar(hint, cursor, low, high)


def _scalar(hint: type, cursor: Cursor, low: float, high: float) -> object | None:
    if hint is bool:
        return cursor.boolean()
    if hint is int:
        return cursor.integer(low, high)
    if hint is float:
        return cursor.number(low, high)
    if hint is str:
        return cursor.text()
    raise TypeError(f"no way to read {hint}")


def _elements(hint: object, cursor: Cursor) -> tuple[object, ...] | None:
    items = cursor.items()
    if items is None:
        return None
    if hint is AnyValue:
        return tuple(item.frozen() for item in items)
    bounds = None
    if get_origin(hint) is Annotated:
        hint, *extras = get_args(hint)
        bounds = next((extra for extra in extras if isinstance(extra, Between)), None)
    made = [_convert(hint, bounds, item, {}) for item in items]
    return None if any(one is None for one in made) else tuple(made)


def encode_options(options: Hashable) -> dict[str, Json]:
    """The inverse of `decode_options`: what differs from the defaults."""
    made: dict[str, Json] = {}
    for slot in slots_of(type(options)):
        value = getattr(options, slot.name)
        if slot.is_required or value != slot.default:
            made[slot.name] = thaw(value) if slot.hint is AnyValue else plain(value)
    return made


def plain(value: object) -> Json:
    """A typed value as JSON: whole floats lose their fraction, enums are their words."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return int(value) if value.is_integer() else value
        case Enum():
            return plain(value.value)
        case tuple():
            return [plain(item) for item in value]
        case FrozenObject():
            return thaw(value)
        case _:
            return dict(encode_options(value))

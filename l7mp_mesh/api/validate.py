"""The constraints that Envoy's messages state about themselves (`validate.rules`), interpreted.

They stand as options in the descriptors: a required message or oneof, the length of a string or list, the
range of a number or duration, an enum that must be known. This walk reports each violation with its exact
field path; it looks into every Any of a known type as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from l7mp_mesh import api
from l7mp_mesh.api.errors import ApiError
from l7mp_mesh.api.locate import ANY

MAX_DEPTH = 40
"""Fields from the top to an Any that is still looked into; protobuf bounds only what is in one Any."""


@dataclass(frozen=True, slots=True)
class Constraint:
    """One field and what is asked of it."""

    field: FieldDescriptor
    rules: api.Proto
    """validate.FieldRules, None when there are none."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked of a message type."""

    fields: tuple[Constraint, ...]
    """Fields with rules, and fields whose messages may have some."""
    oneofs: tuple[str, ...]
    """Oneofs of which a member must be set."""


def violations(value: api.Proto, path: str = "") -> Iterator[ApiError]:
    """Every constraint that `value`, or anything inside it, breaks."""
    plan = _plan(value.DESCRIPTOR.full_name)
    for oneof in plan.oneofs:
        if value.WhichOneof(oneof) is None:
            names = ", ".join(field.name for field in value.DESCRIPTOR.oneofs_by_name[oneof].fields)
            yield ApiError(path, f"expected one of {names}")
    for constraint in plan.fields:
        name = constraint.field.name
        here = f"{path}.{name}" if path else name
        yield from _field(value, constraint, here)


def _field(owner: api.Proto, constraint: Constraint, path: str) -> Iterator[ApiError]:
    field, rules = constraint.field, constraint.rules
    content = getattr(owner, field.name)
    if _is_map(field):
        yield from _map(content, constraint, path)
    elif field.is_repeated:
        yield from _list(content, constraint, path)
    elif field.has_presence and not owner.HasField(field.name):
        # A member of a oneof is required only where it is the one that was chosen.
        if rules is not None and field.containing_oneof is None and _is_required(rules):
            yield ApiError(path, "is missing")
    else:
        yield from _value(content, constraint, path)


def _list(items: api.Proto, constraint: Constraint, path: str) -> Iterator[ApiError]:
    rules = constraint.rules
    wanted = rules.repeated if rules is not None and rules.HasField("repeated") else None
    each = wanted.items if wanted is not None and wanted.HasField("items") else None
    if wanted is not None and not (wanted.ignore_empty and not items):
        yield from _count(len(items), wanted, "items", path)
        if wanted.unique and len({_identity(item) for item in items}) != len(items):
            yield ApiError(path, "expected no item twice")
    for index, item in enumerate(items):
        yield from _value(item, Constraint(constraint.field, each), f"{path}[{index}]")


def _map(items: api.Proto, constraint: Constraint, path: str) -> Iterator[ApiError]:
    rules, entry = constraint.rules, constraint.field.message_type
    assert entry is not None
    wanted = rules.map if rules is not None and rules.HasField("map") else None
    keys, values = (
        Constraint(
            entry.fields_by_name[part],
            getattr(wanted, rule) if wanted is not None and wanted.HasField(rule) else None,
        )
        for part, rule in (("key", "keys"), ("value", "values"))
    )
    if wanted is not None and not (wanted.ignore_empty and not items):
        yield from _count(len(items), wanted, "pairs", path)
    for key in items:
        yield from _value(key, keys, f"{path}[{key!r}]")
        yield from _value(items[key], values, f"{path}[{key!r}]")


def _count(found: int, wanted: api.Proto, what: str, path: str) -> Iterator[ApiError]:
    low, high = f"min_{what}", f"max_{what}"
    if wanted.HasField(low) and found < getattr(wanted, low):
        yield ApiError(path, f"expected {getattr(wanted, low)} or more {what}, got {found}")
    if wanted.HasField(high) and found > getattr(wanted, high):
        yield ApiError(path, f"expected at most {getattr(wanted, high)} {what}, got {found}")


def _value(value: api.Proto, constraint: Constraint, path: str) -> Iterator[ApiError]:
    rules = constraint.rules
    if rules is not None:
        why = _complaint(value, constraint)
        if why is not None:
            yield ApiError(path, why)
    if constraint.field.message_type is not None and not (rules is not None and rules.message.skip):
        yield from _inside(value, path)


def _inside(value: api.Proto, path: str) -> Iterator[ApiError]:
    if value.DESCRIPTOR.full_name != ANY:
        yield from violations(value, path)
    elif path.count(".") > MAX_DEPTH:
        yield ApiError(path, f"nested more than {MAX_DEPTH} levels deep")
    elif value.type_url and api.known(value.type_url.rpartition("/")[2]):
        try:
            inner = api.unpack(value)
        except ApiError as error:
            yield ApiError(path, error.why)
        else:
            yield from violations(inner, path)


def _complaint(value: api.Proto, constraint: Constraint) -> str | None:
    field, rules = constraint.field, constraint.rules
    kind = rules.WhichOneof("type")
    if kind is None or kind in ("any", "message"):
        return None
    wanted = getattr(rules, kind)
    if kind == "duration":
        return _duration(value, wanted)
    # A wrapper (UInt32Value) is judged by what it holds.
    plain = value.value if field.message_type is not None else value
    if _may_be_empty(wanted) and not plain:
        return None
    if kind == "enum" and wanted.defined_only and plain not in _numbers(field):
        return (
            f"expected a known value of {field.enum_type.full_name if field.enum_type else kind}, got {plain}"
        )
    checks = STRING if kind in ("string", "bytes") else NUMBER
    for option, content in wanted.ListFields():
        check = checks.get(option.name)
        if check is not None and (why := check(plain, content, rules)) is not None:
            return f"expected {why}, got {plain!r}"
    return None


def _numbers(field: FieldDescriptor) -> Container[int]:
    return field.enum_type.values_by_number if field.enum_type is not None else ()


def _duration(value: api.Proto, wanted: api.Proto) -> str | None:
    for option, content in wanted.ListFields():
        check = NUMBER.get(option.name)
        if check is not None and (why := check(_exact(value), _exact(content), wanted)) is not None:
            return f"expected {why.replace(str(_exact(content)), _shown(content))}, got {_shown(value)}"
    return None


def _exact(duration: api.Proto) -> int:
    return int(duration.seconds * 10**9 + duration.nanos)


def _shown(duration: api.Proto) -> str:
    return f"{duration.seconds + duration.nanos / 1e9:g}s"


Check = Callable[[api.Proto, api.Proto, api.Proto], str | None]
"""Value, content of the rule, all rules of the field; what was expected, if it was not met."""

NUMBER: Mapping[str, Check] = {
    "const": lambda value, wanted, _: None if value == wanted else f"{wanted!r}",
    "gt": lambda value, wanted, _: None if value > wanted else f"more than {wanted}",
    "gte": lambda value, wanted, _: None if value >= wanted else f"{wanted} or more",
    "lt": lambda value, wanted, _: None if value < wanted else f"less than {wanted}",
    "lte": lambda value, wanted, _: None if value <= wanted else f"{wanted} or less",
    "in": lambda value, wanted, _: None if value in wanted else f"one of {list(wanted)}",
    "not_in": lambda value, wanted, _: None if value not in wanted else f"none of {list(wanted)}",
}

STRING: Mapping[str, Check] = {
    "const": NUMBER["const"],
    "in": NUMBER["in"],
    "not_in": NUMBER["not_in"],
    "min_len": lambda value, wanted, _: None if len(value) >= wanted else f"{wanted} or more characters",
    "max_len": lambda value, wanted, _: None if len(value) <= wanted else f"at most {wanted} characters",
    "min_bytes": lambda value, wanted, _: None if _size(value) >= wanted else f"{wanted} or more bytes",
    "max_bytes": lambda value, wanted, _: None if _size(value) <= wanted else f"at most {wanted} bytes",
    "prefix": lambda value, wanted, _: (
        None if value.startswith(wanted) else f"a text that begins with {wanted!r}"
    ),
    "suffix": lambda value, wanted, _: (
        None if value.endswith(wanted) else f"a text that ends with {wanted!r}"
    ),
    "pattern": lambda value, wanted, _: (
        None if re.search(wanted, value) else f"a text that matches {wanted!r}"
    ),
    "well_known_regex": lambda value, wanted, rules: _header(value, wanted, strict=rules.string.strict),
}

HEADER_NAME = 1
"""validate.KnownRegex.HTTP_HEADER_NAME; the other one is HTTP_HEADER_VALUE."""

_NAME = re.compile(r":?[0-9a-zA-Z!#$%&'*+.^_|~`-]+\Z")
_TEXT = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*\Z")
_LINE = re.compile(r"[^\x00\r\n]*\Z")


def _header(value: str, kind: int, *, strict: bool) -> str | None:
    if not strict:
        return None if _LINE.match(value) else "a text without line ends and NUL"
    if kind == HEADER_NAME:
        return None if _NAME.match(value) else "a header name"
    return None if _TEXT.match(value) else "a text without control characters"


def _size(value: str | bytes) -> int:
    return len(value.encode() if isinstance(value, str) else value)


def _may_be_empty(wanted: api.Proto) -> bool:
    return "ignore_empty" in wanted.DESCRIPTOR.fields_by_name and wanted.ignore_empty


def _identity(item: api.Proto) -> object:
    return api.canonical_bytes(item) if isinstance(item, Message) else item


def _is_required(rules: api.Proto) -> bool:
    kind = rules.WhichOneof("type")
    is_told = kind in ("any", "duration", "timestamp") and getattr(rules, kind).required
    return bool(is_told or rules.message.required)


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry


@cache
def _plan(full_name: str) -> Plan:
    descriptor = api.message(full_name).DESCRIPTOR
    fields: Iterable[api.Proto] = descriptor.fields
    constraints = (Constraint(field, _rules(field)) for field in fields)
    return Plan(
        tuple(one for one in constraints if one.rules is not None or one.field.message_type is not None),
        tuple(oneof.name for oneof in descriptor.oneofs if _is_oneof_required(oneof)),
    )


def _rules(field: FieldDescriptor) -> api.Proto:
    return _extension("google.protobuf.FieldOptions", field.GetOptions(), "validate.rules")


def _is_oneof_required(oneof: api.Proto) -> bool:
    return bool(_extension("google.protobuf.OneofOptions", oneof.GetOptions(), "validate.required"))


def _extension(kind: str, options: Message, name: str) -> api.Proto:
    """An option that only the private pool knows: options must be read again with its class."""
    known: api.Proto = api.message(kind).FromString(options.SerializeToString())
    extension = api.pool().FindExtensionByName(name)
    return known.Extensions[extension] if known.HasExtension(extension) else None

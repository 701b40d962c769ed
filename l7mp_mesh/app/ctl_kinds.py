"""Kinds of objects: their words, their paths, and what a table shows of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias

from l7mp_mesh.model.value import Json

Item: TypeAlias = dict[str, Json]
"""An object as the API shows it."""

_UNITS = (("d", 86400), ("h", 3600), ("m", 60))
_KILO = 1024


@dataclass(frozen=True, slots=True)
class KindOf:
    """One kind; `columns` are headings and what stands below them."""

    word: str
    """Singular: also the member of a request body that holds the object."""
    path: str
    columns: Mapping[str, Callable[[Item], str]]


def at(value: Json, *path: str) -> Json:
    """A member of members, None if there is none."""
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    return value


def text(value: Json) -> str:
    """A value in a cell."""
    match value:
        case None | "" | []:
            return "-"
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(text(item) for item in value)
        case dict():
            return text(value["name"]) if "name" in value else _pairs(value)
        case _:
            return str(value)


def _pairs(value: Item) -> str:
    return " ".join(f"{key}={text(item)}" for key, item in value.items()) or "-"


def _field(*path: str) -> Callable[[Item], str]:
    return lambda item: text(at(item, *path))


def _listens(item: Item) -> str:
    spec = at(item, "spec")
    if (filename := at(spec, "filename")) is not None:
        return text(filename)
    address = at(spec, "address")
    host = str(address) if address else "*"
    return f"[{host}]:{text(at(spec, 'port'))}" if ":" in host else f"{host}:{text(at(spec, 'port'))}"


def _balancing(item: Item) -> str:
    key = at(item, "loadbalancer", "key")
    return text(at(item, "loadbalancer", "policy")) + (f" {key}" if isinstance(key, str) else "")


def _match(item: Item) -> str:
    match = item.get("match")
    if not isinstance(match, dict):
        return text(match)
    op, inner = match.get("op"), match.get("apply")
    if isinstance(inner, list) and op is not None:
        return f"{op}({', '.join(_match({'match': one}) for one in inner)})"
    if op is None:
        return _pairs(match)
    value = f" {text(match['value'])}" if "value" in match else ""
    return f"{text(match.get('path'))} {op}{value}"


def _action(item: Item) -> str:
    action = at(item, "action")
    words = [
        f"{word} {text(at(action, word))}" for word in ("apply", "route") if at(action, word) is not None
    ]
    rewrites = [word for word in ("rewrite", "metadata") if at(action, word) is not None]
    return ", ".join([*rewrites, *words]) or "-"


def _destination(item: Item) -> str:
    given = item.get("destination")
    if not isinstance(given, list):
        return text(given)
    return ", ".join(f"{text(at(one, 'destination'))} {text(at(one, 'weight'))}" for one in given)


def _retry(item: Item) -> str:
    retry = item.get("retry")
    if at(retry, "retry_on") in (None, "never"):
        return "never"
    return f"{at(retry, 'retry_on')} {at(retry, 'num_retries')}x {at(retry, 'timeout')}ms"


def _age(item: Item) -> str:
    events = item.get("events")
    first = at(events[0], "timestamp") if isinstance(events, list) and events else None
    if not isinstance(first, str):
        return "-"
    try:
        started = datetime.fromisoformat(first)
    except ValueError:
        return "-"
    seconds = max(0, int((datetime.now(UTC) - started).total_seconds()))
    for unit, size in _UNITS:
        if seconds >= 2 * size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def _bytes(*path: str) -> Callable[[Item], str]:
    def show(item: Item) -> str:
        count = at(item, *path)
        if not isinstance(count, int | float):
            return "-"
        size = float(count)
        for unit in ("B", "KiB", "MiB", "GiB"):
            if size < _KILO:
                return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
            size /= _KILO
        return f"{size:.1f} TiB"

    return show


def _goes_to(item: Item) -> str:
    stage = item.get("destination")
    address = at(stage, "endpoint", "spec", "address")
    origin = text(at(stage, "origin"))
    return origin if address in (None, "<VIRTUAL>") else f"{origin} ({text(address)})"


_NAME = {"NAME": _field("name")}
_ROWS = (
    KindOf(
        "listener",
        "listeners",
        {**_NAME, "PROTOCOL": _field("spec", "protocol"), "ADDRESS": _listens, "RULES": _field("rules")},
    ),
    KindOf(
        "cluster",
        "clusters",
        {
            **_NAME,
            "PROTOCOL": _field("spec", "protocol"),
            "PORT": _field("spec", "port"),
            "ENDPOINTS": _field("endpoints"),
            "BALANCING": _balancing,
        },
    ),
    KindOf(
        "endpoint",
        "endpoints",
        {
            **_NAME,
            "ADDRESS": _field("spec", "address"),
            "PORT": _field("spec", "port"),
            "WEIGHT": _field("weight"),
        },
    ),
    KindOf("rulelist", "rulelists", {**_NAME, "RULES": _field("rules")}),
    KindOf("rule", "rules", {**_NAME, "MATCH": _match, "ACTION": _action}),
    KindOf(
        "route",
        "routes",
        {
            **_NAME,
            "DESTINATION": _destination,
            "INGRESS": _field("ingress"),
            "EGRESS": _field("egress"),
            "RETRY": _retry,
        },
    ),
    KindOf("transform", "transforms", {**_NAME, "TYPE": _field("type"), "PARAMS": _field("params")}),
    KindOf(
        "session",
        "sessions",
        {
            **_NAME,
            "LISTENER": _field("source", "origin"),
            "STATUS": _field("status"),
            "ROUTE": _field("route", "name"),
            "DESTINATION": _goes_to,
            "RECEIVED": _bytes("statistics", "received", "bytes"),
            "SENT": _bytes("statistics", "sent", "bytes"),
            "AGE": _age,
        },
    ),
)
_SHORT = {"ls": "listener", "cl": "cluster", "ep": "endpoint", "rl": "rulelist", "rt": "route"}
KINDS: Mapping[str, KindOf] = (
    {row.word: row for row in _ROWS}
    | {row.path: row for row in _ROWS}
    | {short: row for short, word in _SHORT.items() for row in _ROWS if row.word == word}
)
"""By every word that a user may type."""

WORDS = tuple(row.word for row in _ROWS)
"""The words that are shown."""

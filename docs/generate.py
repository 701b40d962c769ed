"""Writes the tables of the documentation that follow from the code.

    python docs/generate.py            write them
    python docs/generate.py --check    exit 1 if a file would change

`docs/protocols.md` and `docs/reference.md` are written as a whole; of `README.md` the part between
two markers.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import is_dataclass
from enum import Enum
from pathlib import Path
from typing import Annotated, get_args, get_origin

from l7mp_mesh.control.native.cluster import POLICIES
from l7mp_mesh.control.native.match_tree import MATCHERS
from l7mp_mesh.control.native.options import AnyValue, Slot, slots_of
from l7mp_mesh.control.native.vocabulary import PREDEFINED
from l7mp_mesh.model.cluster import LbPolicy
from l7mp_mesh.model.listener import ListenerOptions
from l7mp_mesh.model.match import Op
from l7mp_mesh.model.options import Between
from l7mp_mesh.model.value import FrozenObject
from l7mp_mesh.observe.log_commands import FLAG_OF
from l7mp_mesh.observe.log_format import PLAIN
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.protocols import PROTOCOLS
from l7mp_mesh.protocols.base import Protocol

ROOT = Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- generated: docs/generate.py -->\n", "<!-- end -->\n"

SCALARS: dict[object, str] = {bool: "true or false", int: "integer", float: "number", str: "text"}


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A table in Markdown."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def code(value: object) -> str:
    """A value as it is written in a configuration."""
    plain = value.value if isinstance(value, Enum) else value
    if isinstance(plain, bool):
        return f"`{str(plain).lower()}`"
    if isinstance(plain, float) and plain.is_integer():
        plain = int(plain)
    return '`""`' if plain == "" else f"`{plain}`"


def kind_of(hint: object, bounds: Between | None) -> str:
    """What a value must be, in words."""
    if get_origin(hint) is Annotated:
        hint, *extras = get_args(hint)
        bounds = next((extra for extra in extras if isinstance(extra, Between)), bounds)
    if get_origin(hint) is tuple:
        return f"list of {kind_of(get_args(hint)[0], None)}"
    if hint is AnyValue:
        return "anything"
    if hint is FrozenObject or (isinstance(hint, type) and is_dataclass(hint)):
        return "object"
    if isinstance(hint, type) and issubclass(hint, Enum):
        return ", ".join(code(one) for one in hint)
    if bounds is None:
        return SCALARS[hint]
    low, high = (str(int(edge)) for edge in (bounds.low, bounds.high))
    return f"{SCALARS[hint]}, {low} to {high}"


def option_rows(cls: type, prefix: str = "") -> Iterator[tuple[str, ...]]:
    """Rows of an options class, those of nested ones behind their own."""
    for slot in slots_of(cls):
        words = " or ".join(f"`{prefix}{word}`" for word in slot.words)
        yield words, kind_of(slot.hint, slot.bounds), default_of(slot), slot.doc
        is_object = isinstance(slot.hint, type) and is_dataclass(slot.hint)
        if is_object and slot.hint is not FrozenObject:
            yield from option_rows(slot.hint, f"{prefix}{slot.name}.")


def default_of(slot: Slot) -> str:
    """The default, in words."""
    if slot.is_required:
        return "required"
    if slot.default is None or is_dataclass(slot.default) or isinstance(slot.default, FrozenObject):
        return ""
    return code(slot.default)


def options(title: str, cls: type) -> str:
    """A heading and the options of a class; nothing if there are none."""
    rows = list(option_rows(cls))
    return f"\n{title}\n\n{table(('option', 'value', 'default', 'meaning'), rows)}" if rows else ""


def support() -> str:
    """Every protocol and what it can be."""
    rows = []
    for row in PROTOCOLS.values():
        words = [*row.aliases, *(alias for alias, _, _ in row.implied if alias not in row.aliases)]
        cluster = "-"
        if row.cluster is not None:
            cluster = "inside the proxy" if row.cluster.is_virtual else "yes"
        inside = row.cluster is not None and row.cluster.is_virtual
        flow = "any" if inside and row.kind.value == "message" else row.kind.value
        spelled = ", ".join(f"`{word}`" for word in words)
        rows.append((f"`{row.name}`", flow, "yes" if row.listener else "-", cluster, spelled))
    return table(("protocol", "flow", "listener", "cluster and transform", "other words"), rows)


def protocols_page() -> str:
    """All protocols with their options."""
    text = f"# Protocols\n\n{BEGIN}\n"
    text += "Written by `docs/generate.py` from the table of protocols and their options classes.\n\n"
    text += "Any listener pipes to any cluster. The *flow* says what one piece of data is: bytes without\n"
    text += "borders (stream), one message (message), one HTTP request with its response (exchange).\n\n"
    text += support()
    text += "\nWords are compared without case, `-` and `_` alike. Ready-made clusters: "
    text += ", ".join(f"`{name}` ({protocol})" for name, protocol in PREDEFINED.items()) + ".\n"
    for row in PROTOCOLS.values():
        text += protocol_section(row)
    return text


def protocol_section(row: Protocol) -> str:
    """One protocol."""
    parts = ""
    if row.listener is not None:
        parts += options("`spec` of a listener:", row.listener.options)
    if row.cluster is not None:
        parts += options("`spec` of a cluster:", row.cluster.options)
    implied = [f"`{alias}` means `{path}: {shown(value)}`." for alias, path, value in row.implied]
    parts += f"\n{' '.join(implied)}\n" if implied else ""
    return f"\n## {row.name}\n{parts}" if parts else ""


def shown(value: object) -> object:
    """The plain value of an enum's member."""
    return value.value if isinstance(value, Enum) else value


def reference_page() -> str:
    """Words that are neither protocols nor their options."""
    text = f"# Reference\n\n{BEGIN}\nWritten by `docs/generate.py` from the code.\n"
    text += options("## Listener `options`", ListenerOptions)
    policies = {one: [word for word, policy in POLICIES.items() if policy is one] for one in LbPolicy}
    rows = [(code(one), ", ".join(f"`{word}`" for word in words)) for one, words in policies.items()]
    text += f"\n## Load balancing\n\n{table(('policy', 'accepted words'), rows)}"
    operations = ", ".join(code(one) for one in Op)
    text += f"\n## Predicates\n\nOperations of a leaf `{{op, path, value, ignore_case}}`: {operations}.\n"
    text += "They combine by `and`, `or` and `not` with `apply: [...]`.\n\n"
    text += "Words that end the walk in a match tree: " + ", ".join(f"`{word}`" for word in MATCHERS) + ".\n"
    commands = ", ".join(f"`%{name}%`" for name in PLAIN)
    text += f"\n## Access log\n\n{commands}, `%START_TIME%`, `%START_TIME(FORMAT)%`, "
    text += "`%REQ(NAME?OTHER):LENGTH%`, `%METADATA(/PATH)%`.\n"
    reasons = [
        (one.name.lower().replace("_", " "), f"`{one.flag}`", f"`{FLAG_OF[one]}`", one.side.value, one.text)
        for one in Reason
    ]
    head = ("reason", "flag", "in the access log", "whose doing", "text")
    text += f"\n## Why a session ended\n\n{table(head, reasons)}"
    return text


def readme() -> str:
    """README.md with its table as it should be."""
    text = (ROOT / "README.md").read_text()
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{support()}{END}{after}"


def main() -> int:
    """Write the files, or say which are not current."""
    pages = {
        "docs/protocols.md": protocols_page(),
        "docs/reference.md": reference_page(),
        "README.md": readme(),
    }
    stale = []
    for name, text in pages.items():
        path = ROOT / name
        if not path.exists() or path.read_text() != text:
            stale.append(name)
            if "--check" not in sys.argv:
                path.write_text(text)
    if "--check" in sys.argv and stale:
        sys.stderr.write(f"not current: {', '.join(stale)}; run `python docs/generate.py`\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

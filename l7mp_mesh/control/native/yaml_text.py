"""YAML text to values and positions, from the parser's events.

The core schema of YAML 1.2 decides what a plain scalar is: only `true` and `false` are booleans, `on`, `no`
and `12:30` are strings. Anchors and merge keys (`<<`) work; what they may expand to is bounded.
"""

from __future__ import annotations

import re
from contextlib import suppress

import yaml

from l7mp_mesh.control.native.node import MAX_DEPTH, Fault, Mark, Node
from l7mp_mesh.model.value import Json

MAX_EXPANDED = 100_000
"""Values that all aliases of a text may stand for."""

_TAG = "tag:yaml.org,2002:"
_NULL = re.compile(r"(?:~|null|Null|NULL)?\Z")
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]{1,400}\Z")
_OCTAL = re.compile(r"0o[0-7]{1,400}\Z")
_HEX = re.compile(r"0x[0-9a-fA-F]{1,300}\Z")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_NOT_FINITE = re.compile(r"(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z")


class _Stop(Exception):
    """The text can not be read further; its fault is in the list."""


def read_yaml(text: str, faults: list[Fault]) -> tuple[Json, Node]:
    """The value of `text` and its positions. What is wrong goes to `faults`."""
    builder = _Builder(faults)
    try:
        # The fault is in the list when the builder stops.
        with suppress(_Stop):
            for event in yaml.parse(text, Loader=yaml.CSafeLoader):
                builder.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = Mark(1, 1) if mark is None else Mark(mark.line + 1, mark.column + 1)
        said = ", ".join(part for part in (error.context, error.problem) if part)
        faults.append(Fault(place, f"not YAML: {said}"))
    except yaml.YAMLError as error:
        faults.append(Fault(_offset_mark(text, error), f"not YAML: {str(error).splitlines()[0]}"))
    return builder.value, builder.node


def _offset_mark(text: str, error: yaml.YAMLError) -> Mark:
    offset = getattr(error, "position", 0) or 0
    before = text.encode()[:offset].decode(errors="ignore")
    return Mark(before.count("\n") + 1, len(before) - before.rfind("\n"))


class _Frame:
    """A list or an object that is being read."""

    __slots__ = ("anchor", "key", "merged", "node", "value")

    def __init__(self, value: list[Json] | dict[str, Json], node: Node, anchor: str | None) -> None:
        self.value = value
        self.node = node
        self.anchor = anchor
        self.key: str | None = None
        self.merged: list[tuple[dict[str, Json], Node]] = []


class _Builder:
    """Takes events, makes a value."""

    def __init__(self, faults: list[Fault]) -> None:
        self.value: Json = None
        self.node = Node(Mark(1, 1))
        self._faults = faults
        self._stack: list[_Frame] = []
        self._anchors: dict[str, tuple[Json, Node]] = {}
        self._documents = 0
        self._expanded = 0

    def take(self, event: yaml.Event) -> None:
        """Take the next event."""
        match event:
            case yaml.ScalarEvent():
                self._scalar(event)
            case yaml.MappingStartEvent():
                self._begin({}, event, "map")
            case yaml.SequenceStartEvent():
                self._begin([], event, "seq")
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self._end()
            case yaml.AliasEvent():
                self._alias(event)
            case yaml.DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    self._stop(event, "a second document: expected one per file")
            case _:
                pass

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        node = Node(_mark(event))
        frame = self._stack[-1] if self._stack else None
        if frame is not None and isinstance(frame.value, dict) and frame.key is None:
            self._key(frame, event, node.mark)
            return
        value = self._resolve(event)
        if event.anchor is not None:
            self._anchors[event.anchor] = (value, node)
        self._put(value, node)

    def _key(self, frame: _Frame, event: yaml.ScalarEvent, mark: Mark) -> None:
        key = event.value
        if key in frame.node.keys and not (key == "<<" and event.implicit[0]):
            self._faults.append(Fault(mark, f'"{key}" is given twice'))
        frame.key = key
        frame.node.keys[key] = mark

    def _begin(self, value: list[Json] | dict[str, Json], event: yaml.NodeEvent, word: str) -> None:
        tag = getattr(event, "tag", None)
        if tag not in (None, "!", _TAG + word):
            self._faults.append(Fault(_mark(event), f"unknown tag {tag}"))
        if self._stack and isinstance(self._stack[-1].value, dict) and self._stack[-1].key is None:
            self._stop(event, "a key must be a plain word")
        if len(self._stack) >= MAX_DEPTH:
            self._stop(event, f"nested deeper than {MAX_DEPTH} levels")
        self._stack.append(_Frame(value, Node(_mark(event)), event.anchor))

    def _end(self) -> None:
        frame = self._stack.pop()
        if isinstance(frame.value, dict):
            for value, node in frame.merged:
                for key in value.keys() - frame.value.keys():
                    frame.value[key] = value[key]
                    self._link(frame.node, key, node.children[key])
        if frame.anchor is not None:
            self._anchors[frame.anchor] = (frame.value, frame.node)
        self._put(frame.value, frame.node)

    def _alias(self, event: yaml.AliasEvent) -> None:
        name = str(event.anchor)
        if self._stack and isinstance(self._stack[-1].value, dict) and self._stack[-1].key is None:
            self._stop(event, "a key must be a plain word")
        found = self._anchors.get(name)
        if found is None:
            self._stop(event, f"alias *{name} has no anchor before it, or is inside it")
            return
        self._expanded += found[1].size
        if self._expanded > MAX_EXPANDED:
            self._stop(event, f"aliases stand for more than {MAX_EXPANDED} values")
        if self._height(found[1]) + len(self._stack) > MAX_DEPTH:
            self._stop(event, f"nested deeper than {MAX_DEPTH} levels")
        self._put(*found)

    def _put(self, value: Json, node: Node) -> None:
        if not self._stack:
            self.value, self.node = value, node
            return
        frame = self._stack[-1]
        if isinstance(frame.value, list):
            self._link(frame.node, len(frame.value), node)
            frame.value.append(value)
            return
        key, frame.key = frame.key, None
        assert key is not None
        if key == "<<" and isinstance(value, dict | list):
            self._merge(frame, value, node)
        else:
            self._link(frame.node, key, node)
            frame.value[key] = value

    def _merge(self, frame: _Frame, value: dict[str, Json] | list[Json], node: Node) -> None:
        parts = (
            [(value, node)] if isinstance(value, dict) else zip(value, node.children.values(), strict=True)
        )
        for part, place in parts:
            if isinstance(part, dict):
                frame.merged.append((part, place))
            else:
                self._faults.append(Fault(place.mark, "<< takes objects"))

    @staticmethod
    def _link(parent: Node, key: str | int, child: Node) -> None:
        parent.children[key] = child
        parent.size += child.size

    @staticmethod
    def _height(node: Node) -> int:
        height, level = 0, [node]
        while level:
            height += 1
            # By identity: what several aliases share is looked at once per level.
            level = list({id(child): child for one in level for child in one.children.values()}.values())
        return height

    def _resolve(self, event: yaml.ScalarEvent) -> Json:
        text = event.value
        tag = event.tag
        if tag is None and event.implicit[0]:
            return self._plain(event, text)
        match (tag or "!").removeprefix(_TAG):
            case "!" | "str":
                return text
            case "null" | "bool" | "int" | "float":
                return self._plain(event, text)
            case _:
                self._faults.append(Fault(_mark(event), f"unknown tag {tag}"))
                return None

    def _plain(self, event: yaml.ScalarEvent, text: str) -> Json:
        if _FLOAT.match(text) is not None and _INT.match(text) is None:
            value = float(text)
            if abs(value) != float("inf"):
                return value
        elif _NOT_FINITE.match(text) is None:
            return _plain_scalar(text)
        self._faults.append(Fault(_mark(event), f"{text[:40]} is no finite number"))
        return None

    def _stop(self, event: yaml.Event, why: str) -> None:
        self._faults.append(Fault(_mark(event), why))
        raise _Stop


def _plain_scalar(text: str) -> Json:
    """What `text` without quotes is, fractions aside."""
    if _NULL.match(text):
        return None
    if text in _BOOL:
        return _BOOL[text]
    if _INT.match(text):
        return int(text)
    if _OCTAL.match(text) or _HEX.match(text):
        return int(text, 0)
    return text


def _mark(event: yaml.Event) -> Mark:
    start = event.start_mark
    assert start is not None, "events of a text have a place"
    return Mark(start.line + 1, start.column + 1)

"""JSON text to values; positions are found by a second scan, made only when there is a problem."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterator

from l7mp_mesh.control.native.node import MAX_DEPTH, Fault, Mark, Node
from l7mp_mesh.model.value import Json

_TOKEN = re.compile(r'[ \t\r\n]*(?:("(?:[^"\\]|\\.)*")|([{}\[\],:])|([^\s,\]}:]+))')
_CONTAINER = re.compile(r"[\[{]")
_MAX_DIGITS = 400


class _NotJson(ValueError):
    """What Python's parser accepts and RFC 8259 does not, or what no other reader would take."""


def read_json(text: str, faults: list[Fault]) -> Json:
    """The value of `text`. What is wrong goes to `faults`."""
    is_doubled = False

    def build(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
        nonlocal is_doubled
        made = dict(pairs)
        is_doubled = is_doubled or len(made) != len(pairs)
        return made

    try:
        if _CONTAINER.search(text) is not None:
            _check_depth(text)
        value: Json = json.loads(
            text, object_pairs_hook=build, parse_constant=_refuse, parse_float=_float, parse_int=_int
        )
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        faults.append(Fault(Mark(error.lineno, error.colno), f"not JSON: {error.msg}"))
    except UnicodeEncodeError:
        faults.append(Fault(Mark(1, 1), "not JSON: half of a surrogate pair in a string"))
    except _NotJson as error:
        faults.append(Fault(Mark(1, 1), str(error)))
    else:
        if is_doubled:
            mark_json(text, faults)
        return value
    return None


def mark_json(text: str, faults: list[Fault] | None = None) -> Node:
    """Positions in a text that `read_json` has accepted; members given twice go to `faults`."""
    lines = [0, *(match.end() for match in re.finditer("\n", text))]

    def mark(offset: int) -> Mark:
        line = bisect_right(lines, offset)
        return Mark(line, offset - lines[line - 1] + 1)

    root = Node(Mark(1, 1))
    stack: list[tuple[Node, bool]] = []
    key: str | None = None
    wants_key = False
    for token, offset in _tokens(text):
        if token in "}]":
            stack.pop()
            continue
        if token in ",:":
            wants_key = token == "," and stack[-1][1]
            continue
        if wants_key:
            key, wants_key = json.loads(token), False
            if key in stack[-1][0].children and faults is not None:
                faults.append(Fault(mark(offset), f'"{key}" is given twice'))
            stack[-1][0].keys[key] = mark(offset)
            continue
        node = Node(mark(offset))
        if stack:
            parent, is_object = stack[-1]
            parent.children[key if is_object and key is not None else len(parent.children)] = node
        else:
            root = node
        if token in "{[":
            stack.append((node, token == "{"))
            wants_key = token == "{"
    return root


def _tokens(text: str) -> Iterator[tuple[str, int]]:
    end = 0
    while (match := _TOKEN.match(text, end)) is not None:
        group = match.lastindex
        assert group is not None
        yield match[group], match.start(group)
        end = match.end()


def _check_depth(text: str) -> None:
    depth = 0
    for token, _ in _brackets(text):
        depth += 1 if token in "{[" else -1
        if depth > MAX_DEPTH:
            raise _NotJson(f"nested deeper than {MAX_DEPTH} levels")


_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*"|([{}\[\]])')


def _brackets(text: str) -> Iterator[tuple[str, int]]:
    # A text with few brackets can not be deep: most texts are spared the scan.
    if text.count("{") + text.count("[") <= MAX_DEPTH:
        return
    for match in _BRACKET.finditer(text):
        if match[1] is not None:
            yield match[1], match.start()


def _refuse(word: str) -> Json:
    raise _NotJson(f"not JSON: {word} is no number")


def _float(digits: str) -> float:
    value = float(digits)
    if value in (float("inf"), float("-inf")):
        raise _NotJson("a number is too large")
    return value


def _int(digits: str) -> int:
    if len(digits) > _MAX_DIGITS:
        raise _NotJson("a number is too large")
    return int(digits)

"""Predicates over a session's metadata.

Fields are named by absolute slash paths into the metadata tree ("/IP/src_addr", "/HTTP/url/path",
"/labels/x"). A missing field or a value of the wrong type is "no match", never an error.

Source: draft-snell-json-test-07 (L7mp rule.match), envoy.type.matcher.v3.StringMatcher,
envoy.config.route.v3.RouteMatch.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from l7mp_mesh.model.value import Frozen


class Op(Enum):
    """Leaf operations; the value is the word used in the native configuration."""

    CONTAINS = "contains"
    STARTS = "starts"
    ENDS = "ends"
    DEFINED = "defined"
    UNDEFINED = "undefined"
    LESS = "less"
    MORE = "more"
    IN = "in"
    CONTAINED = "contained"
    INTERSECTS = "intersects"
    MATCHES = "matches"
    """Regular expression (RE2) found anywhere in a string."""
    TEST = "test"
    """Deep equality."""
    TYPE = "type"
    FULL_MATCH = "regex"
    """Regular expression (RE2) that covers the whole string (Envoy safe_regex)."""
    CIDR = "cidr"
    """An IP address inside "10.0.0.0/8"."""
    RANGE = "range"
    """A number n with start <= n < end; `value` is (start, end) (envoy.type.v3.Int64Range)."""


@dataclass(frozen=True, slots=True)
class Always:
    """Matches every session."""


@dataclass(frozen=True, slots=True)
class Compare:
    """One operation on one field."""

    op: Op
    field: str
    value: Frozen = None
    ignore_case: bool = False


@dataclass(frozen=True, slots=True)
class All:
    """Every one matches; true when empty."""

    of: tuple[Predicate, ...] = ()


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One at least matches; true when empty (draft-snell-json-test-07)."""

    of: tuple[Predicate, ...] = ()


@dataclass(frozen=True, slots=True)
class NoneOf:
    """None of them matches; true when empty."""

    of: tuple[Predicate, ...] = ()


Predicate: TypeAlias = Always | Compare | All | AnyOf | NoneOf

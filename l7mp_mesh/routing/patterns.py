"""Tests that are prepared: regular expressions and networks."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Final

from l7mp_mesh.ports.attributes import Attributes
from l7mp_mesh.routing.compare import address_number
from l7mp_mesh.routing.fields import Field
from l7mp_mesh.routing.leaf import Test
from l7mp_mesh.routing.regex import BadRegex, Regex

MAX_SUBJECT: Final = 65536
"""Longest string, in characters, that a regular expression is tried on."""


class Search(Test):
    """A pattern found anywhere in a string."""

    __slots__ = ("field", "pattern")

    def __init__(self, where: Field, pattern: Regex) -> None:
        self.field = where
        self.pattern = pattern

    def matches(self, attributes: Attributes) -> bool:
        data = self.field.read(attributes)
        if not isinstance(data, str) or len(data) > MAX_SUBJECT:
            return False
        return self.pattern.is_in(data)


class FullMatch(Search):
    """A pattern that covers the whole string."""

    __slots__ = ()

    def matches(self, attributes: Attributes) -> bool:
        data = self.field.read(attributes)
        if not isinstance(data, str) or len(data) > MAX_SUBJECT:
            return False
        return self.pattern.covers(data)


class InNetwork(Test):
    """An IP address inside a network."""

    __slots__ = ("field", "first", "last", "version")

    def __init__(self, where: Field, version: int, first: int, last: int) -> None:
        self.field = where
        self.version = version
        self.first = first
        self.last = last

    def matches(self, attributes: Attributes) -> bool:
        data = self.field.read(attributes)
        if not isinstance(data, str):
            return False
        version, number = address_number(data)
        return version == self.version and self.first <= number <= self.last


def compile_pattern(where: Field, text: str, *, whole: bool, ignore_case: bool) -> Test | None:
    """A regular expression; None when it is not valid."""
    try:
        pattern = Regex(text, ignore_case=ignore_case)
    except BadRegex:
        return None
    return FullMatch(where, pattern) if whole else Search(where, pattern)


def compile_cidr(where: Field, text: str) -> Test | None:
    """A network, host bits ignored; None when it is not valid."""
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        return None
    return InNetwork(where, network.version, int(network.network_address), int(network.broadcast_address))

"""Comparison of JSON values, and of addresses."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Final

from l7mp_mesh.ports.attributes import Json
from l7mp_mesh.ports.tree import Missing, Value

NO_ADDRESS: Final = (0, 0)


def same(one: Value, other: Json, *, ignore_case: bool = False) -> bool:
    """Deep equality as JSON has it: true is not 1, 1 is 1.0, the order of keys does not count.

    `ignore_case` holds for strings, not for keys. Goes no deeper than the shallower of the two.
    """
    if isinstance(one, str):
        if not isinstance(other, str):
            return False
        return one.lower() == other.lower() if ignore_case else one == other
    if isinstance(one, (dict, list)):
        return _same_container(one, other, ignore_case=ignore_case)
    if isinstance(one, Missing):
        return False
    if one is None or isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return isinstance(other, (int, float)) and one == other


def _same_container(one: dict[str, Json] | list[Json], other: Json, *, ignore_case: bool) -> bool:
    if isinstance(one, dict):
        if not isinstance(other, dict) or len(one) != len(other):
            return False
        for key, value in one.items():
            if key not in other or not same(value, other[key], ignore_case=ignore_case):
                return False
        return True
    if not isinstance(other, list) or len(one) != len(other):
        return False
    for left, right in zip(one, other, strict=True):  # noqa: SIM110 - a generator costs more
        if not same(left, right, ignore_case=ignore_case):
            return False
    return True


def holds(items: list[Json], value: Json, *, ignore_case: bool) -> bool:
    """One of `items` is the same as `value`."""
    for item in items:  # noqa: SIM110
        if same(item, value, ignore_case=ignore_case):
            return True
    return False


def parse_address(text: str) -> tuple[int, int]:
    """IP version and number of an address; version 0 when it is none. IPv4 in IPv6 counts as IPv4."""
    try:
        address = ip_address(text)
    except ValueError:
        return NO_ADDRESS
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return (4, int(address.ipv4_mapped))
    return (address.version, int(address))


address_number: Final = lru_cache(maxsize=4096)(parse_address)
"""`parse_address`, remembered: the same clients come again."""

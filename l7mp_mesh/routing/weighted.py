"""Stable draws: the same name always gets the same share of a weighted choice."""

from __future__ import annotations

from collections.abc import Sequence

from xxhash import xxh64_intdigest


def pick(weights: Sequence[int], key: bytes | str) -> int:
    """Index of the weight that `key` falls on; -1 when nothing weighs anything.

    Something of weight 0 is never picked.
    """
    if len(weights) == 1 and weights[0] > 0:
        return 0
    total = sum(weights)
    if total <= 0:
        return -1
    point = xxh64_intdigest(key.encode() if isinstance(key, str) else key) % total
    for index, weight in enumerate(weights):
        point -= weight
        if point < 0:
            return index
    return -1

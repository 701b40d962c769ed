"""Counters, gauges and histograms: plain objects on the hot path, exported by `prometheus.py`."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Upper bounds of duration histograms."""


class Counter:
    """Only grows."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0

    def add(self, amount: int = 1) -> None:
        """Count `amount` more."""
        self.value += amount


class Gauge(Counter):
    """Goes up and down."""

    __slots__ = ()

    def sub(self, amount: int = 1) -> None:
        """Count `amount` less."""
        self.value -= amount


class Histogram:
    """Observations by upper bound; the last bucket has none."""

    __slots__ = ("bounds", "buckets", "total")

    def __init__(self, bounds: tuple[float, ...] = SECONDS) -> None:
        self.bounds = bounds
        self.buckets = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Take one observation."""
        self.buckets[bisect_left(self.bounds, value)] += 1
        self.total += value


@dataclass(slots=True)
class Family:
    """All series of one metric name."""

    name: str
    help: str
    type: type[Counter] | type[Histogram]
    labels: tuple[str, ...]
    series: dict[tuple[str, ...], Counter | Histogram] = field(default_factory=dict)


class Stats:
    """The tree of all metrics of a runtime; a handle is looked up once and kept."""

    def __init__(self) -> None:
        self._families: dict[str, Family] = {}

    def counter(self, name: str, help_text: str, **labels: str) -> Counter:
        """The counter of that name and labels; `name` without the suffix `_total`."""
        made = self._series(Counter, name, help_text, labels)
        assert isinstance(made, Counter)
        return made

    def gauge(self, name: str, help_text: str, **labels: str) -> Gauge:
        """The gauge of that name and labels."""
        made = self._series(Gauge, name, help_text, labels)
        assert isinstance(made, Gauge)
        return made

    def histogram(self, name: str, help_text: str, **labels: str) -> Histogram:
        """The histogram of that name and labels, in seconds."""
        made = self._series(Histogram, name, help_text, labels)
        assert isinstance(made, Histogram)
        return made

    def declare(
        self, kind: type[Counter] | type[Histogram], name: str, help_text: str, labels: tuple[str, ...]
    ) -> None:
        """Export a metric from now on, even while it has no series; twice is fine."""
        self._family(kind, name, help_text, labels)

    def forget(self, **labels: str) -> None:
        """Drop every series that carries all of `labels`: its object was deleted."""
        wanted = set(labels.items())
        for family in self._families.values():
            for values in list(family.series):
                if wanted <= set(zip(family.labels, values, strict=True)):
                    del family.series[values]

    def families(self) -> Iterator[Family]:
        """Every metric, in the order in which they appeared."""
        yield from self._families.values()

    def _series(
        self, kind: type[Counter] | type[Histogram], name: str, help_text: str, labels: dict[str, str]
    ) -> Counter | Histogram:
        family = self._family(kind, name, help_text, tuple(labels))
        values = tuple(labels.values())
        if values not in family.series:
            family.series[values] = kind()
        return family.series[values]

    def _family(
        self, kind: type[Counter] | type[Histogram], name: str, help_text: str, labels: tuple[str, ...]
    ) -> Family:
        family = self._families.get(name)
        if family is None:
            family = self._families[name] = Family(name, help_text, kind, labels)
        assert family.type is kind, f"{name} is a {family.type.__name__}"
        assert family.labels == labels, f"{name} has labels {family.labels}"
        return family

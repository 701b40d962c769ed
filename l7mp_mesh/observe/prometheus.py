"""The metrics of a runtime as a Prometheus server reads them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector, CollectorRegistry
from prometheus_client.utils import floatToGoString

from l7mp_mesh.observe.stats import Family, Gauge, Histogram, Stats

VERSIONS: Final = ("0.0.1", "0.0.4", "1.0.0")
"""Of the text format and of OpenMetrics, as far as they are defined."""


class StatsCollector(Collector):
    """Reads a tree of metrics whenever it is asked."""

    def __init__(self, stats: Stats) -> None:
        self._stats = stats

    def collect(self) -> Iterator[Metric]:
        for family in self._stats.families():
            yield _export(family)


def exposition(stats: Stats, accept: str) -> tuple[bytes, str]:
    """All metrics as text, and its content type: OpenMetrics where `accept` prefers it."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(StatsCollector(stats))
    encode, content_type = choose_encoder(_known(accept))
    return encode(registry), content_type


def _known(accept: str) -> str:
    """`accept` without the versions that nobody has defined: the library fails on a word in their place."""
    return ",".join([offer for offer in accept.split(",") if _is_known(offer)])


def _is_known(offer: str) -> bool:
    for parameter in offer.split(";"):
        name, equals, value = parameter.strip().partition("=")
        if equals and name == "version" and value not in VERSIONS:
            return False
    return True


def _export(family: Family) -> Metric:
    if family.type is Histogram:
        return _export_histogram(family)
    kind = GaugeMetricFamily if family.type is Gauge else CounterMetricFamily
    metric = kind(family.name, family.help, labels=family.labels)
    for labels, series in family.series.items():
        assert not isinstance(series, Histogram)
        metric.add_metric(labels, series.value)
    return metric


def _export_histogram(family: Family) -> Metric:
    metric = HistogramMetricFamily(family.name, family.help, labels=family.labels)
    for labels, series in family.series.items():
        assert isinstance(series, Histogram)
        bounds = [*map(floatToGoString, series.bounds), "+Inf"]
        metric.add_metric(labels, list(zip(bounds, accumulate(series.buckets), strict=True)), series.total)
    return metric

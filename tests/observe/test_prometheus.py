"""What a Prometheus server reads."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from l7mp_mesh.observe import l7mp
from l7mp_mesh.observe.prometheus import exposition
from l7mp_mesh.observe.stats import Counter, Stats

OPENMETRICS = "application/openmetrics-text; version=1.0.0,text/plain;version=0.0.4;q=0.5"


def text(stats: Stats, accept: str = "") -> str:
    return exposition(stats, accept)[0].decode()


def test_l7mp_metrics_are_there_before_any_sample() -> None:
    stats = Stats()
    l7mp.declare(stats)
    lines = text(stats).splitlines()
    for name in ("listener_requests", "cluster_requests", "session_byte_counter", "session_packet_counter"):
        assert f"# TYPE {name}_total counter" in lines


def test_a_counter_grows() -> None:
    stats = Stats()
    l7mp.declare(stats)
    requests = l7mp.listener_requests(stats, "in", "TCP")
    requests.add()
    assert 'listener_requests_total{listenerName="in",protocol="TCP"} 1.0' in text(stats).splitlines()
    requests.add(2)
    assert 'listener_requests_total{listenerName="in",protocol="TCP"} 3.0' in text(stats).splitlines()


def test_all_l7mp_metrics_carry_their_labels() -> None:
    stats = Stats()
    l7mp.cluster_requests(stats, "c", "UDP").add()
    l7mp.session_bytes(stats, "s", "m").add(10)
    l7mp.session_packets(stats, "s", "m").add(2)
    l7mp.declare(stats)
    lines = text(stats).splitlines()
    assert 'cluster_requests_total{clusterName="c",protocol="UDP"} 1.0' in lines
    assert 'session_byte_counter_total{clusterName="m",sessionName="s"} 10.0' in lines
    assert 'session_packet_counter_total{clusterName="m",sessionName="s"} 2.0' in lines


def test_gauges_and_histograms_are_exported() -> None:
    stats = Stats()
    stats.gauge("live", "Live sessions", listener="in").add(4)
    seconds = stats.histogram("duration_seconds", "Duration")
    for value in (0.0001, 0.3, 100.0):
        seconds.observe(value)
    samples = {
        (sample.name, sample.labels.get("le")): sample.value
        for family in text_string_to_metric_families(text(stats))
        for sample in family.samples
    }
    assert samples["live", None] == 4
    assert samples["duration_seconds_bucket", "0.0005"] == 1
    assert samples["duration_seconds_bucket", "0.5"] == 2
    assert samples["duration_seconds_bucket", "+Inf"] == 3
    assert samples["duration_seconds_count", None] == 3
    assert samples["duration_seconds_sum", None] == pytest.approx(100.3001)


def test_labels_can_not_break_the_text() -> None:
    stats = Stats()
    stats.counter("seen", "Names seen", who='a"\\\n} 1').add()
    (family,) = text_string_to_metric_families(text(stats))
    assert family.samples[0].labels == {"who": 'a"\\\n} 1'}


def test_the_format_is_negotiated() -> None:
    stats = Stats()
    stats.counter("seen", "Names seen").add()
    assert exposition(stats, "")[1].startswith("text/plain; version=0.0.4")
    body, content_type = exposition(stats, OPENMETRICS)
    assert content_type.startswith("application/openmetrics-text; version=1.0.0")
    assert body.endswith(b"# EOF\n")


ODD = (
    "version=",
    "version=abc",
    "version=2.0.0",
    "version=99999",
    "version=1.0.0\u00e9",
    "escaping=x",
    "version=0",
)


@given(
    accept=st.text()
    | st.builds(
        "{};{}".format,
        st.sampled_from(["text/plain", "application/openmetrics-text"]),
        st.sampled_from(ODD) | st.text(),
    )
)
def test_no_accept_header_makes_it_fail(accept: str) -> None:
    stats = Stats()
    stats.counter("seen", "Names seen").add()
    body, content_type = exposition(stats, accept)
    assert b"seen_total 1.0" in body
    assert content_type.isascii()
    assert content_type.isprintable()


def test_a_metric_may_be_declared_twice() -> None:
    stats = Stats()
    stats.declare(Counter, "seen", "Names seen", ("who",))
    stats.counter("seen", "Names seen", who="a").add()
    stats.declare(Counter, "seen", "Names seen", ("who",))
    assert text(stats).count("# TYPE") == 1

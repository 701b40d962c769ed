"""Rules of `xds.md` that hold across the types of one stream."""

# Tests are named after the rules' ids.
# ruff: noqa: N802

from __future__ import annotations

from typing import Any

import pytest
from support.xds_probe import CLUSTER, ENDPOINTS, LISTENER, ROUTES, cluster, endpoints, listener, routes

from xds_server.ledger import Event, Ledger
from xds_server.messages import Request, Response, StreamRefused
from xds_server.snapshot import Resource, Snapshot
from xds_server.stream import KEPT_TYPES, Stream
from xds_server.types import CDS

FULL = (cluster("c1"), endpoints("c1"), listener("l1"), routes("r1"))


def drain(stream: Stream) -> list[tuple[str, list[str]]]:
    return [(each.type_url, [one.name for one in each.resources]) for each in responses(stream)]


def responses(stream: Stream) -> list[Response]:
    found = []
    while (response := stream.next()) is not None:
        found.append(response)
    return found


def subscribed(ledger: Ledger | None = None) -> Stream:
    """A stream that takes everything, and has acknowledged it."""
    stream = Stream(Snapshot(FULL), ledger or Ledger())
    asked: dict[str, tuple[str, ...]] = {ROUTES: ("r1",), LISTENER: (), ENDPOINTS: ("c1",), CLUSTER: ()}
    for url, names in asked.items():
        stream.receive(Request(url, names, node="n1"))
    for response in responses(stream):
        stream.receive(Request(response.type_url, asked[response.type_url], response.nonce))
    for response in responses(stream):
        stream.receive(Request(response.type_url, asked[response.type_url], response.nonce))
    return stream


def changed(*resources: Resource) -> Snapshot:
    replaced = {(each.type_url, each.name): each for each in (*FULL, *resources)}
    return Snapshot(replaced.values())


def test_V1_every_nonce_is_new() -> None:
    stream = Stream(Snapshot(FULL), Ledger())
    stream.receive(Request(CLUSTER))
    nonces = set()
    for port in range(1000):
        stream.publish(Snapshot([cluster("c1", f"{port + 1}s")]))
        nonces.update(each.nonce for each in responses(stream))
    assert len(nonces) == 1000


def test_X4_types_do_not_share_versions_nonces_or_names() -> None:
    stream = Stream(Snapshot(FULL), Ledger())
    stream.receive(Request(CLUSTER))
    stream.receive(Request(ENDPOINTS, ("c1",)))
    first, second, *_ = responses(stream)
    assert (first.type_url, second.type_url) == (CLUSTER, ENDPOINTS)
    assert first.version != second.version
    stream.receive(Request(CLUSTER, nonce=second.nonce, error="stale, for it is of another type"))
    assert drain(stream) == []


def test_W1_a_push_goes_clusters_endpoints_listeners_routes() -> None:
    stream = subscribed()
    stream.publish(changed(cluster("c1", "2s"), endpoints("c1", 2), listener("l1", "y"), routes("r1", "c2")))
    assert [url for url, _ in drain(stream)] == [CLUSTER, ENDPOINTS, LISTENER, ROUTES]


def test_W3_endpoints_follow_a_changed_cluster_unchanged_and_without_an_ack() -> None:
    stream = subscribed()
    stream.publish(changed(cluster("c1", "2s")))
    assert drain(stream) == [(CLUSTER, ["c1"]), (ENDPOINTS, ["c1"])]


def test_W3_endpoints_of_untouched_clusters_stay_where_they_are() -> None:
    stream = subscribed()
    stream.publish(changed(cluster("c2")))
    assert drain(stream) == [(CLUSTER, ["c1", "c2"])]


def test_equal_content_is_not_pushed() -> None:
    stream = subscribed()
    stream.publish(Snapshot(FULL))
    assert drain(stream) == []


def test_a_slow_client_skips_what_was_overtaken() -> None:
    stream = subscribed()
    for port in (2, 3, 4):
        stream.publish(changed(endpoints("c1", port)))
    assert drain(stream) == [(ENDPOINTS, ["c1"])]


def test_no_answer_before_the_first_snapshot() -> None:
    stream = Stream(None, Ledger())
    stream.receive(Request(CLUSTER))
    assert drain(stream) == []
    stream.publish(Snapshot())
    assert drain(stream) == [(CLUSTER, [])]


def test_N2_the_first_node_counts(caplog: Any) -> None:
    ledger = Ledger()
    stream = Stream(Snapshot(), ledger)
    stream.receive(Request(CLUSTER, node="n1"))
    stream.receive(Request(LISTENER))
    stream.receive(Request(LISTENER, node="n2"))
    assert stream.node == "n1"
    assert "now calls itself n2" in caplog.text


def test_X3_an_aggregated_request_without_a_type_is_refused() -> None:
    with pytest.raises(StreamRefused, match="type_url is required"):
        Stream(Snapshot(), Ledger()).receive(Request())


def test_X3_a_separate_stream_knows_its_type_and_takes_no_other() -> None:
    stream = Stream(Snapshot(FULL), Ledger(), CDS)
    stream.receive(Request())
    assert drain(stream) == [(CLUSTER, ["c1"])]
    with pytest.raises(StreamRefused, match=r"serves .*Cluster, not .*Listener"):
        stream.receive(Request(LISTENER))


def test_X8_a_type_nobody_knows_is_carried_as_it_is() -> None:
    odd = Resource.of("type.googleapis.com/x.Odd", "o", b"1", b"1")
    stream = Stream(Snapshot([odd]), Ledger())
    stream.receive(Request("type.googleapis.com/x.Odd", ("o",)))
    stream.receive(Request("type.googleapis.com/x.Other"))
    assert drain(stream) == [("type.googleapis.com/x.Odd", ["o"])]


def test_the_types_of_one_stream_are_bounded() -> None:
    stream = Stream(Snapshot(), Ledger())
    for index in range(KEPT_TYPES):
        stream.receive(Request(f"type.googleapis.com/x{index}"))
    with pytest.raises(StreamRefused, match="types on one stream"):
        stream.receive(Request("type.googleapis.com/y"))


@pytest.mark.parametrize("version", ["", "old", "new"])
def test_V4_the_three_shapes_of_a_nack_are_recorded(version: str) -> None:
    ledger = Ledger()
    stream = subscribed(ledger)
    acked = ledger.state("n1", "CDS").acked_version
    stream.publish(changed(cluster("c1", "2s")))
    response = stream.next()
    assert response is not None
    shown = {"": "", "old": acked, "new": response.version}[version]
    stream.receive(Request(CLUSTER, (), response.nonce, shown, error="c1: bad"))
    state = ledger.state("n1", "CDS")
    assert state.nack is not None
    assert (state.nack.event, state.nack.detail, state.nack.version) == (
        Event.NACK,
        "c1: bad",
        response.version,
    )
    assert (state.sent_version, state.acked_version) == (response.version, acked)


def test_the_ledger_tells_the_story_in_order() -> None:
    ledger = Ledger()
    stream = Stream(Snapshot([cluster("c1")]), ledger)
    stream.receive(Request(CLUSTER, node="n1"))
    response = stream.next()
    assert response is not None
    stream.receive(Request(CLUSTER, nonce=response.nonce))
    stream.close("bye")
    assert [(each.event, each.type) for each in ledger.entries] == [
        (Event.OPENED, ""),
        (Event.SENT, "CDS"),
        (Event.ACK, "CDS"),
        (Event.CLOSED, ""),
    ]

"""Rules of `xds.md` 1.3-1.5 by their ids, on one type of one stream."""

# Tests are named after the rules' ids.
# ruff: noqa: N802

from __future__ import annotations

import pytest
from support.xds_probe import cluster, endpoints

from xds_server.messages import Request
from xds_server.snapshot import Resource, Snapshot
from xds_server.subscription import Subscription, Verdict
from xds_server.types import CDS, EDS, ResourceType


class Client:
    """Feeds a subscription, and says what it would be sent."""

    def __init__(self, kind: ResourceType, *resources: Resource) -> None:
        self.subscription = Subscription(kind)
        self.kind = kind
        self.snapshot = Snapshot(resources)
        self.serial = 0

    def ask(self, *names: str, nonce: str | None = None, error: str | None = None) -> Verdict:
        nonce = self.subscription.nonce if nonce is None else nonce
        return self.subscription.receive(Request(self.kind.url, names, nonce, error=error))

    def sent(self) -> list[str] | None:
        self.serial += 1
        taken = self.subscription.take(self.snapshot.collection(self.kind.url), str(self.serial))
        return None if taken is None else [each.name for each in taken]

    def become(self, *resources: Resource) -> None:
        self.snapshot = Snapshot(resources)


A, B, C = cluster("a"), cluster("b"), cluster("c")
EA, EB = endpoints("a"), endpoints("b")


def test_S1_a_client_that_never_named_anything_gets_all_clusters_and_no_endpoints() -> None:
    clusters = Client(CDS, A, B)
    clusters.ask()
    assert clusters.sent() == ["a", "b"]
    assignments = Client(EDS, EA, EB)
    assignments.ask()
    assert assignments.sent() is None


def test_S2_the_four_steps_of_the_specification() -> None:
    client = Client(CDS, A, B)
    client.ask()
    assert client.sent() == ["a", "b"]
    client.ask("*", "a")
    client.become(A, B, C)
    assert client.sent() == ["a", "b", "c"]
    client.ask("a")
    client.become(A, cluster("b", "2s"), C)
    assert client.sent() is None, "the wildcard is dropped"
    client.ask()
    client.become(cluster("a", "2s"), B, C)
    assert client.sent() is None, "an empty list after names is a subscription to nothing"


@pytest.mark.parametrize("names", [(), ("*",)])
def test_S4_the_first_wildcard_answer_is_sent_even_if_empty(names: tuple[str, ...]) -> None:
    client = Client(CDS)
    client.ask(*names)
    assert client.sent() == []
    assert client.sent() is None


def test_S5_what_is_dropped_and_asked_for_again_is_sent_again() -> None:
    client = Client(EDS, EA, EB)
    client.ask("a", "b")
    assert client.sent() == ["a", "b"]
    client.ask("a")
    assert client.sent() is None
    client.ask("a", "b")
    assert client.sent() == ["b"]


def test_S8_a_name_that_does_not_exist_is_sent_when_it_does() -> None:
    client = Client(EDS)
    client.ask("a")
    assert client.sent() is None
    client.become(EA)
    assert client.sent() == ["a"]


def test_a_missing_cluster_is_told_by_its_absence_at_once() -> None:
    client = Client(CDS, A)
    client.ask("a", "z")
    assert client.sent() == ["a"]
    client.ask("a", "z", "y")
    assert client.sent() == ["a"]


@pytest.mark.parametrize("kind", [CDS, EDS])
def test_S11_an_empty_name_is_an_ordinary_one_that_does_not_exist(kind: ResourceType) -> None:
    client = Client(kind, A, EA)
    client.ask("")
    assert client.sent() is None
    client.ask()
    assert client.sent() is None


def test_R1_clusters_come_complete_and_endpoints_only_as_they_change() -> None:
    clusters = Client(CDS, A, B)
    clusters.ask()
    clusters.sent()
    clusters.become(A, cluster("b", "2s"))
    assert clusters.sent() == ["a", "b"]
    assignments = Client(EDS, EA, EB)
    assignments.ask("a", "b")
    assignments.sent()
    assignments.become(EA, endpoints("b", 2))
    assert assignments.sent() == ["b"]


def test_R2_a_removed_cluster_is_told_by_an_answer_without_it() -> None:
    client = Client(CDS, A)
    client.ask()
    client.sent()
    client.become()
    assert client.sent() == []
    assert client.sent() is None


def test_endpoints_that_go_and_come_back_are_sent_again() -> None:
    client = Client(EDS, EA)
    client.ask("a")
    client.sent()
    client.become()
    assert client.sent() is None
    client.become(EA)
    assert client.sent() == ["a"]


@pytest.mark.parametrize("error", ["bad", ""])
def test_V4_an_error_detail_makes_a_nack_whatever_the_version_and_the_text(error: str) -> None:
    client = Client(CDS, A)
    client.ask()
    client.sent()
    assert client.ask(error=error) is Verdict.NACK


def test_V5_what_was_refused_is_not_sent_again_until_it_changes() -> None:
    client = Client(CDS, A)
    client.ask()
    client.sent()
    assert client.ask(error="no") is Verdict.NACK
    assert client.sent() is None
    client.become(A)
    assert client.sent() is None
    client.become(cluster("a", "3s"))
    assert client.sent() == ["a"]
    assert client.sent() is None


def test_V6_a_stale_request_is_ignored_and_its_names_come_with_the_next() -> None:
    client = Client(EDS, EA, EB)
    client.ask("a")
    client.sent()
    old = client.subscription.nonce
    client.become(endpoints("a", 2), EB)
    assert client.sent() == ["a"]
    assert client.ask("a", "b", nonce=old) is Verdict.STALE
    assert client.sent() is None
    assert client.ask("a", "b") is Verdict.ACK
    assert client.sent() == ["b"]


def test_V9_new_names_come_at_the_same_version_under_a_new_nonce() -> None:
    client = Client(EDS, EA, EB)
    client.ask("a")
    client.sent()
    version, nonce = client.subscription.version, client.subscription.nonce
    client.ask("a", "b")
    assert client.sent() == ["b"]
    assert client.subscription.version == version
    assert client.subscription.nonce != nonce


def test_V10_two_requests_before_the_first_answer_get_one() -> None:
    client = Client(EDS, EA, EB)
    client.ask("a", nonce="")
    client.ask("a", "b", nonce="")
    assert client.sent() == ["a", "b"]
    assert client.sent() is None


def test_V10_an_ack_is_not_answered() -> None:
    client = Client(CDS, A)
    client.ask()
    client.sent()
    assert client.ask() is Verdict.ACK
    assert client.sent() is None


def test_a_nonce_of_an_earlier_stream_does_not_hinder_the_first_request() -> None:
    client = Client(CDS, A)
    assert client.ask(nonce="left over") is Verdict.NOTHING
    assert client.sent() == ["a"]


def test_W3_a_second_ack_is_a_plea_once_per_change_of_clusters() -> None:
    client = Client(EDS, EA)
    client.ask("a")
    client.sent()
    assert client.ask("a") is Verdict.ACK
    assert client.ask("a") is Verdict.REPEATED
    assert client.sent() is None
    client.subscription.allow_plea()
    client.ask("a")
    assert client.sent() == ["a"]
    client.ask("a")
    client.ask("a")
    assert client.sent() is None

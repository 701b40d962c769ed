"""What has passed listeners and clusters, as the control API shows it: ended sessions and live ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from l7mp_mesh.model.value import Json
from l7mp_mesh.session.session import Session
from l7mp_mesh.session.source import SourceStats
from l7mp_mesh.upstream.cluster import ClusterStats


class Passed:
    """Bytes and messages of both directions, added up."""

    __slots__ = ("received", "received_messages", "sent", "sent_messages")

    def __init__(self, stats: SourceStats | ClusterStats) -> None:
        self.received = stats.received.value
        self.received_messages = stats.received_messages.value
        self.sent = stats.sent.value
        self.sent_messages = stats.sent_messages.value

    def add(self, session: Session) -> None:
        """Count a live session, which the counters do not know yet."""
        received, sent = session.traffic()
        self.received += received.bytes
        self.received_messages += received.messages
        self.sent += sent.bytes
        self.sent_messages += sent.messages


def of_listeners(stats: Mapping[str, SourceStats], live: Iterable[Session]) -> Mapping[str, Json]:
    """By name of the listener."""
    passed = {name: Passed(counters) for name, counters in stats.items()}
    for session in live:
        known = passed.get(session.source.listener.name)
        if known is not None:
            known.add(session)
    return {name: _shown(stats[name], sums) for name, sums in passed.items()}


def of_clusters(stats: Mapping[str, ClusterStats], live: Iterable[Session]) -> Mapping[str, Json]:
    """By name of the cluster; a session counts for its destination, the last one if it was moved."""
    passed = {name: Passed(counters) for name, counters in stats.items()}
    for session in live:
        known = passed.get(session.cluster_name)
        if known is not None:
            known.add(session)
    return {name: _shown(stats[name], sums) for name, sums in passed.items()}


def _shown(counters: SourceStats | ClusterStats, passed: Passed) -> Json:
    return {
        "sessions": counters.requests.value,
        "active": counters.active.value,
        "failures": counters.failures.value,
        "received": {"bytes": passed.received, "messages": passed.received_messages},
        "sent": {"bytes": passed.sent, "messages": passed.sent_messages},
    }

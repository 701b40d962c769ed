"""The metrics of L7mp, under the names and labels that its dashboards and autoscalers ask for."""

from __future__ import annotations

from typing import Final

from l7mp_mesh.observe.stats import Counter, Stats

LISTENER_REQUESTS: Final = ("listener_requests", "Sessions that a listener has emitted")
CLUSTER_REQUESTS: Final = ("cluster_requests", "Sessions that were connected to a cluster")
SESSION_BYTES: Final = ("session_byte_counter", "Bytes that a session has passed through a Metric cluster")
SESSION_PACKETS: Final = (
    "session_packet_counter",
    "Messages that a session has passed through a Metric cluster",
)


def declare(stats: Stats) -> None:
    """Export all of them, before anything is counted."""
    stats.declare(Counter, *LISTENER_REQUESTS, ("listenerName", "protocol"))
    stats.declare(Counter, *CLUSTER_REQUESTS, ("clusterName", "protocol"))
    stats.declare(Counter, *SESSION_BYTES, ("sessionName", "clusterName"))
    stats.declare(Counter, *SESSION_PACKETS, ("sessionName", "clusterName"))


def listener_requests(stats: Stats, listener: str, protocol: str) -> Counter:
    """listener_requests_total."""
    return stats.counter(*LISTENER_REQUESTS, listenerName=listener, protocol=protocol)


def cluster_requests(stats: Stats, cluster: str, protocol: str) -> Counter:
    """cluster_requests_total."""
    return stats.counter(*CLUSTER_REQUESTS, clusterName=cluster, protocol=protocol)


def session_bytes(stats: Stats, session: str, cluster: str) -> Counter:
    """session_byte_counter_total; forget it with the session."""
    return stats.counter(*SESSION_BYTES, sessionName=session, clusterName=cluster)


def session_packets(stats: Stats, session: str, cluster: str) -> Counter:
    """session_packet_counter_total; forget it with the session."""
    return stats.counter(*SESSION_PACKETS, sessionName=session, clusterName=cluster)

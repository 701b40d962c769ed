"""Why a session, a leg or a direction ended: one vocabulary for every protocol.

Each protocol's codec alone knows how a reason looks on its wire; the access log prints the flag.
Source: Envoy `%RESPONSE_FLAGS%` (access log documentation), L7mp event messages.
"""

from __future__ import annotations

from enum import Enum


class Side(Enum):
    """Whose doing it was."""

    DOWN = "downstream"
    UP = "upstream"
    US = "proxy"


class Reason(Enum):
    """Cause of an ending: `(flag, side, may_retry, text)`.

    `flag` is Envoy's response flag ("-" when Envoy has none), `may_retry` says that another endpoint may do
    better, and `text` is what an event log or a local reply shows.
    """

    OK = ("-", Side.US, False, "Normal end")
    DOWNSTREAM_RESET = ("DC", Side.DOWN, False, "Downstream connection termination")
    DOWNSTREAM_PROTOCOL = ("DPE", Side.DOWN, False, "Downstream protocol error")
    REQUEST_TOO_LARGE = ("-L", Side.DOWN, False, "Request too large")
    REQUEST_TIMEOUT = ("DT", Side.DOWN, False, "Downstream did not send a request in time")
    CONNECT_FAILED = ("UF", Side.UP, True, "Connection failed")
    CONNECT_TIMEOUT = ("UF-T", Side.UP, True, "Connection timed out")
    UPSTREAM_RESET = ("UC", Side.UP, True, "Upstream connection termination")
    UPSTREAM_PROTOCOL = ("UPE", Side.UP, False, "Upstream protocol error")
    UPSTREAM_TIMEOUT = ("UT", Side.UP, True, "Upstream did not answer in time")
    NO_ROUTE = ("NR", Side.US, False, "No route for session")
    NO_CLUSTER = ("NC", Side.US, True, "No such cluster")
    NO_ENDPOINT = ("UH", Side.US, True, "No endpoint in cluster")
    OVERFLOW = ("UO", Side.US, False, "Queue or connection limit reached")
    NOT_ADAPTABLE = ("NA", Side.US, False, "Source and destination can not be piped together")
    IDLE_TIMEOUT = ("SI", Side.US, False, "Session idle timeout")
    TRANSFORM_FAULT = ("TF", Side.US, False, "A transform failed")
    DELETED = ("AD", Side.US, False, "Session removed from the API")
    LISTENER_DELETED = ("AL", Side.US, False, "Listener deleted from API")
    CLUSTER_DELETED = ("AC", Side.US, False, "Traversed Cluster deleted from API")
    ENDPOINT_DELETED = ("AE", Side.US, True, "Endpoint deleted from API")
    FORBIDDEN = ("UAEX", Side.US, False, "Access denied")
    SHUTDOWN = ("SD", Side.US, False, "Proxy is shutting down")

    def __init__(self, flag: str, side: Side, may_retry: bool, text: str) -> None:  # noqa: FBT001
        self.flag = flag
        self.side = side
        self.may_retry = may_retry
        self.text = text

"""A session as the API, the access log and the command line see it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from l7mp_mesh.model.endpoints import Endpoint
from l7mp_mesh.model.protocol import ProtocolUse
from l7mp_mesh.model.rules import Route
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.ports.attributes import Attributes, Tree


class SessionStatus(Enum):
    """L7mp session status."""

    INIT = "INIT"
    CONNECTED = "CONNECTED"
    FINALIZING = "FINALIZING"
    DESTROYED = "DESTROYED"


class StageStatus(Enum):
    """L7mp stage status."""

    PENDING = "PENDING"
    INIT = "INIT"
    CONNECTED = "CONNECTED"
    READY = "READY"
    DISCONNECTED = "DISCONNECTED"
    RETRYING = "RETRYING"
    END = "END"


@dataclass(frozen=True, slots=True)
class Traffic:
    """What passed a point in one direction."""

    bytes: int = 0
    messages: int = 0
    """Messages of a MESSAGE flow; chunks, as read, of a STREAM or an HTTP body."""


@dataclass(frozen=True, slots=True)
class StageRecord:
    """One stage of a session's path."""

    origin: str
    """Name of the listener, transform or cluster."""
    status: StageStatus
    endpoint: Endpoint | None = None
    """Where its leg goes; None for the source, and when there is none (any more)."""
    passed: Traffic = Traffic()
    """What left this stage towards the next one: for the source what it emitted, for every other stage what
    came back from its leg."""


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of a session's event log."""

    event: str
    """INIT, LOOKUP SUCCESS, CONNECT, DISCONNECT, REROUTE, ERROR, END or DESTROY."""
    timestamp: float
    """Seconds since the epoch."""
    message: str
    content: str = ""


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """Everything that can be said about a session at one moment; built when asked for."""

    name: str
    listener: str
    protocol: ProtocolUse
    """The listener's protocol and options."""
    metadata: Tree
    status: SessionStatus
    route: Route | None
    """The route in force; None before the look-up."""
    source: StageRecord
    destination: StageRecord | None
    ingress: tuple[StageRecord, ...]
    egress: tuple[StageRecord, ...]
    events: tuple[Event, ...]
    received: Traffic
    """From the client."""
    sent: Traffic
    """To the client."""
    dropped: int
    """Messages lost at a bounded queue."""
    loses_boundaries: bool
    """True when messages are piped into a byte stream somewhere on the path."""
    started: float
    """Seconds since the epoch."""
    ended: float | None = None


class RerouteFailed(Exception):
    """A live session could not be moved; it goes on as before. `status` is the HTTP status for the API."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.why = why


class SessionView(ABC):
    """A live or just ended session, read field by field: what an access-log line is made of.

    The attributes are plain so that a compiled format costs a load each.
    """

    __slots__ = ()

    attributes: Attributes
    started: float
    """Seconds since the epoch."""
    duration: float
    """Seconds from the first verb to the end; 0.0 while it lives."""
    first_byte: float
    """Seconds until the first byte of the answer, or -1.0."""
    received_bytes: int
    sent_bytes: int
    status_code: int
    """HTTP status sent to the client, 0 when there was none."""
    reason: Reason
    detail: str
    """More about the reason, "" without."""
    route_name: str
    cluster_name: str
    endpoint_address: str
    """"1.2.3.4:80", or "" when no endpoint was reached."""


class Inventory(ABC):
    """All sessions, for the control plane."""

    @abstractmethod
    def records(self) -> list[SessionRecord]:
        """Live and tracked sessions, oldest first."""

    @abstractmethod
    def record(self, name: str) -> SessionRecord | None:
        """The session called `name` (the newest, should a tracked one have had the same name)."""

    @abstractmethod
    def remove(self, name: str, reason: Reason) -> bool:
        """End a session; False when there is none of that name alive."""

    @abstractmethod
    async def reroute(self, name: str, route: Route) -> None:
        """Move a live session, make before break. Raises RerouteFailed (404 unknown, 409 not movable,
        503 when the new path can not be connected)."""

    @abstractmethod
    def when_over(self, name: str, call: Callable[[], None]) -> bool:
        """Call once, when the live session called `name` has ended; False when there is none."""

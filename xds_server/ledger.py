"""Who was sent what, and what they said to it."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from json import dumps
from types import MappingProxyType

KEPT_ENTRIES = 10_000
"""Older entries are forgotten."""
KEPT_STATES = 10_000
"""Pairs of node and type whose last answer is remembered; the longest unheard of go first."""


class Event(StrEnum):
    """What happened on a stream."""

    OPENED = "OPENED"
    SENT = "SENT"
    ACK = "ACK"
    NACK = "NACK"
    CLOSED = "CLOSED"


@dataclass(frozen=True, slots=True)
class Entry:
    """One event. `type` is the short name; OPENED and CLOSED have none, and no version or nonce."""

    time: datetime
    node: str
    event: Event
    type: str = ""
    version: str = ""
    """Version of the response that was sent, acknowledged or refused."""
    nonce: str = ""
    detail: str = ""
    """The client's reason for a NACK; the resource count of what was SENT; why a stream CLOSED."""

    def __str__(self) -> str:
        parts = [
            self.time.isoformat(timespec="milliseconds"),
            self.node or "-",
            self.type,
            self.version,
            self.event,
        ]
        line = " ".join(part for part in parts if part)
        # A client's message may span lines; the ledger has one line per event.
        return f"{line}: {' '.join(self.detail.split())}" if self.detail else line

    def json(self) -> str:
        """The same as one line of JSON."""
        fields = asdict(self) | {"time": self.time.isoformat(timespec="milliseconds")}
        return dumps({key: value for key, value in fields.items() if value})


@dataclass(frozen=True, slots=True)
class State:
    """What one node said last about one type."""

    sent_version: str = ""
    sent_nonce: str = ""
    acked_version: str = ""
    """Version of the last acknowledged response."""
    nack: Entry | None = None
    """The last refusal, until a newer response is acknowledged."""


def _now() -> datetime:
    return datetime.now(UTC)


class Ledger:
    """Bounded record of events, and the last state per node and type."""

    def __init__(
        self, listener: Callable[[Entry], None] | None = None, now: Callable[[], datetime] = _now
    ) -> None:
        """`listener` is called with each new entry."""
        self._listener = listener
        self._now = now
        self._entries: deque[Entry] = deque(maxlen=KEPT_ENTRIES)
        self._states: OrderedDict[tuple[str, str], State] = OrderedDict()

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The newest entries, oldest first."""
        return tuple(self._entries)

    @property
    def states(self) -> Mapping[tuple[str, str], State]:
        """State by (node id, short type name)."""
        return MappingProxyType(self._states)

    def state(self, node: str, short: str) -> State:
        """The last state of a node and type; an empty one if nothing is known."""
        return self._states.get((node, short), State())

    def record(
        self, node: str, event: Event, kind: str = "", *, version: str = "", nonce: str = "", detail: str = ""
    ) -> Entry:
        """Add an entry, now."""
        entry = Entry(self._now(), node, event, kind, version, nonce, detail)
        self._entries.append(entry)
        if kind:
            self._remember(entry)
        if self._listener:
            self._listener(entry)
        return entry

    def _remember(self, entry: Entry) -> None:
        key = (entry.node, entry.type)
        state = self._states.pop(key, State())
        match entry.event:
            case Event.SENT:
                state = replace(state, sent_version=entry.version, sent_nonce=entry.nonce)
            case Event.ACK:
                state = replace(state, acked_version=entry.version, nack=None)
            case Event.NACK:
                state = replace(state, nack=entry)
            case Event.OPENED | Event.CLOSED:
                pass
        self._states[key] = state
        if len(self._states) > KEPT_STATES:
            self._states.popitem(last=False)

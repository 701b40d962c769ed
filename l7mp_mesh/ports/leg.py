"""A leg: one two-sided flow end, accepted, opened, or spliced into the middle."""

from __future__ import annotations

from abc import ABC, abstractmethod

from l7mp_mesh.pipe.kind import Kind
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.pipe.verbs import Sink

__all__ = ["Kind", "Leg"]


class Leg(ABC):
    """One end of a flow.

    A leg starts silent: nothing is emitted before `start`, and its first verb is then `open`. Writing to
    `sink` is legal after the leg exists; its owner says `sink.open(head, valve)` first.
    """

    __slots__ = ()

    kind: Kind
    message_limit: int = 1 << 20
    """Longest message in bytes that `sink` takes, for MESSAGE legs; longer chunks of a stream are split."""

    @property
    @abstractmethod
    def sink(self) -> Sink:
        """Where to write in order to reach this leg's peer."""

    @abstractmethod
    def start(self, into: Sink) -> None:
        """Begin to emit into `into`; called once."""

    @abstractmethod
    def close(self, reason: Reason) -> None:
        """Give up both directions. Idempotent; emits nothing any more.

        Reason.OK flushes what was written before it closes; any other reason may drop it.
        """

    @property
    def is_stale(self) -> bool:
        """True when its connection had borne others before, and was lost without a byte for this one.

        Most likely the peer had closed it already: what was said may be said again on a fresh connection, if
        doing it twice does no harm (RFC 9110 section 9.2.2).
        """
        return False

    def fileno(self) -> int | None:
        """Kernel socket, when bytes may bypass user space."""
        return None

"""Idle carriers by endpoint: which one bears the next leg, and when one is let go.

The pool never waits and never connects. A carrier is in it exactly while it has room; whoever makes a
carrier introduces it with `add`, the carrier reports every change itself.
"""

from __future__ import annotations

from l7mp_mesh.model.endpoints import Endpoint
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.ports.layer import Carrier

IDLE_LIMIT = 1024
"""Idle carriers kept per endpoint."""


class Idle:
    """The carriers of one endpoint that have room; the one used last is taken first."""

    __slots__ = ("_since", "carriers")

    def __init__(self) -> None:
        self.carriers: list[Carrier] = []
        self._since: dict[Carrier, int] = {}

    def changed(self, carrier: Carrier) -> None:
        """A carrier has got room, or is closed."""
        if carrier.is_closed():
            self.forget(carrier)
        elif carrier not in self._since:
            if len(self.carriers) >= IDLE_LIMIT:
                carrier.close(Reason.OK)
                return
            self.carriers.append(carrier)
            self._since[carrier] = 0

    def take(self) -> Carrier | None:
        """A carrier with room; it stays here if it has room for more."""
        while self.carriers:
            carrier = self.carriers[-1]
            if carrier.is_closed():
                self.forget(carrier)
                continue
            if carrier.room() <= 1:
                self.carriers.pop()
                del self._since[carrier]
            return carrier
        return None

    def forget(self, carrier: Carrier) -> None:
        """It will not come back."""
        if self._since.pop(carrier, None) is not None:
            self.carriers.remove(carrier)

    def sweep(self, most: int) -> None:
        """Close what was idle for more than `most` sweeps."""
        for carrier in list(self.carriers):
            self._since[carrier] += 1
            if self._since[carrier] > most:
                self.forget(carrier)
                carrier.close(Reason.OK)

    def close(self, reason: Reason) -> None:
        """Close every idle carrier."""
        carriers, self.carriers = self.carriers, []
        self._since.clear()
        for carrier in carriers:
            carrier.close(reason)


class Pool:
    """All carriers of a cluster."""

    __slots__ = ("_idle", "_is_closed")

    def __init__(self) -> None:
        self._idle: dict[Endpoint, Idle] = {}
        self._is_closed = False

    def take(self, endpoint: Endpoint) -> Carrier | None:
        """A carrier to `endpoint` with room, if there is one."""
        idle = self._idle.get(endpoint)
        return None if idle is None else idle.take()

    def add(self, endpoint: Endpoint, carrier: Carrier) -> None:
        """Take in a new carrier, whose first leg is already borne."""
        if self._is_closed:
            carrier.on_change(_close_when_free)
            return
        idle = self._idle.get(endpoint)
        if idle is None:
            idle = self._idle[endpoint] = Idle()
        carrier.on_change(idle.changed)

    def sweep(self, most: int) -> None:
        """One round of the idle clock; see `Idle.sweep`."""
        for idle in self._idle.values():
            idle.sweep(most)

    def retain(self, endpoints: tuple[Endpoint, ...]) -> None:
        """Endpoints not among these are gone: no new legs there, busy carriers finish and close."""
        for endpoint in list(self._idle):
            if endpoint not in endpoints:
                idle = self._idle.pop(endpoint)
                idle.close(Reason.OK)

    def close(self) -> None:
        """The cluster is gone: idle carriers close now, busy ones when they are free."""
        self._is_closed = True
        self.retain(())


def _close_when_free(carrier: Carrier) -> None:
    if not carrier.is_closed() and carrier.room():
        carrier.close(Reason.OK)

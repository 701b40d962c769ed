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

    __slots__ = ("_is_gone", "_sweeps")

    def __init__(self) -> None:
        self._is_gone = False
        self._sweeps: dict[Carrier, int] = {}
        """How many sweeps each has been idle for; the one used last is the last."""

    def changed(self, carrier: Carrier) -> None:
        """A carrier has got room, or is closed."""
        if carrier.is_closed():
            self.forget(carrier)
        elif self._is_gone:
            _close_when_free(carrier)
        elif carrier not in self._sweeps:
            if len(self._sweeps) >= IDLE_LIMIT:
                carrier.close(Reason.OK)
                return
            self._sweeps[carrier] = 0

    def take(self) -> Carrier | None:
        """A carrier with room; it stays here if it has room for more."""
        while self._sweeps:
            carrier, _ = self._sweeps.popitem()
            room = carrier.room()
            if room > 1:
                self._sweeps[carrier] = 0
            if room:
                return carrier
        return None

    def forget(self, carrier: Carrier) -> None:
        """It will not come back."""
        self._sweeps.pop(carrier, None)

    def sweep(self, most: int) -> None:
        """Close what was idle for more than `most` sweeps."""
        for carrier, sweeps in list(self._sweeps.items()):
            if sweeps < most:
                self._sweeps[carrier] = sweeps + 1
            else:
                self.forget(carrier)
                carrier.close(Reason.OK)

    def close(self, reason: Reason) -> None:
        """The endpoint is gone: close every idle carrier now, and busy ones when they come back."""
        self._is_gone = True
        carriers = list(self._sweeps)
        self._sweeps.clear()
        for carrier in carriers:
            carrier.close(reason)


class Pool:
    """All carriers of a cluster."""

    __slots__ = ("_idle", "_retained")

    def __init__(self) -> None:
        self._idle: dict[Endpoint, Idle] = {}
        self._retained: frozenset[Endpoint] | None = None
        """The endpoints that there are; None until `retain` has said it."""

    def take(self, endpoint: Endpoint) -> Carrier | None:
        """A carrier to `endpoint` with room, if there is one."""
        idle = self._idle.get(endpoint)
        return None if idle is None else idle.take()

    def add(self, endpoint: Endpoint, carrier: Carrier) -> None:
        """Take in a new carrier, whose first leg is already borne."""
        if self._retained is not None and endpoint not in self._retained:
            # The endpoint went away while the connection was made.
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
        self._retained = frozenset(endpoints)
        for endpoint in list(self._idle):
            if endpoint not in self._retained:
                idle = self._idle.pop(endpoint)
                idle.close(Reason.OK)

    def close(self) -> None:
        """The cluster is gone: idle carriers close now, busy ones when they are free."""
        self.retain(())


def _close_when_free(carrier: Carrier) -> None:
    if not carrier.is_closed() and carrier.room():
        carrier.close(Reason.OK)

"""What protocols implement: acceptors and connectors at the bottom, layers above them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TypeAlias

from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.ports.attributes import Attributes
from l7mp_mesh.ports.leg import Leg

Accept: TypeAlias = Callable[[Leg, Attributes], None]
"""Takes a new leg; called in the turn in which it appeared, before anything was emitted."""


class BindFailed(Exception):
    """An address could not be bound: `detail` says which and why (EADDRINUSE, ENOENT, ...)."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class ConnectFailed(Exception):
    """A leg could not be opened; `reason` decides about a retry, `detail` is for people."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class Acceptor(ABC):
    """A bound address that emits legs."""

    refused: Callable[[], None] | None = None
    """Told of every leg that was not emitted because there were too many."""

    @abstractmethod
    async def bind(self) -> None:
        """Take the address. Raises BindFailed, so that REST and xDS can report it."""

    @abstractmethod
    async def serve(self, accept: Accept) -> None:
        """Begin to accept; returns when legs can appear."""

    @abstractmethod
    def stop(self) -> None:
        """Release the address: no new legs; those that exist live on. Idempotent.

        `bind` and `serve` may follow, and take the same address, a port that the system chose included.
        """

    @property
    @abstractmethod
    def address(self) -> str:
        """What is bound, for listings: "127.0.0.1:8080", "[::1]:53", or a path."""

    @property
    def port(self) -> int:
        """The bound port (useful with port 0), 0 when there is none."""
        return 0

    def refuse(self) -> None:
        """A leg more than there may be: tell `refused`."""
        if self.refused is not None:
            self.refused()


class Layer(ABC):
    """A protocol that stands on another one."""

    @abstractmethod
    def accept(self, lower: Leg, attributes: Attributes, emit: Accept) -> None:
        """Downstream: turn one accepted leg into any number of higher ones."""

    @abstractmethod
    async def connect(self, lower: Leg, attributes: Attributes) -> Leg:
        """Upstream: handshake over `lower`. Raises ConnectFailed and closes `lower` if that fails."""

    def drain(self) -> None:  # noqa: B027 - most layers have nothing to do
        """Downstream: the listener has stopped; end accepted connections as soon as they have nothing to do.

        Idempotent. A layer whose connections end with their one leg has nothing to do.
        """


class Carrier(ABC):
    """An upstream connection that bears legs: HTTP/1 one after the other, HTTP/2 many at once."""

    @abstractmethod
    def room(self) -> int:
        """How many more legs it can bear right now."""

    @abstractmethod
    def bear(self, attributes: Attributes) -> Leg:
        """A new leg on this connection; only while `room() > 0`."""

    @abstractmethod
    def is_closed(self) -> bool:
        """True once it will never have room again."""

    @abstractmethod
    def close(self, reason: Reason) -> None:
        """Close the connection; legs on it are aborted with `reason`."""

    @abstractmethod
    def on_change(self, notify: Callable[[Carrier], None]) -> None:
        """Call `notify` whenever room appears or the carrier closes. One listener: the pool."""


class Multiplexer(Layer):
    """A layer whose upstream connections are shared by legs."""

    @abstractmethod
    async def carry(self, lower: Leg) -> Carrier:
        """Make `lower` a carrier. Raises ConnectFailed and closes `lower` if that fails."""

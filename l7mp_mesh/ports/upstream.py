"""How sessions see clusters, and clusters see protocols."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Container, Iterator

from l7mp_mesh.model.endpoints import Endpoint
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.ports.attributes import Attributes
from l7mp_mesh.ports.leg import Kind, Leg


class Connector(ABC):
    """Opens legs to endpoints of one cluster."""

    @abstractmethod
    async def connect(self, endpoint: Endpoint, attributes: Attributes) -> Leg:
        """Raises ConnectFailed. Cancelling closes whatever was half open."""


class LoadBalancer(ABC):
    """Order in which the endpoints of one EndpointSet are tried; immutable: new set, new balancer."""

    @abstractmethod
    def candidates(self, attributes: Attributes) -> Iterator[Endpoint]:
        """Endpoints, best first, each at most once; a retry takes the next."""

    def choose(self, attributes: Attributes) -> Endpoint | None:
        """The best alone: the first of `candidates`."""
        return next(self.candidates(attributes), None)


class Lease(ABC):
    """A leg borrowed from a cluster."""

    __slots__ = ()

    leg: Leg
    endpoint: Endpoint

    @abstractmethod
    def give_back(self, reason: Reason) -> None:
        """The session is done with it. Idempotent; closes the leg with `reason`.

        A carrier whose exchange is complete stays in the pool.
        """


class Upstream(ABC):
    """A cluster as a session sees it."""

    name: str
    kind: Kind

    @property
    @abstractmethod
    def is_retriable(self) -> bool:
        """False for clusters that can not be connected to a second time (L7mp `retriable`)."""

    @abstractmethod
    def lease(self, attributes: Attributes) -> Lease | None:
        """A leg at once, or None when something must be waited for."""

    @abstractmethod
    async def open(
        self,
        attributes: Attributes,
        *,
        within: float,
        avoid: Container[Endpoint] = (),
        is_fresh: bool = False,
    ) -> Lease:
        """A leg, waiting at most `within` seconds; `avoid` holds the endpoints that failed.

        With `is_fresh` its connection is a new one.
        Raises ConnectFailed (NO_ENDPOINT, CONNECT_FAILED, CONNECT_TIMEOUT, ...).
        """

    def count(self, received: int, sent: int, received_messages: int, sent_messages: int) -> None:  # noqa: B027
        """A session that had this cluster for its destination is over: what it has passed."""

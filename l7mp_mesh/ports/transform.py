"""What a transform may ask for while it handles an exchange."""

from __future__ import annotations

from abc import ABC, abstractmethod

from l7mp_mesh.pipe.head import ResponseHead
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.pipe.verbs import Stage
from l7mp_mesh.ports.attributes import Attributes


class ExchangeHandle(ABC):
    """The exchange, as one of its stages sees it."""

    __slots__ = ()

    @property
    @abstractmethod
    def attributes(self) -> Attributes:
        """What is known about the request."""

    @abstractmethod
    def reply(self, head: ResponseHead, body: bytes) -> None:
        """Answer in place of the upstream, through every response stage. Ignored once an answer has begun."""

    @abstractmethod
    def reset(self, reason: Reason) -> None:
        """Give the exchange up."""


class ExchangeStage(Stage):
    """An inline transform that may answer by itself; `exchange` is set before its first verb.

    It is None in sessions that are no HTTP exchange.
    """

    __slots__ = ("exchange",)

    def __init__(self) -> None:
        super().__init__()
        self.exchange: ExchangeHandle | None = None

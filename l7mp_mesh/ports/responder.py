"""Programs inside the proxy that answer requests: the REST controller, the Prometheus responder."""

from __future__ import annotations

from abc import ABC, abstractmethod

from l7mp_mesh.pipe.head import RequestHead, ResponseHead
from l7mp_mesh.ports.attributes import Attributes


class Responder(ABC):
    """Answers whole requests."""

    limit: int = 4 << 20
    """Longest request body in bytes; beyond it the request is refused with 413 before `answer` is called."""

    @abstractmethod
    async def answer(
        self, request: RequestHead, body: bytes, attributes: Attributes
    ) -> tuple[ResponseHead, bytes]:
        """The response; `length` of the head is set by the caller. Must not raise."""

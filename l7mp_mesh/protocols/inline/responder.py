"""Clusters behind which a program of the proxy itself answers: the REST controller, Prometheus."""

from __future__ import annotations

import asyncio
import ipaddress
from dataclasses import dataclass, field

from l7mp_mesh.io.tasks import spawn
from l7mp_mesh.model.endpoints import Endpoint
from l7mp_mesh.model.options import option
from l7mp_mesh.pipe.head import RequestHead
from l7mp_mesh.pipe.kind import Kind
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.ports.attributes import Attributes, Peer
from l7mp_mesh.ports.environment import Environment
from l7mp_mesh.ports.layer import ConnectFailed
from l7mp_mesh.ports.leg import Leg
from l7mp_mesh.ports.responder import Responder
from l7mp_mesh.ports.upstream import Connector
from l7mp_mesh.protocols.inline.answering import AnsweringLeg, problem
from l7mp_mesh.protocols.inline.origin import fault_of_origin

ANSWER_TIMEOUT = 60.0
"""Seconds for an answer: a change of the configuration may wait for others before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ControllerOptions:
    """Who may reach the REST API."""

    public: bool = field(
        default=False,
        metadata=option(
            doc="Answer requests to addresses other than loopback, and under any Host and Origin, too."
        ),
    )


class ResponderConnector(Connector):
    """Legs to the responder called `name` in the environment.

    Unless `is_public`, requests that did not come in through loopback or a UNIX socket get 403, and so do
    those that a browser sends for a foreign page; with `http_only`, a session of another kind is refused.
    """

    def __init__(self, name: str, environment: Environment, *, is_public: bool, http_only: bool) -> None:
        self._name = name
        self._environment = environment
        self._is_public = is_public
        self._http_only = http_only

    async def connect(self, endpoint: Endpoint, attributes: Attributes) -> Leg:
        responder = self._environment.responders.get(self._name)
        if responder is None:
            raise ConnectFailed(Reason.NO_ENDPOINT, f"{self._name} does not run in this proxy")
        if self._http_only and attributes.kind not in (None, Kind.EXCHANGE):
            raise ConnectFailed(Reason.NOT_ADAPTABLE, f"{self._name} is reached through HTTP only")
        if self._is_public or attributes.peer.transport == "UNIX":
            return ResponderLeg(responder, attributes)
        if is_local(attributes.peer):
            return GuardedLeg(responder, attributes)
        return ForbiddenLeg(f"{self._name} answers on loopback addresses only")


class ForbiddenLeg(AnsweringLeg):
    """Answers 403."""

    __slots__ = ("_why",)

    def __init__(self, why: str) -> None:
        super().__init__(None)
        self._why = why

    def asked(self, request: RequestHead, body: bytes) -> None:
        self.answer(*problem(403, self._why))


class ResponderLeg(AnsweringLeg):
    """Puts one request to a responder; the task ends with the leg."""

    __slots__ = ("_attributes", "_responder", "_task")

    def __init__(self, responder: Responder, attributes: Attributes) -> None:
        super().__init__(responder.limit)
        self._responder = responder
        self._attributes = attributes
        self._task: asyncio.Task[None] | None = None

    def asked(self, request: RequestHead, body: bytes) -> None:
        self._task = spawn("responder", self._respond(request, body))

    def close(self, reason: Reason) -> None:
        super().close(reason)
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _respond(self, request: RequestHead, body: bytes) -> None:
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT):
                answer = await self._responder.answer(request, body, self._attributes)
            # The answer ends the session, which closes this leg: the task must not be cancelled by itself.
            self._task = None
            self.answer(*answer)
        except TimeoutError:
            self.answer(*problem(504, f"No answer within {ANSWER_TIMEOUT:g} s"))
        finally:
            self.answer(*problem(500, "No answer"))


class GuardedLeg(ResponderLeg):
    """Answers 403 to what a foreign page had a browser send."""

    __slots__ = ()

    def asked(self, request: RequestHead, body: bytes) -> None:
        fault = fault_of_origin(request)
        if fault:
            self.answer(*problem(403, fault))
        else:
            super().asked(request, body)


def is_local(peer: Peer) -> bool:
    """True when the address that was connected to can not be reached from another machine."""
    if peer.transport == "UNIX":
        return True
    try:
        address = ipaddress.ip_address(peer.local_address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped.is_loopback
    return address.is_loopback

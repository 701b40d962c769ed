"""The client's side of an aggregated discovery stream, without the stream.

    per type:  UNASKED ─request→ ASKED ─response→ ANSWERING ─done: ACK or NACK→ ASKED
                  any ─connect→ UNASKED (subscriptions and accepted versions are kept)

A change of subscription is sent at once with the latest nonce, except while a response of that type is being
applied: its ACK then carries the new names. Every response is answered exactly once, after it was applied.
"""

from __future__ import annotations

from google.protobuf.message import Message

from l7mp_mesh import api
from l7mp_mesh.control.xds.encoding import Delivery, Encoding
from l7mp_mesh.control.xds.resource_type import ResourceType
from l7mp_mesh.control.xds.subscription import Subscription

MAX_PROBLEM = 4096
"""Longest text of a NACK in characters."""


class Stream:
    """Turns subscriptions and outcomes into requests; `requests` gives those to be sent."""

    def __init__(self, node: Message, encoding: Encoding) -> None:
        self._node = node
        self._encoding = encoding
        self._types: dict[ResourceType, Subscription] = {}
        self._is_connected = False
        self._is_introduced = False
        self._requests: list[Message] = []

    def connect(self) -> None:
        """A new stream was opened: say who we are, and ask for everything again."""
        self.disconnect()
        self._is_connected = True
        self._is_introduced = False
        for type_ in ResourceType:
            if type_ in self._types:
                self._ask(type_)

    def disconnect(self) -> None:
        """The stream is gone; subscriptions wait for the next one."""
        self._is_connected = False
        self._requests.clear()
        for state in self._types.values():
            state.restart()

    def subscribe(self, type_: ResourceType, names: frozenset[str] | None) -> None:
        """From now on these resources are wanted, None for all; nothing is sent if that is no news."""
        state = self._types.get(type_)
        if state is None:
            state = self._types[type_] = Subscription(names)
        elif state.names == names:
            return
        state.names = names
        if self._is_connected and not state.is_answering:
            self._ask(type_)

    def receive(self, response: api.Proto) -> Delivery | None:
        """What must be applied and then reported with `done`; None if there is nothing to do."""
        delivery = self._encoding.delivery(response)
        state = self._types.get(delivery.type) if delivery is not None else None
        if delivery is None or state is None or not state.is_asked:
            return None
        state.nonce = delivery.nonce
        state.is_answering = True
        return delivery

    def done(self, delivery: Delivery, problem: str | None) -> None:
        """A delivery was applied: acknowledge it, or refuse it because of `problem`.

        One of an earlier stream is not answered any more, but its version counts.
        """
        state = self._types[delivery.type]
        if problem is None:
            state.version = delivery.version
        if state.is_answering and state.nonce == delivery.nonce:
            state.is_answering = False
            self._ask(delivery.type, problem[:MAX_PROBLEM] if problem is not None else None)

    def requests(self) -> list[Message]:
        """What is to be sent now, in this order; each is given once."""
        taken, self._requests = self._requests, []
        return taken

    def version(self, type_: ResourceType) -> str:
        """The version accepted last, "" if there is none."""
        state = self._types.get(type_)
        return state.version if state is not None else ""

    def names(self, type_: ResourceType) -> frozenset[str] | None:
        """What is asked for, None for everything."""
        state = self._types.get(type_)
        return state.names if state is not None else frozenset()

    def _ask(self, type_: ResourceType, problem: str | None = None) -> None:
        state = self._types[type_]
        if not state.is_worth_asking:
            return
        state.is_asked = True
        request: api.Proto = self._encoding.request(type_, state, problem)
        if not self._is_introduced:
            self._is_introduced = True
            request.node.CopyFrom(self._node)
        self._requests.append(request)

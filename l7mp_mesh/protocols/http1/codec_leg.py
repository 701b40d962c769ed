"""What stands around a connection with a client: its siblings, and what a session holds of an exchange."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from l7mp_mesh.pipe.head import RequestHead
from l7mp_mesh.pipe.kind import Kind
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.pipe.relay import Relay
from l7mp_mesh.pipe.verbs import OPEN_VALVE, Sink, Valve
from l7mp_mesh.ports.leg import Leg
from l7mp_mesh.protocols.http1.codec_response import ResponseSink

if TYPE_CHECKING:
    from l7mp_mesh.protocols.http1.codec import ServerCodec


class Connections:
    """The accepted connections of one layer: those that are open, and the numbers of their sessions."""

    __slots__ = ("are_draining", "open", "serials")

    def __init__(self) -> None:
        self.open: set[ServerCodec] = set()
        self.serials = count()
        self.are_draining = False
        """Every answer that begins is its connection's last."""

    def drain(self) -> None:
        """Close what is idle, and everything else with the answer it is waiting for."""
        self.are_draining = True
        for codec in tuple(self.open):
            codec.drain()


class RequestValve(Relay):
    """Valve of a request body; its opening invites a client that waits for 100 (Continue)."""

    __slots__ = ("_codec",)

    def __init__(self, lower: Valve, codec: ServerCodec) -> None:
        super().__init__(lower)
        self._codec: ServerCodec | None = codec

    def resume(self) -> None:
        super().resume()
        if self._codec is not None and not self.is_held:
            self._codec.invite()

    def let_go(self) -> None:
        self._codec = None
        super().let_go()


class ExchangeLeg(Leg):
    """One request and its response, as the session sees them."""

    __slots__ = ("_codec", "_head", "_response")

    kind = Kind.EXCHANGE

    def __init__(self, codec: ServerCodec, head: RequestHead, response: ResponseSink) -> None:
        self._codec = codec
        self._head = head
        self._response = response

    @property
    def sink(self) -> Sink:
        return self._response

    def start(self, into: Sink) -> None:
        if self._response.is_linked:
            self._codec.start(self._head, into)
        else:
            into.open(self._head, OPEN_VALVE)
            into.abort(Reason.DOWNSTREAM_RESET)

    def close(self, reason: Reason) -> None:
        if self._response.is_linked:
            self._codec.close(reason)

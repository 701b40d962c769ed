"""An HTTP/1 layer between a played client or server and the test."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TypeVar

from support.clock import FakeClock
from support.leg import FakeLeg
from support.pipe import Recorder

from l7mp_mesh.pipe.head import UNKNOWN_LENGTH, RequestHead, ResponseHead, Trailers
from l7mp_mesh.pipe.headers import Headers
from l7mp_mesh.pipe.verbs import OPEN_VALVE
from l7mp_mesh.ports.attributes import Attributes, Peer
from l7mp_mesh.ports.layer import Carrier
from l7mp_mesh.ports.leg import Leg
from l7mp_mesh.protocols.http1.layer import Http1Layer
from l7mp_mesh.protocols.http1.options import Http1Options

PEER = Peer("TCP", "192.0.2.1", 4000, "192.0.2.2", 80)
Fields = list[tuple[bytes, bytes]]


def response(status: int = 200, length: int = 0, fields: Fields | None = None) -> ResponseHead:
    return ResponseHead(status, Headers(fields or []), length)


T = TypeVar("T")


def at_once(coro: Coroutine[object, object, T]) -> T:
    """The result of a coroutine that waits for nothing."""
    try:
        coro.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("it waits")


class Down:
    """The server side: the test is the client; `legs` are the exchanges, each started into a Recorder."""

    def __init__(self, options: Http1Options | None = None, *, starts: bool = True) -> None:
        self.clock = FakeClock()
        self.lower = FakeLeg()
        self.legs: list[Leg] = []
        self.attributes: list[Attributes] = []
        self.requests: list[Recorder] = []
        self._starts = starts
        self.layer = Http1Layer(options or Http1Options(), self.clock)
        self.layer.accept(self.lower, Attributes("web", "HTTP", PEER, -1), self._emitted)

    def _emitted(self, leg: Leg, attributes: Attributes) -> None:
        self.legs.append(leg)
        self.attributes.append(attributes)
        self.requests.append(Recorder())
        if self._starts:
            leg.start(self.requests[-1])

    def feed(self, *reads: bytes) -> None:
        for read in reads:
            self.lower.feed(read)

    def answer(self, head: ResponseHead, *body: bytes, trailers: Fields | None = None) -> bytes:
        """Answer the newest exchange; what the client got."""
        sink = self.legs[-1].sink
        sink.open(head, OPEN_VALVE)
        for chunk in body:
            sink.data(chunk, 0)
        sink.end(None if trailers is None else Trailers(Headers(trailers)))
        return self.lower.take()


class Up:
    """The client side: the test is the server; `ask` begins an exchange."""

    def __init__(self, options: Http1Options | None = None) -> None:
        self.lower = FakeLeg()
        self.changes: list[tuple[int, bool]] = []
        layer = Http1Layer(options or Http1Options(), FakeClock())
        self.carrier = at_once(layer.carry(self.lower))
        self.carrier.on_change(self._changed)

    def _changed(self, carrier: Carrier) -> None:
        self.changes.append((carrier.room(), carrier.is_closed()))

    def bear(self) -> Leg:
        return self.carrier.bear(Attributes("web", "HTTP", PEER, 0))

    def ask(self, head: RequestHead, *body: bytes, ends: bool = True) -> tuple[Leg, Recorder]:
        leg, answer = self.bear(), Recorder()
        leg.start(answer)
        leg.sink.open(head, OPEN_VALVE)
        for chunk in body:
            leg.sink.data(chunk, 0)
        if ends:
            leg.sink.end(None)
        return leg, answer


def request(
    method: bytes = b"GET",
    target: bytes = b"/",
    length: int = 0,
    fields: Fields | None = None,
    upgrade: bytes = b"",
) -> RequestHead:
    return RequestHead(method, target, b"a", Headers(fields or []), length, upgrade=upgrade)


CHUNKED = UNKNOWN_LENGTH

"""Between two kinds of flow: what is piped to what, and how.

An adapter is a pair of stages that know each other. `up` stands before `leg.sink`, `down` before whatever
takes the leg's output:

    session ─▶ adapter.up ─▶ leg.sink          leg ─▶ adapter.down ─▶ session

`ADAPTERS` says which pairs there are. A MESSAGE session over EXCHANGE legs is not among them: every message
is an exchange of its own, which takes a leg each, and legs are the session's to open.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from l7mp_mesh.pipe.head import (
    STREAM_HEAD,
    UNKNOWN_LENGTH,
    Close,
    Head,
    Last,
    RequestHead,
    ResponseHead,
)
from l7mp_mesh.pipe.headers import Headers
from l7mp_mesh.pipe.kind import Kind
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.pipe.verbs import OPEN_VALVE, Stage, Valve

DATAGRAM_LIMIT = 65507
"""Longest UDP payload over IPv4."""
MESSAGE_LIMIT = 1 << 20
"""Longest message elsewhere, unless a protocol is configured otherwise."""

NORMAL_CLOSURE = 1000
"""Close code of a flow that had nothing more to say (RFC 6455 section 7.4.1)."""

RequestMaker: TypeAlias = Callable[[], RequestHead]
"""Makes the request that a session without one becomes; see `routing.request.request_from`."""


class Refused(Exception):
    """There is no way to pipe one kind to the other through a pair of stages."""


class AdaptLimits:
    """Longest messages in bytes: that the leg takes, and that the session's own peer takes."""

    __slots__ = ("leg", "source")

    def __init__(self, leg: int = MESSAGE_LIMIT, source: int = MESSAGE_LIMIT) -> None:
        self.leg = leg
        self.source = source


class Adapter:
    """Two stages between a session and a leg of another kind.

    `holds_end` says that the end of the up direction is kept back at this moment, until the leg has ended or
    the owner calls `release()`, which it does at a deadline.
    """

    __slots__ = ("down", "loses_boundaries", "up")

    def __init__(self, up: Stage, down: Stage, *, loses_boundaries: bool = False) -> None:
        self.up = up
        self.down = down
        self.loses_boundaries = loses_boundaries

    @property
    def holds_end(self) -> bool:
        """True between the end of the session and that of the leg, where a close would lose the answer."""
        return isinstance(self.up, EndHolder) and self.up.is_holding

    @property
    def is_settled(self) -> bool:
        """True when the end is kept back and every message was answered by one."""
        return isinstance(self.up, EndHolder) and self.up.is_holding and not self.up.owed

    def release(self) -> None:
        """Pass on an end that was kept back; nothing happens if there is none."""
        if isinstance(self.up, EndHolder):
            self.up.release()


def split(chunk: bytes, limit: int, into: Stage) -> None:
    """Say `chunk` to what follows `into`, in pieces of at most `limit` bytes; an empty one not at all."""
    for start in range(0, len(chunk), limit):
        into.next.data(chunk[start : start + limit], 0)


class EndHolder(Stage):
    """Keeps back the end: most MESSAGE protocols can not close one direction and still answer."""

    __slots__ = ("_is_answered", "is_holding", "owed")

    def __init__(self) -> None:
        super().__init__()
        self.is_holding = False
        self.owed = 0
        """Messages said that no message has answered, if each is answered by one."""
        self._is_answered = False

    def end(self, last: Last | None) -> None:
        if self._is_answered:
            self.next.end(Close(NORMAL_CLOSURE))
        else:
            self.is_holding = True

    def abort(self, reason: Reason) -> None:
        self.is_holding = False
        self.next.abort(reason)

    def release(self) -> None:
        """The leg has nothing more to say: an end may pass from now on."""
        self._is_answered = True
        if self.is_holding:
            self.is_holding = False
            self.next.end(Close(NORMAL_CLOSURE))


class ChunksToMessages(EndHolder):
    """Each chunk of a stream is a message, or several if it is too long for one."""

    __slots__ = ("_limit",)

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit

    def open(self, head: Head, valve: Valve) -> None:
        self.next.open(STREAM_HEAD, valve)

    def data(self, chunk: bytes, flags: int) -> None:
        self.owed += -(-len(chunk) // self._limit)
        split(chunk, self._limit, self)


class MessagesToBytes(Stage):
    """Messages one after the other, without their borders; `holder` learns of the end."""

    __slots__ = ("_holder",)

    def __init__(self, holder: EndHolder | None) -> None:
        super().__init__()
        self._holder = holder

    def open(self, head: Head, valve: Valve) -> None:
        self.next.open(STREAM_HEAD, valve)

    def data(self, chunk: bytes, flags: int) -> None:
        if self._holder is not None and self._holder.owed:
            self._holder.owed -= 1
        if chunk:
            self.next.data(chunk, 0)

    def end(self, last: Last | None) -> None:
        self.next.end(None)
        if self._holder is not None:
            self._holder.release()


class BytesToMessages(Stage):
    """What a stream leg says, as messages of the size in which it was read."""

    __slots__ = ("_limit",)

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit

    def open(self, head: Head, valve: Valve) -> None:
        self.next.open(STREAM_HEAD, valve)

    def data(self, chunk: bytes, flags: int) -> None:
        split(chunk, self._limit, self)

    def end(self, last: Last | None) -> None:
        self.next.end(None)


class BytesToRequest(Stage):
    """A stream is the body of one request."""

    __slots__ = ("_make_request",)

    def __init__(self, make_request: RequestMaker) -> None:
        super().__init__()
        self._make_request = make_request

    def open(self, head: Head, valve: Valve) -> None:
        self.next.open(self._make_request(), valve)

    def data(self, chunk: bytes, flags: int) -> None:
        self.next.data(chunk, 0)

    def end(self, last: Last | None) -> None:
        self.next.end(None)


class HttpToBytes(Stage):
    """The body of a request or response; heads, interim responses and trailers have no place in a stream."""

    __slots__ = ()

    def inform(self, head: Head) -> None:
        pass

    def open(self, head: Head, valve: Valve) -> None:
        self.next.open(STREAM_HEAD, valve)

    def end(self, last: Last | None) -> None:
        self.next.end(None)


class BytesToResponse(Stage):
    """A stream is the body of a response, which begins with its first byte.

    Until then the leg may still fail, and the session can answer with a real HTTP error.
    """

    __slots__ = ("_is_begun", "_valve")

    def __init__(self) -> None:
        super().__init__()
        self._valve: Valve = OPEN_VALVE
        self._is_begun = False

    def open(self, head: Head, valve: Valve) -> None:
        self._valve = valve

    def data(self, chunk: bytes, flags: int) -> None:
        if not self._is_begun:
            self._begin(UNKNOWN_LENGTH)
        self.next.data(chunk, 0)

    def end(self, last: Last | None) -> None:
        if not self._is_begun:
            self._begin(0)
        self.next.end(None)

    def _begin(self, length: int) -> None:
        self._is_begun = True
        self.next.open(ResponseHead(200, Headers(), length), self._valve)


class BodyToMessage(EndHolder):
    """The whole body of a request is one message, an empty one too."""

    __slots__ = ("_down", "_is_over", "_limit", "_parts", "_size")

    def __init__(self, limit: int, down: MessageToResponse) -> None:
        super().__init__()
        self._limit = limit
        self._down = down
        self._parts: list[bytes] = []
        self._size = 0
        self._is_over = False

    def open(self, head: Head, valve: Valve) -> None:
        self.next.open(STREAM_HEAD, valve)

    def data(self, chunk: bytes, flags: int) -> None:
        if self._is_over:
            return
        self._size += len(chunk)
        self._parts.append(chunk)
        if self._size > self._limit:
            self._is_over = True
            self._parts.clear()
            self._down.refuse(Reason.REQUEST_TOO_LARGE)

    def end(self, last: Last | None) -> None:
        if self._is_over:
            return
        self._is_over = True
        body = b"".join(self._parts)
        self._parts.clear()
        self.next.data(body, 0)
        super().end(last)

    def release(self) -> None:
        # Called at the deadline too: a request that nobody answered is no empty answer.
        if self.is_holding:
            self._down.refuse(Reason.UPSTREAM_TIMEOUT)
        super().release()

    def abort(self, reason: Reason) -> None:
        self._is_over = True
        self._parts.clear()
        super().abort(reason)


class MessageToResponse(Stage):
    """The first message is the response; what the leg says later is dropped."""

    __slots__ = ("_holder", "_is_over", "_valve")

    def __init__(self) -> None:
        super().__init__()
        self._holder: EndHolder | None = None
        self._valve: Valve = OPEN_VALVE
        self._is_over = False

    def answer_releases(self, holder: EndHolder) -> None:
        """Let `holder` know when the answer is complete."""
        self._holder = holder

    def refuse(self, reason: Reason) -> None:
        """Break off, unless the answer is out already."""
        self.abort(reason)

    def open(self, head: Head, valve: Valve) -> None:
        self._valve = valve

    def data(self, chunk: bytes, flags: int) -> None:
        self._answer(chunk)

    def end(self, last: Last | None) -> None:
        self._answer(b"")

    def abort(self, reason: Reason) -> None:
        if not self._is_over:
            self._is_over = True
            self.next.abort(reason)

    def _answer(self, body: bytes) -> None:
        if self._is_over:
            return
        self._is_over = True
        self.next.open(ResponseHead(200, Headers(), len(body)), self._valve)
        if body:
            self.next.data(body, 0)
        self.next.end(None)
        if self._holder is not None:
            self._holder.release()


def _stream_to_message(limits: AdaptLimits, _make_request: RequestMaker) -> Adapter:
    up = ChunksToMessages(limits.leg)
    return Adapter(up, MessagesToBytes(up), loses_boundaries=True)


def _message_to_stream(limits: AdaptLimits, _make_request: RequestMaker) -> Adapter:
    return Adapter(MessagesToBytes(None), BytesToMessages(limits.source), loses_boundaries=True)


def _stream_to_exchange(_limits: AdaptLimits, make_request: RequestMaker) -> Adapter:
    return Adapter(BytesToRequest(make_request), HttpToBytes())


def _exchange_to_stream(_limits: AdaptLimits, _make_request: RequestMaker) -> Adapter:
    return Adapter(HttpToBytes(), BytesToResponse())


def _exchange_to_message(limits: AdaptLimits, _make_request: RequestMaker) -> Adapter:
    down = MessageToResponse()
    up = BodyToMessage(limits.leg, down)
    down.answer_releases(up)
    return Adapter(up, down)


ADAPTERS: dict[tuple[Kind, Kind], Callable[[AdaptLimits, RequestMaker], Adapter]] = {
    (Kind.STREAM, Kind.MESSAGE): _stream_to_message,
    (Kind.MESSAGE, Kind.STREAM): _message_to_stream,
    (Kind.STREAM, Kind.EXCHANGE): _stream_to_exchange,
    (Kind.EXCHANGE, Kind.STREAM): _exchange_to_stream,
    (Kind.EXCHANGE, Kind.MESSAGE): _exchange_to_message,
}
"""(kind of the session, kind of the leg): how one is made the other."""


def is_per_message(source: Kind, leg: Kind) -> bool:
    """True when every message of the session takes a leg of its own."""
    return source is Kind.MESSAGE and leg is Kind.EXCHANGE


def adapter(source: Kind, leg: Kind, make_request: RequestMaker, limits: AdaptLimits) -> Adapter | None:
    """The stages between a session of kind `source` and one leg; None when they are of one kind.

    Made anew for every leg. The caller sets `up.next` to the leg's sink and `down.next` to what takes its
    output. `make_request` is called when a session that is no request meets an HTTP leg. Raises Refused.
    """
    if source is leg:
        return None
    make = ADAPTERS.get((source, leg))
    if make is None:
        raise Refused(f"a {source.value} session can not be piped through one {leg.value} leg")
    return make(limits, make_request)

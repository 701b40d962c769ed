"""HTTP/1 towards servers: one connection that bears exchanges one after the other.

    IDLE ─bear→ WAIT ─head→ BODY ─end of body→ IDLE, when the request is sent and the server keeps alive
      │          ├─101, 2xx to CONNECT→ RAW      └──→ CLOSED otherwise
      └─bytes or FIN that nobody asked for, reset, nonsense─→ CLOSED

Only this file changes `_phase`. What arrives before the leg was started waits, with reading paused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from l7mp_mesh.pipe.head import UNKNOWN_LENGTH, Last
from l7mp_mesh.pipe.kind import Kind
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.pipe.relay import Relay
from l7mp_mesh.pipe.verbs import DISCARD, OPEN_VALVE, Sink
from l7mp_mesh.ports.attributes import Attributes
from l7mp_mesh.ports.layer import Carrier
from l7mp_mesh.ports.leg import Leg
from l7mp_mesh.protocols.http1.codec_request import RequestSink
from l7mp_mesh.protocols.http1.codec_stream import StreamCodec
from l7mp_mesh.protocols.http1.options import Http1Options
from l7mp_mesh.protocols.http1.parser import (
    NO_CONTENT,
    NOT_MODIFIED,
    SWITCHING,
    BadMessage,
    ResponseReader,
)

IDLE: Final = 0
WAIT: Final = 1
BODY: Final = 2
RAW: Final = 3
CLOSED: Final = 4

CONTINUE: Final = 100
OK: Final = 200
REDIRECT: Final = 300


class ClientCodec(StreamCodec):
    """What an upstream connection's leg is started into."""

    __slots__ = (
        "_is_stale",
        "_is_unheard",
        "_keeps_alive",
        "_notify",
        "_reader",
        "is_once",
    )

    _message: RequestSink | None

    def __init__(self, lower: Leg, options: Http1Options, *, is_once: bool = False) -> None:
        super().__init__(lower, options.header_limit)
        self.is_once = is_once
        """The connection is closed after one exchange."""
        self._reader = ResponseReader(options.header_limit)
        self._keeps_alive = True
        self._is_unheard = False
        """An exchange was completed here, and no byte has come since."""
        self._is_stale = False
        self._notify: Callable[[], None] | None = None

    @property
    def is_idle(self) -> bool:
        """True when another exchange can begin."""
        return self._phase == IDLE

    @property
    def is_closed(self) -> bool:
        """True when there will never be another exchange."""
        return self._phase == CLOSED

    @property
    def is_stale(self) -> bool:
        """True when the connection was lost after an exchange, without a byte for the next one."""
        return self._is_stale

    def on_change(self, notify: Callable[[], None]) -> None:
        """Call `notify` when the connection becomes idle or closed."""
        self._notify = notify

    def begin(self) -> RequestSink:
        """A new exchange; only while idle."""
        assert self._phase == IDLE, "HTTP/1 bears one exchange at a time"
        self._phase = WAIT
        request = self._message = RequestSink(self)
        return request

    def start(self, into: Sink) -> None:
        """The exchange's leg is started: emit what is there."""
        self._into = into
        self._is_started = True
        if self._surplus or self._has_ended:
            self._advance()

    def sent(self) -> None:
        """The request is complete."""
        if self._phase == RAW:
            self.writer.end(None)
            if self._has_ended and not self._surplus:
                self.close(Reason.OK)

    def data(self, chunk: bytes, flags: int) -> None:
        if self._phase == IDLE:
            # A response that nobody asked for must never answer the next request (RFC 9112 section 9.2).
            self.close(Reason.UPSTREAM_PROTOCOL)
        if self._phase == CLOSED:
            return
        self._take(chunk)

    def end(self, last: Last | None) -> None:
        self._has_ended = True
        if self._phase == IDLE:
            self.close(Reason.OK)
        elif self._phase != CLOSED:
            self._advance()

    def abort(self, reason: Reason) -> None:
        self.fail(Reason.UPSTREAM_RESET)

    def fail(self, reason: Reason) -> None:
        """The connection is of no use any more: whoever waits for the response is told."""
        into = self._into
        self.close(reason)
        into.abort(reason)

    def close(self, reason: Reason) -> None:
        """Close the connection; emits nothing."""
        if self._phase == CLOSED:
            return
        self._is_stale = (
            self._phase == WAIT
            and self._is_unheard
            and reason is Reason.UPSTREAM_RESET
            and not self._surplus
            and not self._reader.has_partial
        )
        self._phase = CLOSED
        request = self._message
        if request is not None and not self._is_started:
            request.lost = reason
        self._detach()
        self._surplus = b""
        self._release()
        self._reader.unlink()
        self._lower.close(reason)
        notify, self._notify = self._notify, None
        if notify is not None:
            notify()

    def _step(self) -> bool:
        if not self._is_started:
            return False
        try:
            if self._phase == WAIT:
                return self._take_head()
            if self._phase == BODY:
                return self._take_body()
        except BadMessage:
            self.fail(Reason.UPSTREAM_PROTOCOL)
            return False
        return self._pass_raw()

    def _take_head(self) -> bool:
        request = self._message
        if request is None or not request.is_begun:
            self.fail(Reason.UPSTREAM_PROTOCOL)
            return False
        reader = self._reader
        end = reader.feed(self._surplus, self._at)
        self._consumed(end)
        if end < 0:
            return False
        head = reader.head
        status = head.status
        if status < OK and status != SWITCHING:
            if reader.is_chunked or head.length > 0:
                raise BadMessage(502, "interim response with a body")
            head.length = 0
            self._is_unheard = False
            if status != CONTINUE:
                self._into.inform(head)
            return True
        self._keeps_alive = reader.keeps_alive
        if self._is_switch(request):
            self._phase = RAW
            head.length = UNKNOWN_LENGTH
            window = self._window = Relay(self._valve)
            self._into.open(head, window)
            return True
        if self._has_no_body(request):
            self._complete(None, is_opening=True)
            return True
        self._body.begin(head.length, is_chunked=reader.is_chunked)
        self._phase = BODY
        if reader.is_chunked:
            head.length = UNKNOWN_LENGTH
        return self._open_body()

    def _open_body(self) -> bool:
        """Emit the head; a body that came with it whole needs no valve."""
        head = self._reader.head
        into = self._into
        if 0 < head.length <= len(self._surplus) - self._at:
            into.open(head, OPEN_VALVE)
        else:
            window = self._window = Relay(self._valve)
            into.open(head, window)
        return True

    def _take_body(self) -> bool:
        body = self._body
        end = body.feed(self._surplus, self._at)
        self._consumed(end)
        if body.payload:
            into = self._into
            into.data(body.payload, 0)
            if self._into is not into or self._phase != BODY:
                return False
        if end < 0:
            return False
        trailers, body.trailers = body.trailers, None
        self._complete(trailers, is_opening=False)
        return False

    def _complete(self, last: Last | None, *, is_opening: bool) -> None:
        """The response is complete: the connection is free, or closed, before the receiver hears of it."""
        into = self._into
        head = self._reader.head
        request = self._message
        if is_opening:
            into.open(head, OPEN_VALVE)
            if self._into is not into or self._message is not request:
                return
        is_free = (
            self._keeps_alive
            and not self.is_once
            and not self._surplus
            and not self._has_ended
            and request is not None
            and request.is_over
        )
        if not is_free:
            self.close(Reason.OK)
            into.end(last)
            return
        self._detach()
        self._phase = IDLE
        self._is_unheard = True
        into.end(last)
        if self._notify is not None and self._phase == IDLE:
            self._notify()

    def _end_of_input(self) -> None:
        if not self._is_started:
            return
        phase = self._phase
        if phase == BODY and self._body.is_until_close:
            self._complete(None, is_opening=False)
        elif phase in (WAIT, BODY):
            self.fail(Reason.UPSTREAM_RESET)
        elif phase == RAW:
            into, request = self._into, self._message
            self._into = DISCARD
            self._is_started = False
            into.end(None)
            if self._phase == RAW and (request is None or request.is_over):
                self.close(Reason.OK)

    def _is_switch(self, request: RequestSink) -> bool:
        head = self._reader.head
        if request.method == b"CONNECT":
            return OK <= head.status < REDIRECT
        if head.status != SWITCHING:
            return False
        if not request.upgrade:
            raise BadMessage(502, "101 without an Upgrade in the request")
        return True

    def _has_no_body(self, request: RequestSink) -> bool:
        head = self._reader.head
        if request.method == b"HEAD" or head.status in (NO_CONTENT, NOT_MODIFIED):
            return True
        return head.length == 0 and not self._reader.is_chunked


class ClientLeg(Leg):
    """One exchange on an upstream connection."""

    __slots__ = ("_codec", "_request")

    kind = Kind.EXCHANGE

    def __init__(self, codec: ClientCodec) -> None:
        self._codec = codec
        self._request = codec.begin()

    @property
    def is_stale(self) -> bool:
        return self._codec.is_stale

    @property
    def sink(self) -> Sink:
        return self._request

    def start(self, into: Sink) -> None:
        if self._request.is_linked:
            self._codec.start(into)
        else:
            into.abort(self._request.lost)

    def close(self, reason: Reason) -> None:
        if self._request.is_linked:
            self._codec.close(reason)


class Http1Carrier(Carrier):
    """An upstream connection as the pool sees it."""

    def __init__(self, codec: ClientCodec) -> None:
        self._codec = codec
        self._notify: Callable[[Carrier], None] | None = None

    def room(self) -> int:
        return 1 if self._codec.is_idle else 0

    def bear(self, attributes: Attributes) -> Leg:
        return ClientLeg(self._codec)

    def is_closed(self) -> bool:
        return self._codec.is_closed

    def close(self, reason: Reason) -> None:
        self._codec.fail(reason)

    def on_change(self, notify: Callable[[Carrier], None]) -> None:
        self._notify = notify
        self._codec.on_change(self._changed)

    def _changed(self) -> None:
        if self._notify is not None:
            self._notify(self)

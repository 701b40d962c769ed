"""HTTP/1 towards clients: one connection, its requests one after the other.

    HEAD ─head→ BODY ─end of body→ ANSWER ─response complete→ HEAD
      │          └──────── answered before the body came ──────┐
      ├─Upgrade, CONNECT→ DECIDE ─101, 2xx→ RAW ─both ended→ CLOSED
      │                     └─other answer→ ANSWER             │
      └─nonsense────────────────────────────────→ LINGER ←─────┘ ─FIN or 1 s→ CLOSED

Only this file changes `_phase`. A read is consumed up to the end of the message that is wanted; the rest is
the surplus: it waits, with reading paused, for `start` of the leg or for the end of the exchange. Nothing
points from the connection to an exchange that is over.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from l7mp_mesh.model.listener import ReplyStyle
from l7mp_mesh.pipe.head import Last, RequestHead
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.pipe.verbs import DISCARD, OPEN_VALVE, Sink
from l7mp_mesh.ports.attributes import Attributes
from l7mp_mesh.ports.clock import Clock, Handle
from l7mp_mesh.ports.layer import Accept
from l7mp_mesh.ports.leg import Leg
from l7mp_mesh.protocols.http.rescue import refusal
from l7mp_mesh.protocols.http1.codec_leg import Connections, ExchangeLeg, RequestValve
from l7mp_mesh.protocols.http1.codec_response import ResponseSink
from l7mp_mesh.protocols.http1.codec_stream import StreamCodec
from l7mp_mesh.protocols.http1.options import Http1Options
from l7mp_mesh.protocols.http1.parser import BadMessage, RequestReader
from l7mp_mesh.protocols.http1.writer import CLOSE, CONTINUE, length_framing, response_bytes

HEAD: Final = 0
BODY: Final = 1
ANSWER: Final = 2
DECIDE: Final = 3
RAW: Final = 4
LINGER: Final = 5
CLOSED: Final = 6

LINGER_TIME: Final = 1.0
"""Seconds for which a refused client may go on sending before it is cut off (RFC 9112 section 9.6)."""


class ServerCodec(StreamCodec):
    """What a downstream connection's leg is started into; emits a leg per request."""

    __slots__ = (
        "_attributes",
        "_clock",
        "_emit",
        "_expects",
        "_idle",
        "_linger",
        "_options",
        "_reader",
        "_siblings",
        "_was_partial",
    )

    _message: ResponseSink | None

    def __init__(
        self,
        lower: Leg,
        attributes: Attributes,
        emit: Accept,
        siblings: Connections,
        options: Http1Options,
        clock: Clock,
    ) -> None:
        super().__init__(lower, options.header_limit)
        self._attributes = attributes
        self._emit: Accept | None = emit
        self._siblings = siblings
        siblings.open.add(self)
        self._options = options
        self._clock = clock
        self._reader = RequestReader(options.header_limit)
        self._expects = False
        self._linger: Handle | None = None
        self._idle = 0.0
        self._was_partial = False

    def data(self, chunk: bytes, flags: int) -> None:
        if self._phase >= LINGER:
            return
        self._take(chunk)

    def end(self, last: Last | None) -> None:
        self._has_ended = True
        self._advance()

    def abort(self, reason: Reason) -> None:
        self._fail(Reason.DOWNSTREAM_RESET)

    def start(self, head: RequestHead, into: Sink) -> None:
        """The exchange's leg is started: emit what is there."""
        self._into = into
        self._is_started = True
        response = self._message
        if self._phase == ANSWER:
            into.open(head, OPEN_VALVE)
            if self._message is response and self._phase == ANSWER:
                into.end(None)
            return
        window = self._window = RequestValve(self._valve, self)
        into.open(head, window)
        if self._message is not response:
            return
        if self._expects and not window.is_held:
            self.invite()
        self._advance()

    def invite(self) -> None:
        """The receiver lets the body flow: a client that waits for 100 (Continue) is told."""
        if self._expects and self._phase == BODY:
            self._expects = False
            if self._message is not None and not self._message.is_begun and not self._surplus:
                self.writer.data(CONTINUE, 0)

    def switched(self) -> None:
        """The answer turned the connection into a tunnel."""
        self._phase = RAW
        self._advance()

    def declined(self) -> None:
        """The answer to an upgrade request is an ordinary one: the request is complete."""
        self._phase = ANSWER
        if self._is_started:
            self._into.end(None)

    def finished(self, *, keeps_alive: bool) -> None:
        """The response is complete."""
        if self._phase == BODY and not (keeps_alive and self._skip_body()):
            self._begin_linger()
        elif keeps_alive and self._phase == ANSWER:
            self._detach()
            self._phase = HEAD
            if self._surplus or self._has_ended:
                self._advance()
        elif self._phase == RAW:
            self.writer.end(None)
            if self._has_ended and not self._surplus:
                self.close(Reason.OK)
        elif self._surplus:
            self._begin_linger()
        else:
            self.close(Reason.OK)

    def mute(self) -> ReplyStyle:
        """The receiver gave up: it gets nothing more. Returns how the client is told."""
        self._into = DISCARD
        return self._options.reply

    def close(self, reason: Reason) -> None:
        """Close the connection and forget everything."""
        if self._phase == CLOSED:
            return
        self._phase = CLOSED
        self._siblings.open.discard(self)
        self._detach()
        if self._linger is not None:
            self._linger.cancel()
        self._surplus = b""
        self._release()
        self._emit = None
        self._reader.unlink()
        self._lower.close(reason)

    def drain(self) -> None:
        """Bear nothing more than the exchange of the moment, or the request that has begun to arrive."""
        if self._message is not None:
            self._message.make_last()
        elif self._phase == HEAD and not self._reader.has_partial:
            self.close(Reason.OK)

    def sweep(self, passed: float) -> None:
        """Called every `passed` seconds: nobody else watches a connection without an exchange."""
        if self._phase != HEAD:
            return
        is_partial = self._reader.has_partial
        if is_partial is not self._was_partial:
            self._was_partial = is_partial
            self._idle = 0.0
            return
        self._idle += passed
        options = self._options
        if is_partial:
            if 0 < options.header_timeout <= self._idle:
                self._refuse(BadMessage(408, "the request head did not arrive in time"))
        elif 0 < options.idle_timeout <= self._idle:
            self.close(Reason.OK)

    @property
    def awaits_decision(self) -> bool:
        """True while an upgrade request waits for its answer."""
        return self._phase == DECIDE

    @property
    def is_last(self) -> bool:
        """True when an answer that begins now is the last one: the client has said FIN, or owes a body."""
        return self._siblings.are_draining or (not self._surplus and (self._has_ended or self._phase == BODY))

    def _step(self) -> bool:
        try:
            if self._phase == HEAD:
                return self._take_head()
            if not self._is_started:
                return False
            if self._phase == BODY:
                return self._take_body()
        except BadMessage as bad:
            self._refuse(bad)
            return False
        return self._phase == RAW and self._pass_raw()

    def _take_head(self) -> bool:
        reader = self._reader
        end = reader.feed(self._surplus, self._at)
        self._consumed(end)
        if end < 0:
            return False
        self._idle = 0.0
        head = reader.head
        response = ResponseSink(self, head.method, reader.is_v11, reader.keeps_alive)
        self._message = response
        self._expects = reader.expects
        if head.length:
            self._body.begin(head.length, is_chunked=reader.is_chunked)
            self._phase = BODY
        elif head.upgrade or head.method == b"CONNECT":
            self._phase = DECIDE
        else:
            self._phase = ANSWER
        known = self._attributes
        emit = self._emit
        assert emit is not None, "a closed connection parses nothing"
        emit(
            ExchangeLeg(self, head, response),
            Attributes(known.listener, "HTTP", known.peer, next(self._siblings.serials), head=head),
        )
        return True

    def _take_body(self) -> bool:
        body = self._body
        end = body.feed(self._surplus, self._at)
        self._consumed(end)
        into = self._into
        if end >= 0:
            # The body is here: an answer to its last chunk leaves nothing to be skipped.
            self._phase = ANSWER
        if body.payload:
            response, phase = self._message, self._phase
            into.data(body.payload, 0)
            if self._message is not response or self._phase != phase:
                return True
        if end < 0:
            return False
        trailers, body.trailers = body.trailers, None
        into.end(trailers)
        return True

    def _skip_body(self) -> bool:
        """Drop the rest of the body if it is here: small bodies often come with the head."""
        if not self._surplus:
            return False
        try:
            end = self._body.feed(self._surplus, self._at)
        except BadMessage:
            return False
        self._consumed(end)
        if end < 0:
            return False
        self._phase = ANSWER
        return True

    def _end_of_input(self) -> None:
        phase = self._phase
        if phase in (HEAD, LINGER):
            self.close(Reason.OK)
        elif phase == BODY:
            self._fail(Reason.DOWNSTREAM_RESET)
        elif phase == RAW and self._is_started:
            self._is_started = False
            self._into.end(None)
            if self._phase == RAW and (self._message is None or self._message.is_over):
                self.close(Reason.OK)

    def _refuse(self, bad: BadMessage) -> None:
        """Answer nonsense with 4xx or 5xx, unless a response has begun already."""
        response = self._message
        if response is not None and response.is_begun:
            self._fail(Reason.DOWNSTREAM_PROTOCOL)
            return
        head, body = refusal(bad.status, bad.detail, self._options.reply)
        self.writer.data(response_bytes(head, CLOSE + length_framing(len(body))) + body, 0)
        into = self._into
        self._begin_linger()
        if response is not None:
            into.abort(Reason.DOWNSTREAM_PROTOCOL)

    def _fail(self, reason: Reason) -> None:
        """The client is gone, or must go: whoever waits for the request is told."""
        into = self._into
        self.close(reason)
        into.abort(reason)

    def _begin_linger(self) -> None:
        # Closing at once would make the kernel send RST, and the client lose the answer it has not yet read.
        if self._phase >= LINGER:
            return
        self._phase = LINGER
        self._detach()
        self._surplus = b""
        self._release()
        self.writer.end(None)
        if self._has_ended:
            self.close(Reason.OK)
        else:
            self._linger = self._clock.call_at(
                self._clock.now() + LINGER_TIME, partial(self.close, Reason.OK)
            )

"""A WebSocket as a MESSAGE leg over an upgraded exchange (RFC 6455), both roles.

    WAITING ─open─▶ OPEN ─our close frame─▶ CLOSING ─the peer's─▶ CLOSED
                    OPEN ─the peer's close frame, answered at once─▶ PEER_CLOSED ─end, deadline─▶ CLOSED
      any ─abort, error, close()─▶ CLOSED (what was written is flushed, see `_finish`)

A downstream leg is WAITING until the session opens its sink: only then is 101 written, so a session that
fails before can still answer with an HTTP error. An upstream leg is OPEN from its handshake on, and keeps
what the server says until it is started. A read may hold thousands of messages: those that come after the
session has said pause are kept here, and what was not parsed yet stays bytes.
Only this file changes `_state`.
"""

from __future__ import annotations

from enum import Enum
from typing import TypeAlias

from websockets.protocol import CLIENT, SERVER

from l7mp_mesh.pipe.head import STREAM_HEAD, Head, Last, StreamHead
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.pipe.relay import Relay
from l7mp_mesh.pipe.verbs import DISCARD, OPEN_VALVE, Sink, Valve
from l7mp_mesh.ports.clock import Clock, Handle
from l7mp_mesh.ports.leg import Kind, Leg
from l7mp_mesh.protocols.websocket.codec_frames import SLICE, Frames, Message, close_code, wire_close
from l7mp_mesh.protocols.websocket.codec_handshake import Handshake, WebSocketHead

CLOSE_TIMEOUT = 5.0
"""Seconds for the peer to answer a close frame, and for a session to let go of a peer that said goodbye."""

LINGER_TIME = 1.0
"""Seconds for which a peer that was cut off may go on sending, so that it can read why."""

Early: TypeAlias = bytes | Reason | None
"""What the peer said before the session wants to hear it: bytes, an abort, or (None) an end."""


class State(Enum):
    """How far a WebSocket has come."""

    WAITING = "waiting"
    OPEN = "open"
    CLOSING = "closing"
    PEER_CLOSED = "peer closed"
    CLOSED = "closed"


class WebSocketLeg(Leg):
    """One WebSocket; with `handshake` it is a client's (downstream), without it goes to a server.

    A downstream leg starts `lower` itself. The lower leg of an upstream one emits already: whoever did the
    handshake calls `accepted` and passes on what follows.
    """

    __slots__ = (
        "_clock",
        "_deadline",
        "_early",
        "_frames",
        "_handshake",
        "_has_said_end",
        "_head",
        "_into",
        "_is_quiet",
        "_kept",
        "_lower",
        "_sink",
        "_source",
        "_state",
        "_writable",
        "message_limit",
    )

    kind = Kind.MESSAGE

    def __init__(self, lower: Leg, clock: Clock, max_message: int, handshake: Handshake | None) -> None:
        self._lower = lower
        self._clock = clock
        self._handshake = handshake
        self._head: StreamHead = STREAM_HEAD
        self.message_limit = max_message
        self._frames = Frames(CLIENT if handshake is None else SERVER, max_message)
        self._state = State.OPEN if handshake is None else State.WAITING
        self._into: Sink = DISCARD
        self._sink = ToPeer(self)
        self._source = Brake(self)
        self._writable = Relay()
        self._has_said_end = False
        self._is_quiet = False
        self._early: list[Early] | None = [] if handshake is None else None
        self._kept: list[Message] = []
        self._deadline: Handle | None = None

    @property
    def sink(self) -> Sink:
        return self._sink

    @property
    def writable(self) -> Valve:
        """What the lower sink may hold back: the session, once it has opened this leg's sink."""
        return self._writable

    def start(self, into: Sink) -> None:
        if self._state is State.CLOSED:
            return
        self._into = into
        if self._handshake is not None:
            self._lower.start(FromPeer(self))
            return
        into.open(self._head, self._source)
        self._source.resume()
        self._hear()

    def close(self, reason: Reason) -> None:
        self._has_said_end = True
        self._say_goodbye(reason)
        self._finish(reason)

    # From the session to the peer.

    def opened(self, head: Head, valve: Valve) -> None:
        """The session has its other side: accept the upgrade, if that is still to be done."""
        self._writable.attach(valve)
        if self._state is State.WAITING and self._handshake is not None:
            self._state = State.OPEN
            self._lower.sink.open(self._handshake.response(head), self._writable)

    def send(self, chunk: bytes, flags: int) -> None:
        """Write one message; after a close frame there is nobody to read it."""
        if self._state is State.OPEN and self._frames.is_open:
            self._frames.send(chunk, flags)
            self._flush()

    def send_close(self, last: Last | None) -> None:
        """Write a close frame, which the peer has a while to answer; let go of a peer that closed first."""
        if self._state is State.PEER_CLOSED:
            self._finish(Reason.OK)
        elif self._state is State.OPEN and self._frames.is_open:
            self._state = State.CLOSING
            self._frames.send_close(*wire_close(last))
            self._flush()
            self._arm()

    def break_off(self, reason: Reason) -> None:
        """The session failed: an HTTP error if nothing was answered yet, a close frame otherwise."""
        self._has_said_end = True
        if self._state is State.WAITING:
            self._lower.sink.abort(reason)
            self._state = State.CLOSING
            # The reply is the exchange's to deliver: it lingers by itself.
            self._is_quiet = True
        self._say_goodbye(reason)
        self._finish(reason)

    # From the peer to the session.

    def accepted(self, head: WebSocketHead, valve: Valve) -> None:
        """The server agreed; `valve` holds it back, which is done until the leg is started."""
        self._head = head
        self._source.attach(valve)
        self._source.pause()

    def lower_opened(self, valve: Valve) -> None:
        """The lower leg of a downstream WebSocket begins to emit."""
        self._source.attach(valve)
        self._into.open(self._head, self._source)

    def received(self, chunk: bytes) -> None:
        """Take bytes of the peer: any number of frames, cut anywhere."""
        if self._early is not None:
            self._early.append(chunk)
            return
        for start in range(0, len(chunk), SLICE):
            if self._has_said_end:
                return
            if not self._emit(self._frames.parse(chunk[start : start + SLICE])):
                self._early = [chunk[start + SLICE :]]
                self._flush()
                return
        self._parsed()

    def eased(self) -> None:
        """The session wants to hear more; in a later turn, as every source."""
        if self._early is not None and not self._source.is_held:
            self._clock.call_at(self._clock.now(), self._hear)

    def _emit(self, messages: list[Message]) -> bool:
        """Pass on messages until the session says pause; False if some are left, which are kept."""
        for index, (message, flags) in enumerate(messages):
            if self._source.is_held:
                self._kept = messages[index:]
                return False
            self._into.data(message, flags)
        return True

    def _parsed(self) -> None:
        """What was read is passed on: answer pings, and see whether the peer is done."""
        self._flush()
        if self._has_said_end:
            return
        if self._frames.has_failed:
            self._abort(self._protocol_reason())
        elif self._frames.closed is not None:
            self._peer_closed(self._frames.closed)

    def _hear(self) -> None:
        """Pass on what was kept, as far as the session wants it."""
        if self._early is None or self._source.is_held:
            return
        kept, self._kept = self._kept, []
        if not self._emit(kept):
            return
        early, self._early = self._early, None
        self._parsed()
        for said in early:
            if said is None:
                self.lower_ended()
            elif isinstance(said, Reason):
                self.lost(said)
            else:
                self.received(said)

    def lower_ended(self) -> None:
        """The peer's half of the connection is over; a WebSocket has no halves."""
        if self._early is not None:
            self._early.append(None)
        elif self._state is State.CLOSED:
            self._close_lower()
        elif self._state is State.CLOSING:
            # It was told to close and did, if without the courtesy of a close frame.
            self._is_quiet = True
            self._end(None)
        else:
            self.lost(Reason.UPSTREAM_RESET if self._handshake is None else Reason.DOWNSTREAM_RESET)

    def lost(self, reason: Reason) -> None:
        """The connection is gone without a closing handshake."""
        if self._early is not None and self._into is DISCARD:
            self._early.append(reason)
            return
        self._is_quiet = True
        if self._state is State.CLOSED:
            self._close_lower()
        elif self._has_said_end:
            self._finish(reason)
        else:
            self._abort(reason)

    def _peer_closed(self, last: Last) -> None:
        if self._state is State.CLOSING:
            self._end(last)
        elif not self._has_said_end:
            # Nothing the session says can be delivered any more; it is told so if it does not end by itself.
            self._state = State.PEER_CLOSED
            self._has_said_end = True
            self._arm()
            self._into.end(last)

    def _end(self, last: Last | None) -> None:
        into, self._has_said_end = self._into, True
        self._finish(Reason.OK)
        into.end(last)

    def _abort(self, reason: Reason) -> None:
        into, self._has_said_end = self._into, True
        self._finish(reason)
        into.abort(reason)

    def _expired(self) -> None:
        self._is_quiet = True
        if self._state is State.PEER_CLOSED:
            into = self._into
            self._finish(Reason.OK)
            into.abort(Reason.UPSTREAM_RESET if self._handshake is None else Reason.DOWNSTREAM_RESET)
        else:
            self._end(None)

    def _protocol_reason(self) -> Reason:
        return Reason.UPSTREAM_PROTOCOL if self._handshake is None else Reason.DOWNSTREAM_PROTOCOL

    def _flush(self) -> None:
        if self._state is State.CLOSED:
            return
        for chunk in self._frames.writes(is_blocked=self._writable.is_held):
            self._lower.sink.data(chunk, 0)

    def _say_goodbye(self, reason: Reason) -> None:
        if self._state is State.OPEN and self._frames.is_open:
            self._state = State.CLOSING
            self._frames.send_close(close_code(reason), "")
            self._flush()

    def _arm(self) -> None:
        if self._deadline is None:
            self._deadline = self._clock.call_at(self._clock.now() + CLOSE_TIMEOUT, self._expired)

    def _finish(self, reason: Reason) -> None:
        """End the WebSocket and forget everybody.

        Once 101 is out, what was written is flushed. A peer that did not close by itself and may still be
        sending is given a moment before the connection goes: closing at once would make the kernel send a
        reset, and the peer lose the close frame it has not yet read.
        """
        before = self._state
        if before is State.CLOSED:
            return
        if before is not State.WAITING:
            self._flush()
        self._state = State.CLOSED
        self._into = DISCARD
        self._early = None
        self._kept = []
        self._source.attach(OPEN_VALVE)
        self._stop_timer()
        if before is State.WAITING:
            self._lower.close(reason)
            return
        self._lower.sink.end(None)
        if self._is_quiet or self._frames.closed is not None:
            self._close_lower()
        else:
            self._deadline = self._clock.call_at(self._clock.now() + LINGER_TIME, self._close_lower)

    def _close_lower(self) -> None:
        self._stop_timer()
        self._lower.close(Reason.OK)

    def _stop_timer(self) -> None:
        deadline, self._deadline = self._deadline, None
        if deadline is not None:
            deadline.cancel()


class Brake(Relay):
    """Where the session holds back the peer; the leg learns when it is let go."""

    __slots__ = ("_leg",)

    def __init__(self, leg: WebSocketLeg) -> None:
        super().__init__()
        self._leg = leg

    def resume(self) -> None:
        super().resume()
        self._leg.eased()


class ToPeer(Sink):
    """The leg's sink."""

    __slots__ = ("_leg",)

    def __init__(self, leg: WebSocketLeg) -> None:
        self._leg = leg

    def open(self, head: Head, valve: Valve) -> None:
        self._leg.opened(head, valve)

    def data(self, chunk: bytes, flags: int) -> None:
        self._leg.send(chunk, flags)

    def end(self, last: Last | None) -> None:
        self._leg.send_close(last)

    def abort(self, reason: Reason) -> None:
        self._leg.break_off(reason)


class FromPeer(Sink):
    """Where the lower leg emits."""

    __slots__ = ("_leg",)

    def __init__(self, leg: WebSocketLeg) -> None:
        self._leg = leg

    def open(self, head: Head, valve: Valve) -> None:
        self._leg.lower_opened(valve)

    def data(self, chunk: bytes, flags: int) -> None:
        self._leg.received(chunk)

    def end(self, last: Last | None) -> None:
        self._leg.lower_ended()

    def abort(self, reason: Reason) -> None:
        self._leg.lost(reason)

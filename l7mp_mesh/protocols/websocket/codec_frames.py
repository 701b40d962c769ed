"""Frames and messages of one WebSocket (RFC 6455 section 5), without anybody to send them to.

Framing, masking and close frames are those of the `websockets` package; here fragments become messages,
text is checked, and what is to be written is collected.
"""

from __future__ import annotations

import logging
from typing import TypeAlias

from websockets.exceptions import ProtocolError
from websockets.frames import Close as WireClose
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import OPEN, Protocol, Side

from l7mp_mesh.pipe.head import Close, Last
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.pipe.verbs import TEXT

MAX_MESSAGE = 1 << 20
"""Longest message in bytes, assembled from all its fragments, unless configured otherwise."""

_MAX_CLOSE_TEXT = 123
_PONG = 0x8A
SLICE = 1 << 16
"""Bytes parsed at once: a read full of empty frames would become a hundred thousand objects."""

_GOING_AWAY = frozenset({Reason.SHUTDOWN, Reason.DELETED, Reason.LISTENER_DELETED, Reason.CLUSTER_DELETED})
"""Reasons that say no more than that this proxy, or a part of it, goes away."""

_quiet = logging.getLogger("l7mp_mesh.websocket.frames")
_quiet.setLevel(logging.CRITICAL)

Message: TypeAlias = tuple[bytes, int]
"""Payload and flags."""


class Frames:
    """Both directions of one WebSocket as bytes.

    `closed` is the peer's close frame once it has come (it is answered by then); `has_failed` turns True when
    the peer broke the protocol (the close frame that says so is among the writes). Neither ever changes back.
    """

    __slots__ = ("_flags", "_fragments", "_kept_pong", "_protocol", "closed", "has_failed")

    def __init__(self, side: Side, max_message: int) -> None:
        self._protocol = Protocol(side, state=OPEN, max_size=max_message, logger=_quiet)
        self._fragments = bytearray()
        self._flags = 0
        self._kept_pong = b""
        self.closed: Close | None = None
        self.has_failed = False

    @property
    def is_open(self) -> bool:
        """True while messages and a close frame may be sent."""
        return self.closed is None and not self.has_failed

    def parse(self, chunk: bytes) -> list[Message]:
        """The messages that `chunk` completes; look at `closed` and `has_failed` afterwards."""
        messages: list[Message] = []
        for start in range(0, len(chunk), SLICE):
            if not self.is_open:
                break
            self._protocol.receive_data(chunk[start : start + SLICE])
            for event in self._protocol.events_received():
                assert isinstance(event, Frame)
                self._take(event, messages)
                if self.has_failed:
                    return messages
            self.has_failed = self._protocol.parser_exc is not None
        return messages

    def send(self, chunk: bytes, flags: int) -> None:
        """Frame one message, while `is_open`; a text that is no UTF-8 (any more) goes out as binary."""
        if flags & TEXT and is_utf8(chunk):
            self._protocol.send_text(chunk)
        else:
            self._protocol.send_binary(chunk)

    def send_close(self, code: int | None, text: str) -> None:
        """Say goodbye; only once, and only while `is_open`."""
        if code is None:
            self._protocol.send_close()
        else:
            self._protocol.send_close(code, text)

    def writes(self, *, is_blocked: bool) -> list[bytes]:
        """What is to be written.

        A peer that pings and does not read gets the last answer only, once it reads again (RFC 6455 section
        5.5.3): `is_blocked` keeps it back.
        """
        chunks = [self._kept_pong] if self._kept_pong else []
        chunks += [chunk for chunk in self._protocol.data_to_send() if chunk]
        self._kept_pong = b""
        if not is_blocked:
            return chunks
        for chunk in chunks:
            if chunk[0] == _PONG:
                self._kept_pong = chunk
        return [chunk for chunk in chunks if chunk[0] != _PONG]

    def _take(self, frame: Frame, messages: list[Message]) -> None:
        if frame.opcode is Opcode.CLOSE:
            received = self._protocol.close_rcvd
            assert received is not None
            self.closed = Close(int(received.code), received.reason)
        elif frame.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            if frame.opcode is not Opcode.CONT:
                self._flags = TEXT if frame.opcode is Opcode.TEXT else 0
            self._fragments += frame.data
            if frame.fin:
                self._complete(messages)

    def _complete(self, messages: list[Message]) -> None:
        message = bytes(self._fragments)
        self._fragments = bytearray()
        if self._flags and not is_utf8(message):
            self.has_failed = True
            if self._protocol.close_sent is None:
                self._protocol.fail(CloseCode.INVALID_DATA, "text is not UTF-8")
        else:
            messages.append((message, self._flags))


def is_utf8(message: bytes) -> bool:
    """True when `message` may be sent as text."""
    if message.isascii():
        return True
    try:
        message.decode()
    except UnicodeDecodeError:
        return False
    return True


def close_code(reason: Reason) -> int:
    """How a WebSocket says why it ends (RFC 6455 section 7.4.1)."""
    if reason is Reason.OK:
        return CloseCode.NORMAL_CLOSURE
    return CloseCode.GOING_AWAY if reason in _GOING_AWAY else CloseCode.INTERNAL_ERROR


def wire_close(last: Last | None) -> tuple[int | None, str]:
    """Code and text of the close frame for an `end`; no code for 1005, 1011 for what no frame may carry."""
    if not isinstance(last, Close):
        return CloseCode.NORMAL_CLOSURE, ""
    if last.code == CloseCode.NO_STATUS_RCVD:
        return None, ""
    text = last.text.encode(errors="replace")[:_MAX_CLOSE_TEXT].decode(errors="ignore")
    try:
        WireClose(last.code, text).check()
    except ProtocolError:
        return CloseCode.INTERNAL_ERROR, text
    return last.code, text

"""A connected stream socket as a leg.

    CLOSED_DOWN: the peer said FIN       both: transport closes itself
    `pause` is counted; the transport's own write buffer pauses whoever writes

What is written while a read is handled goes out at the end of the turn, in one system call.
"""

from __future__ import annotations

import asyncio
import errno
from typing import cast

from l7mp_mesh.io.turn import Flushable, this_turn
from l7mp_mesh.pipe.head import STREAM_HEAD, Head, Last
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.pipe.verbs import DISCARD, OPEN_VALVE, Sink, Valve
from l7mp_mesh.ports.leg import Kind, Leg

WRITE_HIGH = 256 * 1024
"""Bytes waiting to be written at which the source is paused."""
JOINED = 16 * 1024
"""Up to so many bytes of one turn are written as one piece."""


class StreamDriver(asyncio.Protocol, Leg, Valve, Flushable):
    """One TCP or UNIX connection: asyncio protocol below, leg above, and the valve of what it emits.

    `lost` is the reason reported when the peer breaks the connection off.
    """

    kind = Kind.STREAM

    def __init__(self, lost: Reason) -> None:
        self._lost = lost
        self._transport: asyncio.Transport | None = None
        self._into: Sink = DISCARD
        self._early: list[bytes] | None = []
        self._held = 1
        self._eof = False
        self._done = False
        self._is_broken = False
        self._writer = StreamSink(self)
        self._turn = this_turn()
        self._kept: list[bytes] | None = None

    @property
    def sink(self) -> Sink:
        return self._writer

    def start(self, into: Sink) -> None:
        if self._early is not None:
            self._into = into
        into.open(STREAM_HEAD, self)
        early, self._early = self._early, None
        # Not `into`: it may close the leg at any verb.
        for chunk in early or ():
            self._into.data(chunk, 0)
        if self._is_broken:
            self._into.abort(self._lost)
        elif self._eof:
            self._into.end(None)
        self.resume()

    def close(self, reason: Reason) -> None:
        if reason is Reason.OK:
            self.flush()
        self._done = True
        self._into = DISCARD
        self._early = None
        self._writer.unlink()
        if self._transport is None:
            return
        if reason is Reason.OK:
            self._transport.close()
        else:
            self._transport.abort()

    def fileno(self) -> int | None:
        if self._transport is None:
            return None
        sock = self._transport.get_extra_info("socket")
        return None if sock is None else int(sock.fileno())

    def pause(self) -> None:
        self._held += 1
        if self._held == 1 and self._transport is not None and not self._eof:
            self._transport.pause_reading()

    def resume(self) -> None:
        self._held -= 1
        if self._held == 0 and self._transport is not None and not self._eof:
            self._transport.resume_reading()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop has transports of its own that are no subclasses.
        made = self._transport = cast("asyncio.Transport", transport)
        made.set_write_buffer_limits(high=WRITE_HIGH)

    def data_received(self, data: bytes) -> None:
        if self._held and self._transport is not None:
            # Both loops begin to read after connection_made, whatever was asked for until then; asyncio then
            # believes that it is paused, and must be told otherwise before it can be.
            self._transport.resume_reading()
            self._transport.pause_reading()
        if self._early is None:
            turn = self._turn
            turn.is_on = True
            try:
                self._into.data(data, 0)
            finally:
                turn.end()
        else:
            self._early.append(data)

    def eof_received(self) -> bool:
        self._eof = True
        self._into.end(None)
        # True keeps the transport open for the other direction; it is closed once both have ended.
        return not (self._done or self._writer.is_ended)

    def connection_lost(self, exc: Exception | None) -> None:
        into, self._into = self._into, DISCARD
        self._transport = None
        self._writer.unlink()
        if self._done:
            return
        self._done = True
        self._is_broken = not self._eof or (isinstance(exc, OSError) and exc.errno != errno.ENOTCONN)
        if self._is_broken:
            into.abort(self._lost)

    def pause_writing(self) -> None:
        self._writer.valve.pause()

    def resume_writing(self) -> None:
        self._writer.valve.resume()

    def write(self, chunk: bytes) -> None:
        """Hand a chunk to the socket, at the end of the turn."""
        if type(chunk) is not bytes and not isinstance(chunk, bytearray | memoryview | bytes):
            # Here whoever passes it on is found; when the turn ends, nobody is.
            raise TypeError(f"expected bytes, got {type(chunk).__name__}")
        if self._kept is not None:
            self._kept.append(chunk)
        elif self._turn.is_on:
            self._kept = [chunk]
            self._turn.add(self)
        elif self._transport is not None:
            self._transport.write(chunk)

    def flush(self) -> None:
        kept, self._kept = self._kept, None
        if kept is None or self._transport is None:
            return
        if len(kept) == 1:
            self._transport.write(kept[0])
        elif sum(map(len, kept)) <= JOINED:
            # One small piece costs the loop and the kernel less than a vector of smaller ones.
            self._transport.write(b"".join(kept))
        else:
            self._transport.writelines(kept)

    def finish(self) -> None:
        """Nothing more will be written."""
        self.flush()
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if self._eof:
            self._done = True
            transport.close()
        elif transport.can_write_eof():
            transport.write_eof()

    def break_off(self) -> None:
        """Give up: what was not yet written is lost, the peer sees the connection fail."""
        self._done = True
        self._kept = None
        self._into = DISCARD
        self._early = None
        if self._transport is not None:
            self._transport.abort()


class StreamSink(Sink):
    """The writing half of a connection."""

    __slots__ = ("_driver", "is_ended", "valve")

    def __init__(self, driver: StreamDriver) -> None:
        self._driver: StreamDriver | None = driver
        self.valve: Valve = OPEN_VALVE
        self.is_ended = False

    def open(self, head: Head, valve: Valve) -> None:
        self.valve = valve

    def data(self, chunk: bytes, flags: int) -> None:
        if self._driver is not None and not self.is_ended:
            self._driver.write(chunk)

    def end(self, last: Last | None) -> None:
        if not self.is_ended:
            self.is_ended = True
            if self._driver is not None:
                self._driver.finish()

    def abort(self, reason: Reason) -> None:
        self.is_ended = True
        if self._driver is not None:
            self._driver.break_off()

    def unlink(self) -> None:
        """Forget the connection: it is gone."""
        self._driver = None
        self.valve = OPEN_VALVE

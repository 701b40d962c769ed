"""HTTP/1 on a byte stream: exchanges out of accepted connections, carriers out of opened ones."""

from __future__ import annotations

from l7mp_mesh.ports.attributes import Attributes
from l7mp_mesh.ports.clock import Clock
from l7mp_mesh.ports.layer import Accept, Carrier, Multiplexer
from l7mp_mesh.ports.leg import Leg
from l7mp_mesh.protocols.http1.codec import ServerCodec
from l7mp_mesh.protocols.http1.codec_client import ClientCodec, ClientLeg, Http1Carrier
from l7mp_mesh.protocols.http1.codec_leg import Connections
from l7mp_mesh.protocols.http1.options import Http1Options

SWEEP = 15.0
"""Seconds between two looks at the connections that wait for a request."""


class Http1Layer(Multiplexer):
    """HTTP/1.0 and 1.1; sessions of one layer are numbered from 0.

    A connection without a request belongs to no session, so its time-outs are kept here: by one timer for
    all of them, that is set only while there are any.
    """

    def __init__(self, options: Http1Options, clock: Clock) -> None:
        self._options = options
        self._clock = clock
        self._accepted = Connections()
        self._is_swept = False

    def accept(self, lower: Leg, attributes: Attributes, emit: Accept) -> None:
        codec = ServerCodec(lower, attributes, emit, self._accepted, self._options, self._clock)
        if not self._is_swept:
            self._is_swept = True
            self._clock.call_at(self._clock.now() + SWEEP, self._sweep)
        lower.start(codec)

    async def connect(self, lower: Leg, attributes: Attributes) -> Leg:
        codec = ClientCodec(lower, self._options, is_once=True)
        lower.start(codec)
        return ClientLeg(codec)

    async def carry(self, lower: Leg) -> Carrier:
        codec = ClientCodec(lower, self._options)
        lower.start(codec)
        return Http1Carrier(codec)

    def drain(self) -> None:
        self._accepted.drain()

    def _sweep(self) -> None:
        for codec in tuple(self._accepted.open):
            codec.sweep(SWEEP)
        self._is_swept = bool(self._accepted.open)
        if self._is_swept:
            self._clock.call_at(self._clock.now() + SWEEP, self._sweep)

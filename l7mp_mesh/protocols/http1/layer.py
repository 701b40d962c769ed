"""HTTP/1 on a byte stream: exchanges out of accepted connections, carriers out of opened ones."""

from __future__ import annotations

from itertools import count

from l7mp_mesh.ports.attributes import Attributes
from l7mp_mesh.ports.clock import Clock
from l7mp_mesh.ports.layer import Accept, Carrier, Multiplexer
from l7mp_mesh.ports.leg import Leg
from l7mp_mesh.protocols.http1.codec import ServerCodec
from l7mp_mesh.protocols.http1.codec_client import ClientCodec, ClientLeg, Http1Carrier
from l7mp_mesh.protocols.http1.options import Http1Options


class Http1Layer(Multiplexer):
    """HTTP/1.0 and 1.1; sessions of one layer are numbered from 0."""

    def __init__(self, options: Http1Options, clock: Clock) -> None:
        self._options = options
        self._clock = clock
        self._serials = count()

    def accept(self, lower: Leg, attributes: Attributes, emit: Accept) -> None:
        lower.start(ServerCodec(lower, attributes, emit, self._serials, self._options, self._clock))

    async def connect(self, lower: Leg, attributes: Attributes) -> Leg:
        codec = ClientCodec(lower, self._options, is_once=True)
        lower.start(codec)
        return ClientLeg(codec)

    async def carry(self, lower: Leg) -> Carrier:
        codec = ClientCodec(lower, self._options)
        lower.start(codec)
        return Http1Carrier(codec)

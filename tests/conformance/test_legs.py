"""Every protocol whose legs are streams or messages passes the conformance suite, on both event loops."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from pathlib import Path

import pytest
import uvloop
from conformance.check_leg import MakePair, Pair, check_legs

from l7mp_mesh.io.clock import LoopClock
from l7mp_mesh.model import cluster as model
from l7mp_mesh.model.endpoints import Endpoint, EndpointSet
from l7mp_mesh.model.listener import Listener
from l7mp_mesh.model.protocol import ProtocolUse
from l7mp_mesh.observe.stats import Counter, Gauge, Histogram, Stats
from l7mp_mesh.pipe.head import STREAM_HEAD
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.pipe.verbs import OPEN_VALVE
from l7mp_mesh.ports.attributes import Attributes, Peer
from l7mp_mesh.ports.environment import Environment
from l7mp_mesh.ports.leg import Leg
from l7mp_mesh.protocols import PROTOCOLS
from l7mp_mesh.protocols.http.rescue import reply_for
from l7mp_mesh.protocols.tcp.options import TcpClusterOptions, TcpListenerOptions
from l7mp_mesh.protocols.udp.options import UdpClusterOptions, UdpListenerOptions
from l7mp_mesh.protocols.unix.options import UnixClusterOptions, UnixListenerOptions
from l7mp_mesh.protocols.websocket.options import WebSocketClusterOptions, WebSocketListenerOptions
from l7mp_mesh.routing.table import Cell
from l7mp_mesh.runtime.compile import balance, make_cluster
from l7mp_mesh.runtime.listeners import ListenerRun
from l7mp_mesh.session.source import Source, SourceStats

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}


def options(protocol: str, folder: Path) -> tuple[Hashable, Hashable]:
    """Of a listener on a free address, and of a cluster."""
    place = {"port": 0, "address": "127.0.0.1"}
    return {
        "TCP": (TcpListenerOptions(**place), TcpClusterOptions()),
        "UDP": (UdpListenerOptions(**place), UdpClusterOptions()),
        "WebSocket": (WebSocketListenerOptions(**place), WebSocketClusterOptions()),
        "UnixDomainSocket": (UnixListenerOptions(filename=str(folder / "s")), UnixClusterOptions()),
    }[protocol]


class Bench:
    """A listener of one protocol, and a cluster that leads to it."""

    def __init__(self, protocol: str, folder: Path) -> None:
        self._protocol = protocol
        down, self._up = options(protocol, folder)
        self._environment = Environment(LoopClock(), {})
        self._accepted: asyncio.Queue[Leg] = asyncio.Queue()
        use = ProtocolUse(protocol, down)
        listener = Listener("bench", use, "none")
        self._source = Source(
            listener,
            Cell("none"),
            SourceStats(Counter(), Counter(), Gauge(), Counter(), Counter(), Histogram()),
            reply_for,
        )
        self._run = ListenerRun(listener, PROTOCOLS, self._environment, self._take)

    async def start(self) -> None:
        await self._run.bind()
        await self._run.serve(self._source)

    def stop(self) -> None:
        self._run.stop()
        while not self._accepted.empty():
            # A datagram that came after its flow was closed began a new one.
            self._accepted.get_nowait().close(Reason.OK)

    def _take(self, leg: Leg, attributes: Attributes, source: Source) -> None:
        del attributes, source
        self._accepted.put_nowait(leg)

    async def pair(self) -> Pair:
        """A new connection: the leg that the listener emitted, and the one that was opened."""
        acceptor = self._run.acceptor
        value = model.Cluster("bench", ProtocolUse(self._protocol, self._up))
        cluster = make_cluster(value, PROTOCOLS, self._environment, Stats())
        if self._protocol == "UnixDomainSocket":
            endpoint = Endpoint("e", acceptor.address)
        else:
            endpoint = Endpoint("e", "127.0.0.1", acceptor.port)
        balance(cluster, value, EndpointSet("bench", (endpoint,)), PROTOCOLS)
        attributes = Attributes("bench", "TEST", Peer("TCP", "127.0.0.1", 1, "127.0.0.1", 2), 0)
        opening = asyncio.ensure_future(cluster.open(attributes, within=5.0))
        if self._protocol == "UDP":
            # There is no connection to accept: the first datagram makes the flow.
            up = (await opening).leg
            up.sink.data(b"", 0)
            return await self._next(), up
        down = await self._next()
        if self._protocol == "WebSocket":
            # The handshake is answered when the session opens the client's side.
            down.sink.open(STREAM_HEAD, OPEN_VALVE)
        return down, (await opening).leg

    async def _next(self) -> Leg:
        async with asyncio.timeout(5.0):
            return await self._accepted.get()


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("protocol", ["TCP", "UDP", "WebSocket", "UnixDomainSocket"])
def test_legs_conform(protocol: str, loop: str, tmp_path: Path) -> None:
    async def run() -> None:
        bench = Bench(protocol, tmp_path)
        await bench.start()
        try:
            make: MakePair = bench.pair
            await check_legs(make, has_end=protocol != "UDP")
        finally:
            bench.stop()

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(run())

"""A listener holds no more connections at once than it may."""

from __future__ import annotations

import asyncio

from support.clock import FakeClock
from support.loop import inside

from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.ports.attributes import Attributes
from l7mp_mesh.ports.environment import Environment
from l7mp_mesh.ports.leg import Leg
from l7mp_mesh.protocols.tcp.acceptor import TcpAcceptor
from l7mp_mesh.protocols.tcp.options import TcpListenerOptions


class Rig:
    """A listener with room for one."""

    def __init__(self) -> None:
        options = TcpListenerOptions(port=0, address="127.0.0.1", max_connections=1)
        self.acceptor = TcpAcceptor(options, "in", Environment(FakeClock(), {}))
        self.acceptor.refused = self._refused
        self.refusals = 0
        self.legs: asyncio.Queue[Leg] = asyncio.Queue()

    async def start(self) -> None:
        await self.acceptor.bind()
        await self.acceptor.serve(self._accept)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.acceptor.port)

    def _accept(self, leg: Leg, attributes: Attributes) -> None:
        del attributes
        self.legs.put_nowait(leg)

    def _refused(self) -> None:
        self.refusals += 1


@inside
async def test_a_connection_beyond_the_limit_is_reset_until_one_is_lost() -> None:
    rig = Rig()
    await rig.start()
    first, one = await rig.connect()
    leg = await rig.legs.get()
    second, two = await rig.connect()
    try:
        assert await second.read() == b""
    except ConnectionResetError:
        two.close()
    assert (rig.refusals, rig.legs.empty()) == (1, True)
    leg.close(Reason.OK)
    assert await first.read() == b""
    _, three = await rig.connect()
    (await rig.legs.get()).close(Reason.OK)
    assert rig.refusals == 1
    for writer in (one, two, three):
        writer.close()
    rig.acceptor.stop()

"""A UDP listener emits no more sessions at once than it may."""

from __future__ import annotations

from support.clock import FakeClock
from support.loop import inside

from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.ports.attributes import Attributes
from l7mp_mesh.ports.environment import Environment
from l7mp_mesh.ports.leg import Leg
from l7mp_mesh.protocols.udp.acceptor import UdpAcceptor
from l7mp_mesh.protocols.udp.flows import UdpPort, UdpPorts
from l7mp_mesh.protocols.udp.options import UdpListenerOptions


class Rig:
    """An acceptor with room for two, and the port that it listens on."""

    def __init__(self) -> None:
        environment = Environment(FakeClock(), {})
        options = UdpListenerOptions(port=0, address="127.0.0.1", max_sessions=2)
        self.acceptor = UdpAcceptor(options, "in", environment)
        self.acceptor.refused = self._refused
        self.refusals = 0
        self.legs: list[Leg] = []

    def accept(self, leg: Leg, attributes: Attributes) -> None:
        del attributes
        self.legs.append(leg)

    def _refused(self) -> None:
        self.refusals += 1


def from_peer(port: UdpPort, number: int) -> None:
    port.received(b"x", ("127.0.0.1", number))


@inside
async def test_a_peer_beyond_the_limit_is_refused_until_a_session_ends() -> None:
    rig = Rig()
    ports = UdpPorts()
    clock = FakeClock()
    port = await ports.claim(("127.0.0.1", 0), rig.acceptor, clock)
    await rig.acceptor.bind()
    await rig.acceptor.serve(rig.accept)
    for number in (1, 2, 3, 1):
        from_peer(port, number)
    assert (len(rig.legs), rig.refusals) == (2, 1)
    rig.legs[0].close(Reason.OK)
    rig.legs[0].close(Reason.OK)
    from_peer(port, 3)
    from_peer(port, 4)
    assert (len(rig.legs), rig.refusals) == (3, 2)
    rig.acceptor.stop()
    for leg in rig.legs:
        leg.close(Reason.OK)
    port.drop(rig.acceptor)

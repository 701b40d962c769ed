"""What a running listener does with its acceptor and its layers."""

from __future__ import annotations

from support.clock import FakeClock

from l7mp_mesh.model.listener import Listener
from l7mp_mesh.model.options import NoOptions
from l7mp_mesh.model.protocol import ProtocolUse
from l7mp_mesh.ports.attributes import Attributes
from l7mp_mesh.ports.environment import Environment
from l7mp_mesh.ports.layer import Accept, Acceptor, Layer
from l7mp_mesh.ports.leg import Kind, Leg
from l7mp_mesh.protocols.base import ListenerRole, Protocol
from l7mp_mesh.runtime.listeners import ListenerRun
from l7mp_mesh.session.source import Source


class Noting(Acceptor, Layer):
    """An acceptor and the layer above it; `log` is what they were told."""

    def __init__(self, log: list[str]) -> None:
        self._log = log

    async def bind(self) -> None:
        self._log.append("bind")

    async def serve(self, accept: Accept) -> None:
        self._log.append("serve")

    def stop(self) -> None:
        self._log.append("stop")

    @property
    def address(self) -> str:
        return "here"

    def accept(self, lower: Leg, attributes: Attributes, emit: Accept) -> None:
        self._log.append("accept")

    async def connect(self, lower: Leg, attributes: Attributes) -> Leg:
        return lower

    def drain(self) -> None:
        self._log.append("drain")


def nothing(_leg: Leg, _attributes: Attributes, _source: Source) -> None:
    """Begin no session."""


def test_a_listener_that_stops_drains_its_layers_after_it_has_released_its_address() -> None:
    log: list[str] = []
    layer = Noting(log)
    role = ListenerRole(NoOptions, lambda *_: layer, lambda *_: (layer,))
    table = {"P": Protocol("P", Kind.STREAM, listener=role)}
    listener = Listener("l", ProtocolUse("P", NoOptions()), rules="r")
    run = ListenerRun(listener, table, Environment(FakeClock(), {}), nothing)
    run.stop()
    assert log == ["stop", "drain"]

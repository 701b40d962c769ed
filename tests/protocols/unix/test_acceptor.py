"""What is known about a client of a UNIX socket."""

from __future__ import annotations

from support.clock import FakeClock

from l7mp_mesh.io.serve import AcceptedDriver
from l7mp_mesh.ports.environment import Environment
from l7mp_mesh.protocols.unix.acceptor import IDLE_TIMEOUT, UnixAcceptor
from l7mp_mesh.protocols.unix.options import UnixListenerOptions


def test_a_client_may_be_silent_for_an_hour() -> None:
    acceptor = UnixAcceptor(UnixListenerOptions(filename="/nowhere"), "in", Environment(FakeClock(), {}))
    attributes = acceptor.describe(AcceptedDriver(lambda _: None))
    assert attributes.idle_timeout == IDLE_TIMEOUT == 3600
    assert attributes.name == "UNIX:in-0"

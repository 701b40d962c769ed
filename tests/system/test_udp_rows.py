"""UDP as listener and cluster: singleton and server mode, filters, bursts, sizes, IPv6 and idle time-out."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from support import net
from support.mesh import Mesh
from support.servers import tcp_server, udp_server
from support.shape import builtin, cluster, listener

BURST = 20


class Rig:
    """The process, the ports its listeners were told of, and what its servers saw."""

    def __init__(self, mesh: Mesh, seen: list[tuple[bytes, Any]], ports: dict[str, int]) -> None:
        self.mesh = mesh
        self.seen = seen
        self.ports = ports

    def session_of(self, name: str, sock: socket.socket) -> dict[str, Any] | None:
        """The session of a client, if it is in the inventory."""
        port = sock.getsockname()[1]
        found = [item for item in self.mesh.sessions(name) if item["metadata"]["UDP"]["src_port"] == port]
        assert len(found) < 2, found
        return found[0] if found else None


@pytest.fixture(scope="module", params=["uvloop", "asyncio"])
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    with ExitStack() as stack:
        echo, seen = stack.enter_context(udp_server())
        stream, _ = stack.enter_context(tcp_server())
        ports = {
            word: net.free_port(socket.SOCK_DGRAM)
            for word in ("shared", "exact", "peer", "singleton-peer", "half", "dual")
        }
        mesh = stack.enter_context(Mesh(_config(echo, stream, ports), "--loop", request.param))
        yield Rig(mesh, seen, ports)


def _config(echo: int, stream: int, ports: dict[str, int]) -> dict[str, Any]:
    here = "127.0.0.1"
    shared = {"port": ports["shared"]}
    return {
        "listeners": [
            listener("server", "UDP", "up"),
            listener("concept", "UDP_server", "up"),
            listener("dual", "UDP", "up", address=""),
            listener("six", "UDP", "inline", address="::1"),
            listener("idle", "UDP", "up", idle_timeout=0.3),
            listener("singleton", "UDP", "up", connect={"address": here, "port": ports["singleton-peer"]}),
            listener("half-port", "UDP", "up", connect={"port": ports["half"]}),
            listener("half-address", "UDP", "up", connect={"address": "127.0.0.2"}),
            listener(
                "dual-singleton", "UDP", "inline", address="",
                connect={"address": here, "port": ports["dual"]},
            ),
            listener("shared-any", "UDP", "says-any", **shared),
            listener("shared-peer", "UDP", "says-peer", **shared, connect={"port": ports["peer"]}),
            listener(
                "shared-exact", "UDP", "says-exact", **shared,
                connect={"address": here, "port": ports["exact"]},
            ),
            listener("to-stream", "UDP", "tcp"),
            listener("lost", "UDP", "no-such-cluster"),
        ],
        "clusters": [
            cluster("up", "UDP", echo),
            cluster("tcp", "TCP", stream),
            builtin("inline", "Echo"),
            builtin("says-any", "DirectResponse", body="any"),
            builtin("says-peer", "DirectResponse", body="peer"),
            builtin("says-exact", "DirectResponse", body="exact"),
        ],
    }  # fmt: skip


def test_singleton_emits_its_session_before_any_packet(rig: Rig) -> None:
    """Row 8: the one session is there from the start."""
    (session,) = rig.mesh.sessions("singleton")
    assert session["status"] == "CONNECTED"
    assert session["metadata"]["UDP"]["src_port"] == rig.ports["singleton-peer"]


def test_singleton_ignores_other_peers(rig: Rig) -> None:
    """Row 8: what a stranger sends never reaches the upstream."""
    port = rig.mesh.port("singleton")
    with net.udp(port) as stranger, net.udp(port, rig.ports["singleton-peer"]) as peer:
        stranger.send(b"from a stranger")
        assert net.ask(peer, b"from the peer") == b"from the peer"
        assert net.silent(stranger, 0.1)
    data = [message for message, _ in rig.seen]
    assert b"from the peer" in data
    assert b"from a stranger" not in data
    assert len(rig.mesh.sessions("singleton")) == 1


@pytest.mark.parametrize("name", ["server", "concept"])
def test_each_client_gets_a_session_of_its_own(rig: Rig, name: str) -> None:
    """Row 9: two clients, two sessions, named after both ends."""
    with net.udp(rig.mesh.port(name)) as one, net.udp(rig.mesh.port(name)) as other:
        assert net.ask(one, b"1") == b"1"
        assert net.ask(other, b"2") == b"2"
        first, second = rig.session_of(name, one), rig.session_of(name, other)
        assert first is not None
        assert second is not None
        ends = f"127.0.0.1:{one.getsockname()[1]}-127.0.0.1:{rig.mesh.port(name)}"
        assert first["name"].startswith(f"UDP:{ends}-")
        assert first["metadata"]["IP"] == {"src_addr": "127.0.0.1", "dst_addr": "127.0.0.1"}


def test_first_burst_is_one_session_in_order(rig: Rig) -> None:
    """Row 9: twenty datagrams at once from a new client."""
    with net.udp(rig.mesh.port("server")) as sock:
        sent = [b"burst %d" % number for number in range(BURST)]
        for message in sent:
            sock.send(message)
        assert [sock.recv(100) for _ in sent] == sent
        session = rig.session_of("server", sock)
        assert session is not None
        assert session["statistics"]["received"]["messages"] == BURST


def test_half_connected_by_port_takes_that_port_only(rig: Rig) -> None:
    """Row 10: `connect: {port}`."""
    port = rig.mesh.port("half-port")
    with net.udp(port) as stranger, net.udp(port, rig.ports["half"]) as peer:
        stranger.send(b"no")
        assert net.ask(peer, b"yes") == b"yes"
        assert net.silent(stranger, 0.1)
    assert len(rig.mesh.sessions("half-port")) == 1


def test_half_connected_by_address_takes_that_address_only(rig: Rig) -> None:
    """Row 10: `connect: {address}`."""
    port = rig.mesh.port("half-address")
    with net.udp(port) as stranger, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.settimeout(net.DEADLINE)
        peer.bind(("127.0.0.2", 0))
        peer.connect(("127.0.0.1", port))
        stranger.send(b"no")
        assert net.ask(peer, b"yes") == b"yes"
        assert net.silent(stranger, 0.1)


def test_dual_stack_listener_knows_its_ipv4_peer(rig: Rig) -> None:
    """Row 8: a singleton bound to every address answers the IPv4 peer it is connected to."""
    with net.udp(rig.mesh.port("dual-singleton"), rig.ports["dual"]) as peer:
        assert net.ask(peer, b"four") == b"four"


def test_one_listener_serves_both_families(rig: Rig) -> None:
    """Core: IPv4 and IPv6 on one dual-stack listener, and an IPv6-only one."""
    port = rig.mesh.port("dual")
    with net.udp(port) as four, net.udp(port, host="::1") as six:
        assert net.ask(four, b"4") == b"4"
        assert net.ask(six, b"6") == b"6"
        session = rig.session_of("dual", six)
        assert session is not None
        assert session["metadata"]["IP"]["src_addr"] == "::1"
        session = rig.session_of("dual", four)
        assert session is not None
        assert session["metadata"]["IP"]["src_addr"] in ("127.0.0.1", "::ffff:127.0.0.1")
    with net.udp(rig.mesh.port("six"), host="::1") as sock:
        assert net.ask(sock, b"only 6") == b"only 6"


def test_listeners_share_a_port_by_their_filters(rig: Rig) -> None:
    """Core: the most specific filter gets the peer."""
    port = rig.ports["shared"]
    with (
        net.udp(port) as anyone,
        net.udp(port, rig.ports["peer"]) as peer,
        net.udp(port, rig.ports["exact"]) as exact,
    ):
        assert [net.ask(sock, b"?") for sock in (anyone, peer)] == [b"any", b"peer"]
        assert net.ask(exact, b"?") == b"exact"


@pytest.mark.parametrize("size", [0, 1, 1472, 1473, 65507])
def test_any_size_of_datagram_passes(rig: Rig, size: int) -> None:
    """Core: from nothing at all to the longest one."""
    with net.udp(rig.mesh.port("server")) as sock:
        assert net.ask(sock, b"before") == b"before"
        message = b"x" * size
        assert net.ask(sock, message) == message
        assert net.ask(sock, b"after") == b"after"


def test_empty_datagram_may_be_the_first(rig: Rig) -> None:
    """Core: it begins a session like any other."""
    with net.udp(rig.mesh.port("server")) as sock:
        assert net.ask(sock, b"") == b""
        assert rig.session_of("server", sock) is not None


def test_silence_ends_a_session(rig: Rig) -> None:
    """Core: idle time-out; the next datagram begins a new session."""
    with net.udp(rig.mesh.port("idle")) as sock:
        assert net.ask(sock, b"one") == b"one"
        session = rig.session_of("idle", sock)
        assert session is not None
        net.eventually(lambda: rig.session_of("idle", sock) is None)
        assert net.ask(sock, b"two") == b"two"
        again = rig.session_of("idle", sock)
        assert again is not None
        assert again["name"] != session["name"]


def test_lost_boundaries_are_told(rig: Rig) -> None:
    """Row 23: datagrams into a byte stream warn once per session, and mark it in the listing."""
    with net.udp(rig.mesh.port("to-stream")) as sock:
        for _ in range(3):
            assert net.ask(sock, b"x") == b"x"
        session = rig.session_of("to-stream", sock)
        assert session is not None
        assert session["loses_boundaries"] is True
        warnings = [
            line
            for line in rig.mesh.log.splitlines()
            if "boundaries are lost" in line and session["name"] in line
        ]
        assert len(warnings) == 1
        assert "WARN" in warnings[0].upper()
    with net.udp(rig.mesh.port("server")) as sock:
        assert net.ask(sock, b"x") == b"x"
        session = rig.session_of("server", sock)
        assert session is not None
        assert session["loses_boundaries"] is False


def test_session_that_can_not_be_routed_leaves_nothing(rig: Rig) -> None:
    """Core: a UDP peer hears nothing of it, and nothing stays behind."""
    with net.udp(rig.mesh.port("lost")) as sock:
        sock.send(b"x")
        assert net.silent(sock, 0.1)
    assert json.dumps(rig.mesh.sessions("lost")) == "[]"

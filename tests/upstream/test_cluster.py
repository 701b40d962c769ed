"""Legs to the endpoints of a cluster."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest
from support.attributes import session
from support.carrier import FakeConnector, FakeMultiplexer
from support.loop import inside

from l7mp_mesh.model.cluster import LbPolicy, LoadBalancing
from l7mp_mesh.model.endpoints import Endpoint, EndpointSet
from l7mp_mesh.observe.stats import Stats
from l7mp_mesh.pipe.kind import Kind
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.ports.layer import ConnectFailed
from l7mp_mesh.upstream.balancers import make_balancer
from l7mp_mesh.upstream.cluster import Cluster, ClusterStats, Stack, authority_of

ONE, OTHER = Endpoint("e1", "10.0.0.1", 80), Endpoint("e2", "10.0.0.2", 80)
IN_TURN = LoadBalancing(LbPolicy.ROUND_ROBIN)


class Rig:
    """A cluster of two endpoints, and what its legs are made of."""

    def __init__(
        self,
        *,
        shares: bool = False,
        connect_timeout: float | None = None,
        balancing: LoadBalancing | None = None,
        is_virtual: bool = False,
    ) -> None:
        stats = Stats()
        self.connector = FakeConnector()
        self.multiplexer = FakeMultiplexer()
        self.stats = ClusterStats(stats.counter("r", "-"), stats.counter("f", "-"), stats.gauge("a", "-"))
        self.cluster = Cluster(
            "c",
            Kind.EXCHANGE if shares else Kind.STREAM,
            Stack.of(self.connector, (self.multiplexer,) if shares else ()),
            self.stats,
            is_virtual=is_virtual,
            is_retriable=True,
            connect_timeout=connect_timeout,
        )
        self._balancing = LoadBalancing() if balancing is None else balancing
        self.endpoints(ONE, OTHER)

    def endpoints(self, *endpoints: Endpoint) -> None:
        """Exactly these from now on."""
        known = EndpointSet("c", endpoints)
        self.cluster.balance(known, make_balancer(self._balancing, known) if endpoints else None)


@inside
async def test_a_leg_goes_to_the_first_candidate() -> None:
    rig = Rig()
    lease = await rig.cluster.open(session(), within=1)
    assert (lease.endpoint, rig.connector.connected) == (ONE, [ONE])
    assert (rig.stats.requests.value, rig.stats.active.value) == (1, 1)
    lease.give_back(Reason.OK)
    lease.give_back(Reason.OK)
    assert rig.stats.active.value == 0
    assert rig.connector.legs[0].closed is Reason.OK


@inside
async def test_what_failed_before_is_avoided_while_there_is_another() -> None:
    rig = Rig()
    assert (await rig.cluster.open(session(), within=1, avoid=[ONE])).endpoint == OTHER
    assert (await rig.cluster.open(session(), within=1, avoid=[ONE, OTHER])).endpoint == ONE


@inside
async def test_a_refused_connection_names_its_endpoint() -> None:
    rig = Rig()
    rig.connector.refused.add(ONE)
    with pytest.raises(ConnectFailed) as caught:
        await rig.cluster.open(session(), within=1)
    assert caught.value.reason is Reason.CONNECT_FAILED
    assert getattr(caught.value, "endpoint", None) == ONE
    assert (rig.stats.failures.value, rig.stats.active.value) == (1, 0)


@inside
async def test_a_connection_that_takes_too_long_is_given_up() -> None:
    for limits, within in ((None, 0.01), (0.01, 10.0)):
        rig = Rig(connect_timeout=limits)
        rig.connector.may_connect.clear()
        with pytest.raises(ConnectFailed) as caught:
            await rig.cluster.open(session(), within=within)
        assert caught.value.reason is Reason.CONNECT_TIMEOUT
        assert "within 0.01 s" in caught.value.detail


@inside
async def test_a_cluster_without_endpoints_says_so() -> None:
    rig = Rig()
    rig.endpoints()
    assert rig.cluster.lease(session()) is None
    with pytest.raises(ConnectFailed) as caught:
        await rig.cluster.open(session(), within=1)
    assert caught.value.reason is Reason.NO_ENDPOINT
    assert caught.value.detail == 'No endpoint in cluster "c"'


@inside
async def test_a_virtual_cluster_needs_no_endpoint() -> None:
    rig = Rig(is_virtual=True)
    rig.endpoints()
    lease = await rig.cluster.open(session(), within=1)
    assert lease.endpoint.address == "<VIRTUAL>"


@inside
async def test_an_idle_carrier_is_leased_without_waiting() -> None:
    rig = Rig(shares=True)
    assert rig.cluster.lease(session()) is None
    lease = await rig.cluster.open(session(), within=1)
    assert rig.cluster.lease(session()) is None
    (carrier,) = rig.multiplexer.carriers
    carrier.free()
    lease.give_back(Reason.OK)
    again = rig.cluster.lease(session())
    assert again is not None
    assert again.endpoint == ONE
    assert rig.connector.connected == [ONE]


@inside
async def test_the_endpoint_drawn_for_a_lease_is_the_one_that_is_opened() -> None:
    rig = Rig(shares=True, balancing=IN_TURN)
    chosen = []
    for _ in range(6):
        attributes = session()
        lease = rig.cluster.lease(attributes) or await rig.cluster.open(attributes, within=1)
        chosen.append(lease.endpoint)
    assert chosen.count(ONE) == chosen.count(OTHER) == 3
    assert all(one != following for one, following in pairwise(chosen))


@inside
async def test_a_drawn_endpoint_that_is_to_be_avoided_is_not_opened() -> None:
    rig = Rig(shares=True)
    attributes = session()
    assert rig.cluster.lease(attributes) is None
    assert (await rig.cluster.open(attributes, within=1, avoid=[ONE])).endpoint == OTHER


@inside
async def test_a_drawn_endpoint_that_was_removed_meanwhile_is_not_opened() -> None:
    rig = Rig(shares=True)
    attributes = session()
    assert rig.cluster.lease(attributes) is None
    rig.endpoints(OTHER)
    assert (await rig.cluster.open(attributes, within=1)).endpoint == OTHER


@inside
async def test_a_connection_made_while_its_endpoint_is_removed_serves_once() -> None:
    rig = Rig(shares=True)
    rig.connector.may_connect.clear()
    opening = asyncio.ensure_future(rig.cluster.open(session(), within=1))
    await asyncio.sleep(0)
    rig.endpoints(OTHER)
    rig.connector.may_connect.set()
    assert (await opening).endpoint == ONE
    (carrier,) = rig.multiplexer.carriers
    assert not carrier.is_closed()
    carrier.free()
    assert carrier.is_closed()


@inside
async def test_a_fresh_leg_does_not_come_from_the_pool() -> None:
    rig = Rig(shares=True)
    await rig.cluster.open(session(), within=1)
    rig.multiplexer.carriers[0].free()
    await rig.cluster.open(session(), within=1, is_fresh=True)
    assert rig.connector.connected == [ONE, ONE]


@inside
async def test_a_removed_endpoint_gets_no_more_legs_and_its_carriers_close() -> None:
    rig = Rig(shares=True)
    await rig.cluster.open(session(), within=1)
    (carrier,) = rig.multiplexer.carriers
    rig.endpoints(OTHER)
    carrier.free()
    assert carrier.is_closed()
    assert (await rig.cluster.open(session(), within=1)).endpoint == OTHER


@inside
async def test_idle_carriers_are_swept() -> None:
    rig = Rig(shares=True)
    await rig.cluster.open(session(), within=1)
    (carrier,) = rig.multiplexer.carriers
    carrier.free()
    for _ in range(3):
        rig.cluster.sweep(2)
    assert carrier.is_closed()


@inside
async def test_a_deleted_cluster_lets_its_legs_finish() -> None:
    rig = Rig(shares=True)
    await rig.cluster.open(session(), within=1)
    (carrier,) = rig.multiplexer.carriers
    rig.cluster.close()
    assert not carrier.is_closed()
    carrier.free()
    assert carrier.is_closed()


@pytest.mark.parametrize(
    ("endpoint", "authority"),
    [
        (ONE, b"10.0.0.1:80"),
        (Endpoint("e", "::1", 80), b"[::1]:80"),
        (Endpoint("e", "h.test"), b"h.test"),
    ],
)
def test_an_endpoint_is_a_host_as_requests_name_it(endpoint: Endpoint, authority: bytes) -> None:
    assert authority_of(endpoint, session()) == authority

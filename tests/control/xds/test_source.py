"""The client against a scripted management server, over a real connection."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import pytest
from support.ads import PATIENCE, Conversation, ScriptedServer, serving
from support.clock import FakeClock
from support.resources import (
    Resource,
    all_to,
    eds,
    eds_cluster,
    endpoint,
    http_rds,
    listener,
    routes,
    static,
    tcp_proxy,
)
from support.store import FakeStore

from l7mp_mesh.control.xds.bootstrap import read_bootstrap
from l7mp_mesh.control.xds.resource_type import ResourceType
from l7mp_mesh.control.xds.source import XdsSource
from l7mp_mesh.io.tasks import spawn
from l7mp_mesh.model.endpoints import EndpointSet
from l7mp_mesh.model.snapshot import Key, Kind

CDS, EDS, LDS, RDS = ResourceType


def bootstrap(port: int, *static_resources: Resource) -> Resource:
    service: Resource = {"envoy_grpc": {"cluster_name": "xds"}}
    return {
        "node": {"id": "me", "cluster": "test"},
        "dynamic_resources": {
            "ads_config": {"api_type": "GRPC", "transport_api_version": "V3", "grpc_services": [service]},
            "lds_config": {"ads": {}},
            "cds_config": {"ads": {}},
        },
        "static_resources": {
            "clusters": [plain(static("xds", endpoint(port))), *(plain(item) for item in static_resources)]
        },
    }


def plain(resource: Resource) -> Resource:
    return {key: value for key, value in resource.items() if key != "@type"}


class Rig:
    def __init__(self, port: int, *static_resources: Resource) -> None:
        self.clock = FakeClock()
        self.store = FakeStore()
        read = read_bootstrap(bootstrap(port, *static_resources))
        self.source = XdsSource(read, self.clock, apply_within=0.2)

    @property
    def listeners(self) -> set[str]:
        return {key.name for key in self.store.objects if key.kind is Kind.LISTENER}

    async def until(self, is_so: Callable[[], bool], *, passing: float = 0.0) -> None:
        """Turn the loop until it is so; `passing` lets that much time go by at each turn."""
        async with asyncio.timeout(PATIENCE):
            while not is_so():
                self.clock.advance(passing)
                await asyncio.sleep(0.005)


@asynccontextmanager
async def running(port: int, *static_resources: Resource) -> AsyncIterator[Rig]:
    rig = Rig(port, *static_resources)
    task = spawn("xds under test", rig.source.run(rig.store))
    try:
        yield rig
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def greeted(server: ScriptedServer) -> Conversation:
    """A stream that has got so far as to ask for listeners; there are no clusters."""
    talk = await server.conversation()
    await talk.expect("CDS  v n me")
    talk.send(CDS, "0", "0")
    await talk.expect("CDS  v0 n0", "LDS  v n")
    return talk


def tcp(name: str, cluster: str = "c", port: int = 8080) -> Resource:
    return listener(name, tcp_proxy(cluster=cluster), port)


def test_a_configuration_arrives_clusters_first_and_is_acknowledged() -> None:
    async def main() -> None:
        async with serving(ScriptedServer()) as server, running(server.port) as rig:
            talk = await server.conversation()
            await talk.expect("CDS  v n me")
            talk.send(CDS, "1", "a", eds_cluster("c"))
            await talk.expect("EDS c v n", "CDS  v1 na")
            talk.send(EDS, "1", "b", eds("c", endpoint(9)), eds("not asked for", endpoint(9)))
            await talk.expect("EDS c v1 nb", "LDS  v n")
            talk.send(LDS, "1", "c", http_rds("front", "main"), tcp("db"))
            await talk.expect("RDS main v n", "LDS  v1 nc")
            assert rig.listeners == {"db"}
            talk.send(RDS, "1", "d", all_to("main", "c"))
            await talk.expect("RDS main v1 nd")
            await rig.until(lambda: rig.listeners == {"db", "front"})
            assert [update.source for update in rig.store.updates] == [
                "xds:cds",
                "xds:eds",
                "xds:lds",
                "xds:rds",
                "xds:lds",
            ]
            assert not any(update.atomic for update in rig.store.updates)
            assert isinstance(rig.store.objects[Key(Kind.ENDPOINTS, "eds/c")], EndpointSet)
            assert Key(Kind.ENDPOINTS, "eds/not asked for") not in rig.store.objects
            status = rig.source.status
            assert (status.is_connected, status.control_plane) == (True, "scripted")
            assert {(one.name, one.version) for one in status.types} == {
                (name, "1") for name in ("CDS", "EDS", "LDS", "RDS")
            }

    asyncio.run(main())


def test_the_ack_follows_the_store() -> None:
    async def main() -> None:
        async with serving(ScriptedServer()) as server, running(server.port) as rig:
            talk = await greeted(server)
            rig.store.hold()
            talk.send(LDS, "1", "a", tcp("l"))
            await rig.until(lambda: bool(rig.store.updates))
            assert talk.requests.empty()
            assert rig.source.status.types[2].version == ""
            rig.store.go()
            await talk.expect("LDS  v1 na")

    asyncio.run(main())


def test_a_bad_resource_is_refused_by_name_and_path_and_the_good_ones_apply() -> None:
    async def main() -> None:
        async with serving(ScriptedServer()) as server, running(server.port) as rig:
            talk = await greeted(server)
            bad = {**tcp("bad"), "use_original_dst": True}
            talk.send(LDS, "1", "a", tcp("good"), bad, http_rds("worse", ""), tcp("good"))
            await talk.expect(
                "LDS  v na NACK listener 'bad': use_original_dst: not supported; "
                "listener 'worse': filter_chains[0].filters[0].typed_config.rds.route_config_name: "
                "is missing; "
                "listener 'good': is given twice"
            )
            assert rig.listeners == {"good"}
            assert "listener 'bad'" in rig.source.status.types[2].refused
            talk.send(LDS, "2", "b", tcp("good"), tcp("bad"))
            await talk.expect("LDS  v2 nb")
            assert rig.listeners == {"good", "bad"}
            assert rig.source.status.types[2].refused == ""

    asyncio.run(main())


def test_what_was_good_stays_when_its_successor_is_bad() -> None:
    async def main() -> None:
        async with serving(ScriptedServer()) as server, running(server.port) as rig:
            talk = await greeted(server)
            talk.send(CDS, "1", "a", static("c", endpoint(1)))
            await talk.expect("CDS  v1 na")
            before = dict(rig.store.objects)
            talk.send(CDS, "2", "b", static("c", endpoint(1), lb_policy="MAGLEV"))
            request = await talk.request()
            assert (request.version_info, request.response_nonce) == ("1", "b")
            assert "cluster 'c': lb_policy: not supported: MAGLEV" in request.error_detail.message
            assert rig.store.objects == before

    asyncio.run(main())


def test_a_refusal_by_the_store_is_a_nack_and_tried_again_with_the_next_response() -> None:
    async def main() -> None:
        async with serving(ScriptedServer()) as server, running(server.port) as rig:
            talk = await greeted(server)
            rig.store.refuse[Key(Kind.LISTENER, "l")] = "address in use"
            talk.send(LDS, "1", "a", tcp("l"), tcp("m"))
            await talk.expect("LDS  v na NACK listener 'l': spec.port: address in use")
            assert rig.listeners == {"m"}
            rig.store.refuse.clear()
            talk.send(LDS, "2", "b", tcp("l"), tcp("m"))
            await talk.expect("LDS  v2 nb")
            assert rig.listeners == {"l", "m"}

    asyncio.run(main())


def test_absent_listeners_and_clusters_are_removed_with_what_depends_on_them() -> None:
    async def main() -> None:
        async with serving(ScriptedServer()) as server, running(server.port) as rig:
            talk = await greeted(server)
            talk.send(CDS, "1", "a", eds_cluster("c"), eds_cluster("d"))
            await talk.expect("EDS c,d v n", "CDS  v1 na")
            talk.send(EDS, "1", "b", eds("c", endpoint(1)), eds("d", endpoint(1)))
            await talk.expect("EDS c,d v1 nb")
            talk.send(EDS, "2", "c", eds("c", endpoint(2)))
            await talk.expect("EDS c,d v2 nc")
            assert Key(Kind.ENDPOINTS, "eds/d") in rig.store.objects
            talk.send(LDS, "1", "d", http_rds("front", "main"))
            await talk.expect("RDS main v n", "LDS  v1 nd")
            talk.send(RDS, "1", "e", all_to("main", "c"))
            await talk.expect("RDS main v1 ne")
            talk.send(CDS, "2", "f", eds_cluster("c"))
            await talk.expect("EDS c v2 nc", "CDS  v2 nf")
            talk.send(LDS, "2", "g")
            await talk.expect("RDS  v1 ne", "LDS  v2 ng")
            expected = {Key(Kind.CLUSTER, "c"), Key(Kind.CLUSTER, "tcp/c"), Key(Kind.ENDPOINTS, "eds/c")}
            await rig.until(lambda: rig.store.objects.keys() == expected)

    asyncio.run(main())


def test_a_route_configuration_changes_in_place_and_loses_what_it_drops() -> None:
    async def main() -> None:
        async with serving(ScriptedServer()) as server, running(server.port) as rig:
            talk = await greeted(server)
            talk.send(LDS, "1", "a", http_rds("front", "main"))
            await talk.expect("RDS main v n", "LDS  v1 na")
            talk.send(RDS, "1", "b", all_to("main", "c"))
            await talk.expect("RDS main v1 nb")
            talk.send(RDS, "2", "c", routes("main"))
            await talk.expect("RDS main v2 nc")
            last = rig.store.updates[-1]
            assert last.upserts.keys() == {Key(Kind.RULELIST, "rds/main")}
            assert Key(Kind.RULELIST, "rds/main/all") in last.removals
            talk.send(RDS, "2", "d", routes("main"))
            await talk.expect("RDS main v2 nd")
            assert rig.store.updates[-1] is last

    asyncio.run(main())


def test_a_listener_whose_routes_do_not_come_is_bound_after_a_while() -> None:
    async def main() -> None:
        async with serving(ScriptedServer()) as server, running(server.port) as rig:
            talk = await greeted(server)
            talk.send(LDS, "1", "a", http_rds("front", "main"))
            await talk.expect("RDS main v n", "LDS  v1 na")
            assert rig.listeners == set()
            await rig.until(lambda: rig.listeners == {"front"}, passing=1.0)

    asyncio.run(main())


def test_a_lost_server_is_found_again_with_the_accepted_versions_and_the_configuration_stays() -> None:
    async def main() -> None:
        server = ScriptedServer()
        async with serving(server):
            port = server.port
            rig = Rig(port)
            task = spawn("xds under test", rig.source.run(rig.store))
            talk = await greeted(server)
            talk.send(CDS, "7", "a", eds_cluster("c"))
            await talk.expect("EDS c v n", "CDS  v7 na")
        try:
            await rig.until(lambda: not rig.source.status.is_connected)
            assert Key(Kind.CLUSTER, "c") in rig.store.objects
            assert rig.source.status.last_error != ""
            await rig.until(lambda: rig.source.status.attempts > 2, passing=5.0)
            again = ScriptedServer()
            async with serving(again, port):
                waiting = asyncio.ensure_future(again.conversation())
                await rig.until(waiting.done, passing=5.0)
                talk = await waiting
                await talk.expect("CDS  v7 n me", "EDS c v n", "LDS  v n")
                talk.send(CDS, "8", "x", static("d", endpoint(1)))
                await talk.expect("EDS  v n", "CDS  v8 nx")
                assert Key(Kind.CLUSTER, "c") not in rig.store.objects
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    asyncio.run(main())


def test_a_stream_that_carries_nonsense_is_opened_again() -> None:
    async def main() -> None:
        async with serving(ScriptedServer()) as server, running(server.port) as rig:
            talk = await greeted(server)
            talk.send_raw(b"\xff\xff\xff")
            waiting = asyncio.ensure_future(server.conversation())
            await rig.until(waiting.done, passing=0.5)
            await (await waiting).expect("CDS  v0 n me", "LDS  v n")
            assert "DiscoveryResponse" in rig.source.status.last_error

    asyncio.run(main())


def test_a_stream_that_the_server_ends_is_opened_again() -> None:
    async def main() -> None:
        async with serving(ScriptedServer()) as server, running(server.port) as rig:
            talk = await greeted(server)
            talk.close()
            waiting = asyncio.ensure_future(server.conversation())
            await rig.until(waiting.done, passing=0.5)
            await (await waiting).expect("CDS  v0 n me", "LDS  v n")

    asyncio.run(main())


def test_static_resources_are_there_before_the_server_is() -> None:
    async def main() -> None:
        async with running(1, static("local", endpoint(5))) as rig:
            await rig.until(lambda: Key(Kind.CLUSTER, "local") in rig.store.objects)
            assert Key(Kind.CLUSTER, "xds") not in rig.store.objects
            assert rig.store.updates[0].source == "xds:static"

    asyncio.run(main())


@pytest.mark.parametrize("count", [2000])
def test_thousands_of_clusters_fit_into_one_response(count: int) -> None:
    async def main() -> None:
        async with serving(ScriptedServer()) as server, running(server.port) as rig:
            talk = await greeted(server)
            talk.send(CDS, "1", "a", *(eds_cluster(f"c{number}") for number in range(count)))
            request = await talk.request()
            assert len(request.resource_names) == count
            await talk.expect("CDS  v1 na")
            assert len(rig.store.objects) == 2 * count

    asyncio.run(main())


def test_listeners_are_asked_for_after_a_while_if_there_are_no_clusters_or_no_endpoints() -> None:
    async def main() -> None:
        async with serving(ScriptedServer()) as server, running(server.port) as rig:
            talk = await server.conversation()
            await talk.expect("CDS  v n me")
            talk.send(CDS, "1", "a", eds_cluster("c"))
            await talk.expect("EDS c v n", "CDS  v1 na")
            await rig.until(lambda: not talk.requests.empty(), passing=1.0)
            await talk.expect("LDS  v n")

    asyncio.run(main())


def test_a_change_that_takes_too_long_is_refused_and_applied_late_as_a_whole() -> None:
    async def main() -> None:
        async with serving(ScriptedServer()) as server, running(server.port) as rig:
            talk = await greeted(server)
            rig.store.hold()
            talk.send(LDS, "1", "a", tcp("l"))
            await talk.expect("LDS  v na NACK listener '*': the update was not applied")
            rig.store.go()
            await rig.until(lambda: rig.listeners == {"l"})
            talk.send(LDS, "2", "b")
            await talk.expect("LDS  v2 nb")
            assert rig.listeners == set()

    asyncio.run(main())


def test_a_store_that_crashes_ends_neither_the_stream_nor_the_source() -> None:
    async def main() -> None:
        async with serving(ScriptedServer()) as server, running(server.port) as rig:
            talk = await greeted(server)
            rig.store.crash = ValueError("unexpected")
            talk.send(LDS, "1", "a", tcp("l"))
            await talk.expect("LDS  v na NACK listener '*': the update was not applied")
            rig.store.crash = None
            talk.send(LDS, "2", "b", tcp("l"))
            await talk.expect("LDS  v2 nb")
            assert rig.listeners == {"l"}

    asyncio.run(main())

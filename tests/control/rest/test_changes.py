"""What changes, what goes, and what stays."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest
from support.attributes import session
from support.net import free_port
from support.rest import ECHO, OK, Api, listener, to, with_api

from l7mp_mesh.pipe.head import RequestHead
from l7mp_mesh.pipe.headers import Headers

KINDS = ("listeners", "clusters", "rulelists", "rules", "routes", "endpoints")


def tcp(name: str, *addresses: str) -> dict[str, Any]:
    endpoints = [{"name": f"{name}-{one}", "spec": {"address": one}} for one in addresses]
    return {"cluster": {"name": name, "spec": {"protocol": "TCP", "port": 9}, "endpoints": endpoints}}


@with_api
async def test_what_is_written_inside_gets_a_name_made_of_its_owner(api: Api) -> None:
    route = {"destination": ECHO, "ingress": [ECHO], "egress": [ECHO]}
    body = {"listener": listener("l", ({"action": {"route": route}},))}
    await api.do("POST", "listeners", body)
    assert await api.names("rulelists") == ["l-RuleList-0"]
    assert await api.names("rules") == ["l-RuleList-0-Rule-0"]
    assert await api.names("routes") == ["l-RuleList-0-Rule-0-Route-0"]
    assert sorted(await api.names("clusters")) == [
        "l-RuleList-0-Rule-0-Route-0-Cluster-0",
        "l-RuleList-0-Rule-0-Route-0-egress-Cluster-2",
        "l-RuleList-0-Rule-0-Route-0-ingress-Cluster-1",
    ]


@with_api
async def test_generated_names_are_never_used_again(api: Api) -> None:
    for number in (0, 1):
        await api.do("POST", "listeners", {"listener": listener("l", (to("c"),))})
        assert await api.names("rulelists") == [f"l-RuleList-{number}"]
        await api.do("DELETE", "listeners/l?recursive=true")


@with_api
async def test_a_creation_is_whole_or_nothing(api: Api) -> None:
    await api.do("POST", "clusters", {"cluster": {"name": "c", **ECHO}})
    body = {"listener": listener("l", (to(ECHO), to({"name": "c", **ECHO})))}
    assert await api.refused("POST", "listeners", body) == 'Cannot add listener: Cluster "c" already defined'
    assert await api.get("rulelists") == []


@with_api
async def test_a_bind_error_reaches_the_caller(api: Api) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = await api.refused("POST", "listeners", {"listener": listener("l", (to(ECHO),), "TCP", port)})
    assert said.startswith(f"Cannot add listener: cannot bind 127.0.0.1:{port}")
    for word in KINDS:
        assert await api.get(word) == []


@with_api
async def test_a_listener_is_bound_before_the_answer(api: Api) -> None:
    await api.do("POST", "listeners", {"listener": listener("l", (to(ECHO),))})
    _, port = api.runtime.address("l")
    assert port > 0
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.close()
    await writer.wait_closed()


@with_api
async def test_deleting_takes_the_object_alone(api: Api) -> None:
    await api.do("POST", "listeners", {"listener": listener("l", (to(ECHO),))})
    await api.do("DELETE", "listeners/l")
    assert await api.get("listeners") == []
    assert [len(await api.get(word)) for word in ("rulelists", "rules", "routes", "clusters")] == [1] * 4
    assert api.ops.log == []


@with_api
async def test_deleting_recursively_takes_what_was_written_inside(api: Api) -> None:
    body = {"destination": ECHO, "ingress": [tcp("t", "127.0.0.1")["cluster"]]}
    await api.do("POST", "listeners", {"listener": listener("l", ({"action": {"route": body}},))})
    assert await api.names("endpoints") == ["t-127.0.0.1"]
    await api.do("DELETE", "listeners/l?recursive=true")
    for word in KINDS:
        assert await api.get(word) == []
    assert api.ops.log == [("end listener", "l")]


@with_api
async def test_what_two_listeners_share_goes_with_the_second(api: Api) -> None:
    await api.do("POST", "listeners", {"listener": listener("a", (to({"name": "shared", **ECHO}),))})
    await api.do("POST", "listeners", {"listener": listener("b", (to("shared"),))})
    await api.do("DELETE", "listeners/a?recursive=true")
    assert await api.names("clusters") == ["shared"]
    assert len(await api.get("routes")) == 1
    await api.do("DELETE", "listeners/b?recursive=true")
    assert await api.get("clusters") == []


@with_api
async def test_a_rule_list_that_another_one_applies_stays(api: Api) -> None:
    await api.do("POST", "listeners", {"listener": listener("a", (to(ECHO),))})
    [name] = await api.names("rulelists")
    await api.do("POST", "rules", {"rule": {"name": "goto", "action": {"apply": name}}})
    await api.do("DELETE", "listeners/a?recursive=true")
    assert await api.names("rulelists") == [name]
    await api.do("DELETE", "rules/goto?recursive=true")
    for word in KINDS:
        assert await api.get(word) == []


@with_api
async def test_named_objects_are_never_deleted_with_others(api: Api) -> None:
    await api.do("POST", "clusters", tcp("c", "127.0.0.1"))
    await api.do("POST", "routes", {"route": {"name": "x", "destination": "c"}})
    await api.do("POST", "rules", {"rule": {"name": "r", "action": {"route": "x"}}})
    await api.do("POST", "rulelists", {"rulelist": {"name": "rl", "rules": ["r"]}})
    await api.do("POST", "listeners", {"listener": listener("l", "rl")})
    await api.do("DELETE", "listeners/l?recursive=true")
    await api.do("DELETE", "rulelists/rl/rules/0?recursive=true")
    await api.do("DELETE", "rulelists/rl?recursive=true")
    assert (await api.names("rules"), await api.names("routes")) == (["r"], ["x"])
    await api.do("DELETE", "rules/r?recursive=true")
    await api.do("DELETE", "routes/x?recursive=true")
    assert await api.names("clusters") == ["c"]
    await api.do("DELETE", "clusters/c?recursive=true")
    assert api.ops.log == [("end listener", "l"), ("end cluster", "c")]
    assert await api.get("endpoints") == []


@with_api
async def test_endpoints_go_with_their_cluster(api: Api) -> None:
    await api.do("POST", "clusters", tcp("c", "127.0.0.1"))
    await api.do("DELETE", "clusters/c")
    assert await api.get("endpoints") == []
    await api.do("POST", "clusters", tcp("c", "127.0.0.1"))


@with_api
async def test_endpoints_are_added_and_taken_away(api: Api) -> None:
    await api.do("POST", "clusters", tcp("c"))
    for spec in ({"address": "127.0.0.1"}, {"address": "127.0.0.2", "port": 7}):
        await api.do("POST", "clusters/c/endpoints", {"endpoint": {"spec": spec, "weight": 3}})
    first, second = await api.get("clusters/c/endpoints")
    assert first == {"name": "c-EndPoint-0", "spec": {"address": "127.0.0.1"}, "weight": 3}
    assert await api.get("endpoints/c-EndPoint-1") == second
    assert (await api.get("clusters/c"))["endpoints"] == 2
    assert (await api.get("clusters/c?recursive=true"))["endpoints"] == [first, second]
    await api.do("DELETE", "endpoints/c-EndPoint-0?recursive=true")
    assert await api.get("endpoints") == [second]
    assert api.ops.log == [("disconnect endpoint", "c-EndPoint-0")]


@with_api
async def test_endpoints_added_at_once_are_all_there(api: Api) -> None:
    await api.do("POST", "clusters", tcp("c"))
    bodies = [{"endpoint": {"spec": {"address": f"127.0.0.{n}"}}} for n in range(1, 21)]
    replies = await asyncio.gather(*(api.call("POST", "clusters/c/endpoints", body) for body in bodies))
    assert {reply.status for reply in replies} == {200}
    assert (await api.get("clusters/c"))["endpoints"] == 20


@with_api
async def test_a_port_must_come_from_somewhere(api: Api) -> None:
    await api.do("POST", "clusters", {"cluster": {"name": "c", "spec": {"protocol": "TCP"}}})
    body = {"endpoint": {"spec": {"address": "127.0.0.1"}}}
    said = await api.refused("POST", "clusters/c/endpoints", body)
    assert said == "Cannot add endpoint: Property port is required: the cluster has none"


@with_api
async def test_rules_are_inserted_before_a_position(api: Api) -> None:
    await api.do("POST", "rulelists", {"rulelist": {"name": "rl", "rules": []}})
    await api.do("POST", "rulelists/rl/rules/0", {"rule": "b"})
    await api.do("POST", "rulelists/rl/rules/1", {"rule": {"name": "c", **to(ECHO)}})
    await api.do("POST", "rulelists/rl/rules/0", {"rule": to("x")})
    assert (await api.get("rulelists/rl"))["rules"] == ["rl-Rule-0", "b", "c"]
    assert await api.get("rulelists/rl/rules/1") == "b:<STALE>"
    assert (await api.get("rulelists/rl/rules/2?recursive=true"))["action"]["route"]["destination"]["spec"]
    await api.do("DELETE", "rulelists/rl/rules/0")
    await api.do("DELETE", "rulelists/rl/rules/c?recursive=true")
    assert (await api.get("rulelists/rl"))["rules"] == ["b"]
    assert await api.names("rules") == ["rl-Rule-0"]
    assert await api.get("clusters") == []


@with_api
async def test_a_rule_on_two_lists_stays_while_one_has_it(api: Api) -> None:
    for name in ("a", "b"):
        await api.do("POST", "rulelists", {"rulelist": {"name": name, "rules": []}})
    await api.do("POST", "rulelists/a/rules/0", {"rule": {"name": "r", **to("c")}})
    await api.do("POST", "rulelists/b/rules/0", {"rule": "r"})
    await api.do("DELETE", "rulelists/a/rules/r?recursive=true")
    assert await api.names("rules") == ["r"]
    await api.do("DELETE", "rulelists/b/rules/0?recursive=true")
    assert await api.get("rules") == []


@with_api
async def test_rule_lists_in_a_circle_are_refused(api: Api) -> None:
    await api.do("POST", "rulelists", {"rulelist": {"name": "a", "rules": ["r"]}})
    said = await api.refused("POST", "rules", {"rule": {"name": "r", "action": {"apply": "a"}}})
    assert "circle" in said


@with_api
async def test_put_creates_and_replaces(api: Api) -> None:
    for address in ("127.0.0.1", "127.0.0.2"):
        await api.do("PUT", "clusters/c", tcp("c", address))
        assert await api.names("endpoints") == [f"c-{address}"]
    for destination in ("c", "d"):
        await api.do("PUT", "routes/x", {"route": {"destination": destination}})
        assert (await api.get("routes/x"))["destination"] == destination
    said = await api.refused("PUT", "routes/x", {"route": {"name": "y", "destination": "c"}})
    assert said == 'Cannot update route: the path says "x", the body says "y"'


@with_api
async def test_the_same_put_twice_changes_nothing(api: Api) -> None:
    body = {"listener": listener("l", (to({"name": "in", **ECHO}), to(tcp("t", "127.0.0.1")["cluster"])))}
    await api.do("PUT", "listeners/l", body)
    before = api.store.snapshot
    await api.do("PUT", "listeners/l", body)
    assert api.store.snapshot.objects == before.objects


@with_api
async def test_put_leaves_nothing_behind(api: Api) -> None:
    await api.do("POST", "listeners", {"listener": listener("l", (to(ECHO), to(ECHO)))})
    await api.do("PUT", "listeners/l", {"listener": listener("l", (to("c"),))})
    assert [len(await api.get(word)) for word in ("rulelists", "rules", "routes", "clusters")] == [1, 1, 1, 0]
    await api.do("PUT", "listeners/l", {"listener": listener("l", "rl")})
    assert [len(await api.get(word)) for word in ("rulelists", "rules", "routes", "clusters")] == [0, 0, 0, 0]


@with_api
async def test_put_takes_nothing_from_others(api: Api) -> None:
    await api.do("POST", "clusters", {"cluster": {"name": "c", **ECHO}})
    body = {"route": {"destination": {"name": "c", "spec": {"protocol": "Discard"}}}}
    assert await api.refused("PUT", "routes/x", body) == 'Cannot update route: Cluster "c" already defined'


@with_api
async def test_an_inner_object_stays_one_when_it_is_put(api: Api) -> None:
    await api.do("POST", "rules", {"rule": {"name": "r", **to(ECHO)}})
    [name] = await api.names("routes")
    await api.do("PUT", f"routes/{name}", {"route": {"destination": "elsewhere"}})
    assert await api.get("clusters") == []
    await api.do("DELETE", "rules/r?recursive=true")
    assert await api.get("routes") == []


@with_api
async def test_a_refused_put_of_a_listener_leaves_the_old_one_serving(api: Api) -> None:
    port = free_port()
    await api.do("POST", "listeners", {"listener": listener("l", (to(ECHO),), "TCP", port)})
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        body = {"listener": listener("l", (to(ECHO),), "TCP", taken.getsockname()[1])}
        await api.refused("PUT", "listeners/l", body)
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.close()
    await writer.wait_closed()


@with_api
async def test_a_whole_configuration_is_set_at_once(api: Api) -> None:
    config = {
        "listeners": [listener("l", (to("c"),))],
        "clusters": [tcp("c", "127.0.0.1")["cluster"]],
        "admin": {"log_level": "warn"},
    }
    await api.do("POST", "clusters", {"cluster": {"name": "other", **ECHO}})
    await api.do("POST", "config", config)
    before = api.store.snapshot
    await api.do("POST", "config", config)
    assert api.store.snapshot.objects == before.objects
    shown = await api.get("config")
    sections = "admin listeners clusters rulelists rules routes endpoints transforms sessions"
    assert list(shown) == sections.split()
    assert [one["name"] for one in shown["clusters"]] == ["other", "c"]
    bad = {"clusters": [tcp("d", "127.0.0.1")["cluster"]], "listeners": [listener("m", (), "nonsense")]}
    assert (await api.refused("POST", "config", bad)).startswith("Cannot set configuration: ")
    stolen = {
        "clusters": [
            {**tcp("d")["cluster"], "endpoints": [{"name": "c-127.0.0.1", "spec": {"address": "h"}}]}
        ]
    }
    said = await api.refused("POST", "config", stolen)
    assert said == 'Cannot set configuration: EndPoint "c-127.0.0.1" already defined'


@with_api
async def test_settings_change_one_by_one(api: Api) -> None:
    await api.do("POST", "admin", {"admin": {"log_level": "warn", "access_log_path": "stdout"}})
    await api.do("POST", "admin", {"admin": {"log_file": "stdout"}})
    assert await api.get("admin") == {
        "log_level": "warn",
        "log_file": "stdout",
        "strict": False,
        "access_log_path": "stdout",
        "offload": False,
        "version": "1.2.3+abc",
    }
    await api.do("POST", "admin", {"admin": {"access_log_path": None}})
    assert "access_log_path" not in await api.get("admin")


@with_api
async def test_strict_mode_answers_422_with_a_list(api: Api) -> None:
    await api.do("POST", "admin", {"admin": {"strict": True}})
    unknown = {"cluster": {"name": "c", **ECHO, "colour": "red"}}
    reply = await api.call("POST", "clusters", unknown)
    assert reply.status == 422
    assert reply.body["message"] == "Unprocessable Entity: Input JSON schema validation failed"
    assert reply.content[0]["dataPath"] == "cluster.colour"
    for path, body in (
        ("routes", {"route": {"name": "x", "destination": "nowhere"}}),
        ("rulelists", {"rulelist": {"name": "x", "rules": ["nowhere"]}}),
        ("config", {"routes": [{"name": "x", "destination": "nowhere"}]}),
    ):
        reply = await api.call("POST", path, body)
        assert (reply.status, len(reply.content)) == (422, 1)
        assert "nowhere" in reply.content[0]["message"]
    assert (await api.call("POST", "clusters", b"{")).status == 400
    assert (await api.call("GET", "clusters/nowhere")).status == 400
    await api.do("POST", "routes", {"route": {"name": "x", "destination": "controller"}})


@with_api
async def test_strict_mode_looks_at_what_is_new_only(api: Api) -> None:
    await api.do("POST", "rulelists", {"rulelist": {"name": "rl", "rules": ["stale"]}})
    await api.do("POST", "admin", {"admin": {"strict": True}})
    await api.do("POST", "rulelists/rl/rules/0", {"rule": to(ECHO)})
    reply = await api.call("POST", "rulelists/rl/rules/0", {"rule": "nowhere"})
    assert reply.status == 422


@with_api
async def test_a_change_is_finished_when_the_client_goes_away(api: Api) -> None:
    asked = asyncio.ensure_future(api.call("POST", "listeners", {"listener": listener("l", (to(ECHO),))}))
    await asyncio.sleep(0)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert (await api.call("PUT", "listeners/l", {"listener": listener("l", "rl")})).body == OK
    assert await api.get("rules") == []


@with_api
async def test_the_api_describes_itself(api: Api) -> None:
    document = await api.get("openapi.json")
    assert document["paths"]["/rulelists/{name}/rules/{position}"]["post"]["requestBody"]
    known = document["components"]["schemas"]
    references = [
        part.split('"')[0] for part in str(document).replace("'", '"').split("#/components/schemas/")[1:]
    ]
    assert references
    assert set(references) <= set(known)


@with_api
async def test_sessions_end_after_the_answer_was_given(api: Api) -> None:
    await api.do("POST", "clusters", tcp("c", "127.0.0.1"))
    request = RequestHead(b"DELETE", b"/api/v1/clusters/c?recursive=true", b"h", Headers())
    head, _ = await api.controller.answer(request, b"", session())
    assert (head.status, api.ops.log) == (200, [])
    await asyncio.sleep(0)
    assert api.ops.log == [("end cluster", "c")]

"""Codes and texts that existing controllers read."""

from __future__ import annotations

from typing import Any

import pytest
from support.rest import ECHO, OK, Api, listener, to, with_api

CLUSTER = {"cluster": {"name": "c", **ECHO}}
ENDPOINT = {"endpoint": {"name": "e", "spec": {"address": "127.0.0.1"}}}
TCP = {"cluster": {"name": "t", "spec": {"protocol": "TCP", "port": 9}, "endpoints": [ENDPOINT["endpoint"]]}}

TEXTS: list[tuple[str, str, Any, str]] = [
    ("DELETE", "listeners/x", None, 'Cannot delete listener: Unknown listener "x"'),
    ("DELETE", "clusters/x", None, 'Cannot delete cluster: Unknown cluster "x"'),
    ("DELETE", "rulelists/x", None, 'Cannot delete rulelist: Unknown rulelist "x"'),
    ("DELETE", "rules/x", None, 'Cannot delete rule: Unknown rule "x"'),
    ("DELETE", "routes/x", None, 'Cannot delete route: Unknown route "x"'),
    ("DELETE", "transforms/x", None, 'Cannot delete transform: Unknown transform "x"'),
    ("DELETE", "endpoints/x", None, "Not Found"),
    ("DELETE", "sessions/x", None, "No such session"),
    ("GET", "listeners/x", None, "Not Found"),
    ("GET", "clusters/x", None, "Not Found"),
    ("GET", "rulelists/x", None, "Not Found"),
    ("GET", "rules/x", None, "Not Found"),
    ("GET", "routes/x", None, "Not Found"),
    ("GET", "transforms/x", None, "Not Found"),
    ("GET", "endpoints/x", None, "Not Found"),
    ("GET", "sessions/x", None, "Not Found"),
    ("GET", "clusters/x/endpoints", None, "No such cluster: x"),
    ("POST", "clusters/x/endpoints", ENDPOINT, "No such cluster: x"),
    ("GET", "rulelists/x/rules/0", None, "No such rule list: x"),
    ("POST", "rulelists/x/rules/0", {"rule": "r"}, "No such rule list: x"),
    ("DELETE", "rulelists/x/rules/0", None, "No such rule list: x"),
    ("GET", "rulelists/rl/rules/5", None, 'No rule at position 5 in RuleList "rl"'),
    ("GET", "rulelists/rl/rules/-1", None, 'No rule at position -1 in RuleList "rl"'),
    ("POST", "rulelists/rl/rules/9", {"rule": "r"}, "Cannot insert rule at position 9 into rulelist"),
    ("POST", "rulelists/rl/rules/x", {"rule": "r"}, "Cannot insert rule at position x into rulelist"),
    ("DELETE", "rulelists/rl/rules/rr", None, "No rule rr on rulelist rl"),
    ("DELETE", "rulelists/rl/rules/7", None, "No rule 7 on rulelist rl"),
    ("POST", "clusters", CLUSTER, 'Cannot add cluster: Cluster "c" already defined'),
    ("POST", "clusters", {"cluster": ECHO}, "Cannot add cluster: Property name is required"),
    ("POST", "listeners", {"listener": listener("l")}, 'Cannot add listener: Listener "l" already defined'),
    (
        "POST",
        "rulelists",
        {"rulelist": {"name": "rl", "rules": []}},
        'Cannot add RuleList: RuleList "rl" already defined',
    ),
    ("POST", "rules", {"rule": {"name": "r", **to("c")}}, 'Cannot add rule: Rule "r" already defined'),
    (
        "POST",
        "routes",
        {"route": {"name": "x1", "destination": "c"}},
        'Cannot add route: Route "x1" already defined',
    ),
    ("POST", "clusters/t/endpoints", ENDPOINT, 'Cannot add endpoint: EndPoint "e" already defined'),
    (
        "POST",
        "clusters/c/endpoints",
        ENDPOINT,
        "Cannot add endpoint: Echo clusters live inside the proxy and have no endpoints",
    ),
    (
        "POST",
        "rulelists/rl/rules/0",
        {"rule": {"name": "r", **to("c")}},
        'Cannot add rule: Rule "r" already defined',
    ),
    ("POST", "clusters/t/endpoints", {"endpoint": {}}, "Cannot add endpoint: Property spec is required"),
    ("POST", "routes", {"route": {"name": "n"}}, "Cannot add route: Property destination is required"),
    ("POST", "rules", {"rule": {"name": "n"}}, "Cannot add rule: Property action is required"),
    ("POST", "rulelists", {"rulelist": {"name": "n"}}, "Cannot add RuleList: Property rules is required"),
    ("POST", "listeners", {}, "Cannot add listener: Property listener is required"),
    ("POST", "admin", {"admin": {"strict": 1}}, None),
]


async def fill(api: Api) -> None:
    await api.do("POST", "clusters", CLUSTER)
    await api.do("POST", "clusters", TCP)
    await api.do("POST", "rulelists", {"rulelist": {"name": "rl", "rules": ["r"]}})
    await api.do("POST", "rules", {"rule": {"name": "r", "action": {"route": "x1"}}})
    await api.do("POST", "routes", {"route": {"name": "x1", "destination": "c"}})
    await api.do("POST", "listeners", {"listener": listener("l", "rl")})


@pytest.mark.parametrize(("method", "path", "body", "text"), TEXTS)
@with_api
async def test_a_refusal_says_what_existing_controllers_read(
    api: Api, method: str, path: str, body: object, text: str | None
) -> None:
    await fill(api)
    said = await api.refused(method, path, body)
    assert text is None or said == text


@with_api
async def test_everything_is_listed_shown_and_deleted(api: Api) -> None:
    await fill(api)
    await api.do("POST", "transforms", {"transform": {"name": "tr", "params": {"cluster": "c"}}})
    for word, name in (
        ("listeners", "l"),
        ("transforms", "tr"),
        ("clusters", "c"),
        ("endpoints", "e"),
        ("rulelists", "rl"),
        ("rules", "r"),
        ("routes", "x1"),
    ):
        assert name in await api.names(word)
        assert (await api.get(f"{word}/{name}"))["name"] == name
        await api.do("DELETE", f"{word}/{name}")
        assert name not in await api.names(word)


@with_api
async def test_an_error_is_json_indented_by_four(api: Api) -> None:
    reply = await api.call("GET", "nothing")
    assert (reply.status, reply.headers) == (404, {"content-type": "application/json"})
    assert reply.body == {"status": 404, "message": "Not Found", "content": "Unknown API operation"}


@pytest.mark.parametrize("target", ["/", "/api", "/api/v2/config", "/x/v1/config", "//api/v1/config", "*"])
@with_api
async def test_other_paths_are_unknown(api: Api, target: str) -> None:
    reply = await api.raw("GET", target, None, None)
    assert (reply.status, reply.content) == (404, "Unknown API operation")


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PATCH", "listeners", "GET, POST, HEAD"),
        ("POST", "routes/x", "GET, PUT, DELETE, HEAD"),
        ("DELETE", "config", "GET, POST, HEAD"),
        ("PUT", "rulelists/x/rules/0", "GET, POST, DELETE, HEAD"),
        ("POST", "sessions", "GET, HEAD"),
    ],
)
@with_api
async def test_a_method_that_the_path_has_not_is_405_with_allow(
    api: Api, method: str, path: str, allow: str
) -> None:
    reply = await api.call(method, path)
    assert (reply.status, reply.headers["allow"]) == (405, allow)


@with_api
async def test_head_is_answered_like_get(api: Api) -> None:
    assert (await api.call("HEAD", "admin")).status == 200


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "application/json; charset=utf-8",
        'APPLICATION/JSON;charset="UTF-8"',
        "text/json",
        "text/x-json",
        "application/x-json",
        "text/yaml",
        "application/x-yaml; charset=utf-8",
        None,
    ],
)
@with_api
async def test_json_and_yaml_are_taken_under_all_their_names(api: Api, content_type: str | None) -> None:
    reply = await api.call("POST", "clusters", CLUSTER, content_type)
    assert (reply.status, reply.body) == (200, OK)


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "json", "", "text/json; charset=latin-1"],
)
@with_api
async def test_a_foreign_content_type_is_415(api: Api, content_type: str) -> None:
    reply = await api.call("POST", "clusters", CLUSTER, content_type)
    assert (reply.status, reply.body["message"]) == (415, "Unsupported Media Type")
    assert await api.get("clusters") == []


@with_api
async def test_get_and_delete_take_no_notice_of_a_body(api: Api) -> None:
    await fill(api)
    assert (await api.call("GET", "admin", b"{", "text/plain")).status == 200
    assert (await api.call("DELETE", "clusters/c", b"", "application/json")).status == 200


@pytest.mark.parametrize(
    ("text", "content_type", "where"),
    [
        (b'{"cluster":\n  {"name" "x"}}', "application/json", "2:11: "),
        (b"", "application/json", "1:1: "),
        (b"cluster:\n  name: [x", "text/yaml", "3:1: "),
        (b"\xff\xfe", "application/json", "1:1: "),
        (b'{"cluster":{"name":"a","name":"b"}}', "application/json", "1:24: "),
    ],
)
@with_api
async def test_text_that_can_not_be_read_is_400_with_line_and_column(
    api: Api, text: bytes, content_type: str, where: str
) -> None:
    reply = await api.call("POST", "clusters", text, content_type)
    assert reply.status == 400
    assert reply.content.startswith(where)


@with_api
async def test_every_problem_is_named_with_its_position(api: Api) -> None:
    text = b'{"listener": {"name": "l",\n "spec": {"protocol": "TCP", "port": -1}, "rules": 7}}'
    reply = await api.call("POST", "listeners", text)
    first, *others = reply.content.split("\n")
    assert first.startswith("Cannot add listener: Property port is invalid: ")
    assert others == reply.body["problems"][1:]
    assert others[0].startswith("2:52: listener.rules: ")


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("plain", '{\n  "b": [\n    1\n  ],\n  "a": 2\n}'),
        ("nonsense", '{\n  "b": [\n    1\n  ],\n  "a": 2\n}'),
        ("terse", '{"b":[1],"a":2}'),
        ("space", '{"b": [1], "a": 2}'),
        ("lines", '{\n"b": [1],\n"a": 2\n}'),
        ("diffy", '{\n  "a": 2,\n  "b": [\n    1\n  ]\n}'),
    ],
)
def test_formats_differ_in_white_space_only(form: str, expected: str) -> None:
    from l7mp_mesh.control.rest.reply import render  # noqa: PLC0415

    assert render({"b": [1], "a": 2}, form) == expected


@pytest.mark.parametrize("form", ["plain", "terse", "space", "lines", "diffy", "", "%ff"])
@pytest.mark.parametrize("path", ["config", "sessions", "clusters", "admin"])
@with_api
async def test_every_format_of_every_listing_is_json(api: Api, path: str, form: str) -> None:
    await fill(api)
    plain = await api.get(path)
    assert await api.get(f"{path}?format={form}&recursive=false") == plain


@with_api
async def test_a_name_may_hold_slashes_and_per_cent_signs(api: Api) -> None:
    await api.do("POST", "clusters", {"cluster": {"name": "/l7mp.io/v1/Target/default/x", **ECHO}})
    await api.do("POST", "clusters", {"cluster": {"name": "50%2F", **ECHO}})
    assert (await api.get("clusters/%2Fl7mp.io%2Fv1%2FTarget%2Fdefault%2Fx"))["spec"] == {"protocol": "Echo"}
    assert (await api.call("GET", "clusters//l7mp.io/v1/Target/default/x")).status == 404
    await api.do("DELETE", "clusters/50%252F")
    await api.do("DELETE", "clusters/%2fl7mp.io%2fv1%2fTarget%2fdefault%2fx?recursive=true")
    assert await api.get("clusters") == []


@with_api
async def test_the_calls_of_the_kubernetes_operator_are_accepted(api: Api) -> None:
    rule = {"name": "/l7mp.io/v1/Rule/default/r", **to("/l7mp.io/v1/Target/default/t")}
    target = {"name": "/l7mp.io/v1/Target/default/t", "spec": {"protocol": "UDP", "port": 5000}}
    pod = {"name": "/l7mp.io/v1/Target/default/t/10.0.0.7", "spec": {"address": "10.0.0.7"}}
    path = "%2Fl7mp.io%2Fv1%2FTarget%2Fdefault%2Ft"
    rules = "rulelists/%2Fl7mp.io%2Fv1%2FVirtualService%2Fdefault%2Fv-RuleList-0/rules"
    service = listener("/l7mp.io/v1/VirtualService/default/v", (to("x"),), "UDP")
    await api.do("POST", "listeners", {"listener": service})
    await api.do("POST", "clusters", {"cluster": target})
    await api.do("POST", f"clusters/{path}/endpoints", {"endpoint": pod})
    await api.do("POST", f"{rules}/0", {"rule": rule})
    assert (await api.get(f"{rules}/0"))["name"] == rule["name"]
    await api.do("DELETE", f"{rules}/%2Fl7mp.io%2Fv1%2FRule%2Fdefault%2Fr?recursive=true")
    gone = await api.refused("DELETE", "rules/%2Fl7mp.io%2Fv1%2FRule%2Fdefault%2Fr")
    assert gone == 'Cannot delete rule: Unknown rule "/l7mp.io/v1/Rule/default/r"'
    await api.do("DELETE", f"endpoints/{path}%2F10.0.0.7")
    await api.do("DELETE", f"clusters/{path}?recursive=true")
    await api.do("DELETE", "listeners/%2Fl7mp.io%2Fv1%2FVirtualService%2Fdefault%2Fv?recursive=true")
    for word in ("listeners", "clusters", "rulelists", "rules", "routes", "endpoints"):
        assert await api.get(word) == []

"""Whatever is sent, there is an answer, and a refusal changes nothing."""

from __future__ import annotations

import asyncio
import json
import random
import resource
from typing import Any

import pytest
from support.rest import ECHO, Api, listener, to

VALUES: list[Any] = [
    None, True, 0, -1, 65536, 2**70, 1.5, "", "x", "a b", "TCP", "Echo", "é",
    [], {}, [[]], {"name": 1},
    {"name": "n"}, [{"name": "n"}], "l", "c", {"spec": {"protocol": "Echo"}}, "nowhere", {"/": "\x00"},
]  # fmt: skip
RULE = {
    "name": "r",
    "match": {"op": "starts", "path": "/HTTP/url/path", "value": "/x"},
    "action": {"rewrite": [{"path": "/labels/x", "value": {"y": [1]}}], "apply": "other"},
}
ROUTE = {
    "name": "x",
    "destination": ECHO,
    "ingress": ["c", ECHO],
    "egress": [ECHO],
    "retry": {"retry_on": "always", "num_retries": 3, "timeout": 100},
}
CLUSTER = {
    "name": "c",
    "spec": {"protocol": "TCP", "port": 9},
    "endpoints": [{"name": "e", "spec": {"address": "127.0.0.1"}, "weight": 2}],
    "loadbalancer": {"policy": "HashRing", "key": "/IP/src_addr"},
    "options": {"free": [1]},
}
LISTENER = {**listener("l", (to("c"), RULE, {"action": {"route": ROUTE}})), "options": {"track": 3}}
BODIES: dict[str, Any] = {
    "listeners": {"listener": LISTENER},
    "clusters": {"cluster": CLUSTER},
    "clusters/c/endpoints": {"endpoint": {"spec": {"address": "127.0.0.2", "port": 3}}},
    "rulelists": {"rulelist": {"name": "rl", "rules": ["r", RULE]}},
    "rulelists/rl/rules/0": {"rule": RULE},
    "rules": {"rule": RULE},
    "routes": {"route": ROUTE},
    "transforms": {"transform": {"name": "t", "type": "CLUSTER", "params": {"cluster": "c"}}},
    "admin": {"admin": {"log_level": "warn", "strict": False}},
    "config": {"listeners": [LISTENER], "clusters": [CLUSTER], "admin": {"log_level": "info"}},
    "sessions/s": {"session": {"route": ROUTE}},
}
NAMES = ["l", "c", "e", "rl", "r", "x", "t", "s", "n", "%2F", "%00", "..", "0", "rules", "é".encode().hex()]
KINDS = ["listeners", "clusters", "rulelists", "rules", "routes", "transforms", "endpoints", "sessions"]
TYPES = ["application/json"] * 8 + ["text/yaml", "text/plain", "application/json; charset=utf-8", None]
KNOWN = {200, 400, 404, 405, 415, 422}


def tangle(value: Any, chance: random.Random, rate: float) -> Any:
    """`value` with some parts replaced, left out or added."""
    if chance.random() < rate:
        return chance.choice(VALUES)
    if isinstance(value, dict):
        made = {key: tangle(item, chance, rate) for key, item in value.items() if chance.random() > rate / 2}
        if chance.random() < rate:
            made[str(chance.choice(["name", "extra", "spec", "rules", ""]))] = chance.choice(VALUES)
        return made
    if isinstance(value, list):
        times = (chance.choice([0, 2]) if chance.random() < rate else 1 for _ in value)
        return [
            tangle(item, chance, rate) for item, count in zip(value, times, strict=True) for _ in range(count)
        ]
    return value


def mangle(text: bytes, chance: random.Random) -> bytes:
    """`text` with a few bytes changed or cut off."""
    kept = bytearray(text[: chance.randrange(len(text) + 1)] if chance.random() < 0.3 else text)
    for _ in range(chance.choice([0, 1, 5])):
        if kept:
            kept[chance.randrange(len(kept))] = chance.randrange(256)
    return bytes(kept)


def request(chance: random.Random) -> tuple[str, str, bytes]:
    method = chance.choice(["POST"] * 6 + ["PUT"] * 3 + ["DELETE"] * 3 + ["GET", "HEAD", "PATCH"])
    word = chance.choice([*BODIES])
    body = json.dumps(tangle(BODIES[word], chance, chance.choice([0, 0.01, 0.05]))).encode()
    if chance.random() < 0.15:
        body = mangle(body, chance)
    path = word
    if method == "DELETE" and chance.random() < 0.5:
        return method, f"{chance.choice(KINDS)}/{chance.choice(NAMES[:6])}?recursive=true", body
    if method == "PUT" and chance.random() < 0.5:
        [member] = BODIES[word] if len(BODIES[word]) == 1 else ["name"]
        return method, f"{word}/{BODIES[word].get(member, {}).get('name', 'n')}", body
    if method in ("PUT", "DELETE") or chance.random() < 0.1:
        path = f"{word.partition('/')[0]}/{chance.choice(NAMES)}"
    if chance.random() < 0.03:
        path = chance.choice(["", "nope", "rulelists/rl/rules/x", "clusters/%ZZ", "config/x"])
    query = chance.choice(["", "", "?recursive=true", "?format=lines", "?" + "&" * 200, "?recursive"])
    return method, path + query, body


async def storm(api: Api, count: int, chance: random.Random) -> set[int]:
    seen: set[int] = set()
    for _ in range(count):
        before = api.store.snapshot
        method, path, body = request(chance)
        reply = await api.call(method, path, body, chance.choice(TYPES))
        seen.add(reply.status)
        assert reply.status in KNOWN, (method, path, body)
        if reply.status != 200:
            assert api.store.snapshot is before, (method, path, body)
            assert reply.body["status"] == reply.status
    return seen


async def sweep(api: Api) -> None:
    """Delete everything by the API itself."""
    for kind in KINDS[:6]:
        for name in await api.names(kind):
            await api.call(
                "DELETE", f"{kind}/{''.join(f'%{byte:02x}' for byte in name.encode())}?recursive=true"
            )
        assert await api.get(kind) == []
    await api.do("POST", "admin", {"admin": {"strict": False}})


async def rounds(number: int, seed: int) -> tuple[set[int], list[int]]:
    chance = random.Random(seed)
    seen: set[int] = set()
    memory: list[int] = []
    api = Api()
    try:
        for _ in range(number):
            seen |= await storm(api, 250, chance)
            await sweep(api)
            memory.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    finally:
        await api.runtime.stop(0)
    return seen, memory


def test_random_requests_are_answered() -> None:
    seen, _ = asyncio.run(rounds(2, 1))
    assert seen >= {200, 400, 405}


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_ten_thousand_random_requests_leave_the_memory_flat() -> None:
    _, memory = asyncio.run(rounds(40, 2))
    assert memory[-1] - memory[10] < 16 * 1024, "KiB"

"""Whatever is in a file, reading it gives a snapshot or problems with places."""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path
from typing import Any

import pytest
from support.vocabulary import VOCABULARY
from support.xds_mesh import assignment, eds_cluster, http_listener, route_table, to_cluster, to_split

from xds_server.resources import load_files

ADS = {"resource_api_version": "V3", "ads": {}}
ENVOY = {
    "resources": [
        http_listener(ADS),
        route_table([to_split("/", {"a": 1}), to_cluster("/x", "b")]),
        eds_cluster("a", ADS),
        assignment("a", 1, 2),
    ]
}
NATIVE = {
    "listeners": [{"name": "u", "spec": {"protocol": "UDP", "port": 1}, "rules": "l"}],
    "rulelists": [{"name": "l", "rules": ["r"]}],
    "rules": [{"name": "r", "action": {"route": {"destination": "c", "ingress": ["c"]}}}],
    "clusters": [
        {"name": "c", "spec": {"protocol": "WS", "port": 1}, "endpoints": [{"spec": {"address": "x"}}]}
    ],
}
ODD = (
    None, True, 0, -1, 1e308, 1 << 70, "", "x", [], {}, [[]], -1.5, "9999999999999s", "\ud800",
    {"@type": "type.googleapis.com/google.protobuf.Struct"}, {"@type": 1}, {"a": {"b": [1]}},
)  # fmt: skip
KEYS = ("bogus", "@type", "name", "cluster", "value", "resource", "spec", "rules")


def places(value: Any) -> list[tuple[Any, Any]]:
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [found for key in keys for found in ((value, key), *places(value[key]))]


def damaged(value: Any, dice: random.Random) -> Any:
    value = copy.deepcopy(value)
    for _ in range(dice.randint(1, 2)):
        owner, key = dice.choice(places(value) or [({"": 0}, "")])
        other, other_key = dice.choice(places(value) or [({"": 0}, "")])
        match dice.randrange(3):
            case 0:
                owner[key] = copy.deepcopy(dice.choice(ODD))
            case 1 if isinstance(owner, dict):
                owner[dice.choice(KEYS)] = owner.pop(key)
            case _:
                owner[key] = copy.deepcopy(other[other_key])
    return value


@pytest.mark.parametrize("seed", range(4))
def test_damage_is_told_and_never_raises(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    path = tmp_path / "f.json"
    for _ in range(150):
        path.write_text(json.dumps(damaged(dice.choice((ENVOY, NATIVE)), dice)))
        loaded = load_files([path], lambda: VOCABULARY)
        assert (loaded.snapshot is None) == bool(loaded.problems)
        assert all(each.line > 0 and each.why for each in loaded.problems), loaded.problems

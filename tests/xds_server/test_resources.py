"""Files to resources, and problems with their places."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.vocabulary import VOCABULARY
from support.xds_probe import CLUSTER, ENDPOINTS, LISTENER

from l7mp_mesh import api
from xds_server.resources import Loaded, load_files
from xds_server.snapshot import Resource

NATIVE = """\
listeners:
- name: udp
  spec: {protocol: UDP, port: 15000, address: 127.0.0.1, options: {mode: server}}
  rules: rl
- name: unix
  spec: {protocol: UnixDomainSocket, filename: /tmp/x}
  rules: [{action: {route: r2}}]
rulelists:
- {name: rl, rules: [ru]}
- {name: other, rules: []}
rules:
- {name: ru, action: {route: r1}}
routes:
- {name: r1, destination: ws, ingress: [t]}
- {name: r2, destination: ws}
transforms:
- {name: t, type: CLUSTER, params: {cluster: ws}}
clusters:
- name: ws
  spec: {protocol: WebSocket, port: 8080}
  endpoints: [{spec: {address: 127.0.0.1}}]
"""


def load(tmp_path: Path, content: str, name: str = "f.yaml") -> Loaded:
    path = tmp_path / name
    path.write_text(content)
    return load_files([path], lambda: VOCABULARY)


def problems(loaded: Loaded, tmp_path: Path) -> list[str]:
    assert loaded.snapshot is None
    return [str(each).removeprefix(f"{tmp_path}/") for each in loaded.problems]


def only(loaded: Loaded, type_url: str, name: str) -> Resource:
    assert loaded.snapshot is not None, loaded.problems
    return loaded.snapshot.collection(type_url).resources[name]


def content(resource: Resource) -> dict[str, api.Json]:
    packed = api.message("google.protobuf.Any").FromString(resource.packed)
    return api.to_json(api.unpack(packed))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("resources: [", ["f.yaml:2:1: not YAML: "]),
        ("- a", ["f.yaml:1:1: expected an object with `resources`, or native objects"]),
        ("resources: {}\nfoo: 1\n", ["f.yaml:2:1: foo: unknown field"]),
        ("resources: 3\n", ["f.yaml:1:1: resources: expected a list"]),
        ("resources:\n- name: x\n", ["f.yaml:2:3: resources[0].@type: expected the name of a message type"]),
        (
            'resources:\n- "@type": type.googleapis.com/x.Y\n  name: x\n',
            ["f.yaml:2:3: resources[0].@type: unknown type 'type.googleapis.com/x.Y'"],
        ),
        (
            'resources:\n- "@type": type.googleapis.com/envoy.config.core.v3.Node\n  id: x\n',
            ["f.yaml:2:3: resources[0].@type: envoy.config.core.v3.Node is no xDS resource"],
        ),
        (
            f'resources:\n- "@type": {ENDPOINTS}\n',
            ["f.yaml:2:3: resources[0].cluster_name: expected the name"],
        ),
        (
            f'resources:\n- "@type": {CLUSTER}\n  name: a\n  nome: b\n- {{"@type": {CLUSTER}}}\n',
            ["f.yaml:4:3: resources[0].nome: ", "f.yaml:5:3: resources[1].name: expected the name"],
        ),
        (
            "listeners:\n- name: x\n  rules: []\n",
            ["f.yaml:2:3: listeners[0].spec: Property spec is required"],
        ),
        ("resources: []\nclusters: []\n", ["f.yaml:1:1: resources: Envoy's resources and native objects go"]),
        ("clusters: []\nadmin: {}\n", ["f.yaml:2:1: admin: every proxy has its own"]),
        (
            "listeners:\n- name: x\n  rules: []\n  spec:\n    protocol: UDP\n    port: 70000\n",
            ["f.yaml:6:11: listeners[0].spec.port: "],
        ),
        ("clusters:\n- spec: {protocol: Echo}\n", ["f.yaml:2:3: clusters[0].name: "]),
    ],
)
def test_a_problem_is_told_with_its_place_and_path(tmp_path: Path, text: str, expected: list[str]) -> None:
    found = problems(load(tmp_path, text), tmp_path)
    assert len(found) == len(expected), found
    for line, start in zip(found, expected, strict=True):
        assert line.startswith(start), line


def test_every_file_is_read_whatever_is_wrong_with_another(tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text("x: 1")
    loaded = load_files([tmp_path / "a.yaml", tmp_path / "b.yaml", tmp_path / "gone.yaml"])
    assert [Path(each.file).name for each in loaded.problems] == ["a.yaml", "b.yaml", "gone.yaml"]


def test_one_name_in_two_files_is_refused_by_both_places(tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text(f'resources:\n- {{"@type": {CLUSTER}, name: c}}\n')
    loaded = load_files([tmp_path / "a.yaml", tmp_path / "b.yaml"])
    assert problems(loaded, tmp_path) == [
        f"b.yaml:2:3: resources[0]: CDS resource 'c' is already defined at {tmp_path}/a.yaml:2"
    ]


@pytest.mark.parametrize("shape", ["bare", "response", "wrapped"])
def test_resources_come_bare_in_a_response_and_wrapped(tmp_path: Path, shape: str) -> None:
    cluster = {"@type": CLUSTER, "name": "c"}
    response = {
        "@type": "type.googleapis.com/envoy.service.discovery.v3.DiscoveryResponse",
        "versionInfo": "7",
        "type_url": CLUSTER,
        "resources": [cluster],
    }
    wrapper = {"@type": "type.googleapis.com/envoy.service.discovery.v3.Resource", "name": "c"}
    value = {
        "bare": cluster,
        "response": response,
        "wrapped": {"resources": [wrapper | {"resource": cluster}]},
    }
    assert only(load(tmp_path, json.dumps(value[shape]), "f.json"), CLUSTER, "c").name == "c"


def test_an_empty_file_holds_nothing(tmp_path: Path) -> None:
    snapshot = load(tmp_path, "# nothing yet\n").snapshot
    assert snapshot is not None
    assert list(snapshot) == []


def test_a_native_listener_travels_with_what_it_leads_to(tmp_path: Path) -> None:
    value = content(only(load(tmp_path, NATIVE), LISTENER, "udp"))
    assert value["address"] == {
        "socket_address": {"protocol": "UDP", "address": "127.0.0.1", "port_value": 15000}
    }
    typed = value["filter_chains"][0]["filters"][0]["typed_config"]  # type: ignore[call-overload,index]
    assert typed == {
        "@type": "type.googleapis.com/l7mp.mesh.v1.Listener",
        "config": {"spec": {"protocol": "UDP", "options": {"mode": "server"}}, "rules": "rl"},
        "rulelists": [{"name": "rl", "rules": ["ru"]}],
        "rules": [{"name": "ru", "action": {"route": "r1"}}],
        "routes": [{"name": "r1", "destination": "ws", "ingress": ["t"]}],
        "transforms": [{"name": "t", "type": "CLUSTER", "params": {"cluster": "ws"}}],
    }


def test_a_unix_listener_has_a_pipe_for_its_address(tmp_path: Path) -> None:
    value = content(only(load(tmp_path, NATIVE), LISTENER, "unix"))
    assert value["address"] == {"pipe": {"path": "/tmp/x"}}
    typed = value["filter_chains"][0]["filters"][0]["typed_config"]  # type: ignore[call-overload,index]
    assert typed["config"]["spec"] == {"protocol": "UnixDomainSocket"}
    assert "rulelists" not in typed


def test_a_listener_without_an_address_keeps_its_port_in_its_spec(tmp_path: Path) -> None:
    text = NATIVE.replace("address: 127.0.0.1, options", "options")
    value = content(only(load(tmp_path, text), LISTENER, "udp"))
    assert "address" not in value
    typed = value["filter_chains"][0]["filters"][0]["typed_config"]  # type: ignore[call-overload,index]
    assert typed["config"]["spec"]["port"] == 15000


def test_a_native_cluster_is_carried_in_its_cluster_type(tmp_path: Path) -> None:
    value = content(only(load(tmp_path, NATIVE), CLUSTER, "ws"))
    assert value["cluster_type"] == {
        "name": "l7mp.mesh.v1.Cluster",
        "typed_config": {
            "@type": "type.googleapis.com/l7mp.mesh.v1.Cluster",
            "config": {
                "spec": {"protocol": "WebSocket", "port": 8080.0},
                "endpoints": [{"spec": {"address": "127.0.0.1"}}],
            },
        },
    }


def test_a_change_of_one_listeners_rules_is_none_of_its_neighbours(tmp_path: Path) -> None:
    before = load(tmp_path, NATIVE)
    after = load(tmp_path, NATIVE.replace("{route: r1}", "{route: r2}"))
    assert only(before, LISTENER, "udp").version != only(after, LISTENER, "udp").version
    assert only(before, LISTENER, "unix").version == only(after, LISTENER, "unix").version


def test_a_native_destination_without_a_cluster_is_a_warning(tmp_path: Path) -> None:
    loaded = load(tmp_path, NATIVE.replace("name: ws", "name: web"))
    assert [each.line for each in loaded.warnings] == [2, 5]
    assert loaded.warnings[0].why == "LDS 'udp' refers to CDS 'ws', which is not here"

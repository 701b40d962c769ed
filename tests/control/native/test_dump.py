"""Objects as the control API shows them."""

from __future__ import annotations

from textwrap import dedent

import pytest
from support.vocabulary import VOCABULARY

from l7mp_mesh.control.native import Decoder, Dump, parse
from l7mp_mesh.model.snapshot import Key, Kind, Snapshot
from l7mp_mesh.model.value import Json

TEXT = """\
listeners:
  - name: l
    spec: {protocol: WS, port: 1}
    options: {track: 60}
    rules:
      - name: r
        match: {op: starts, path: /HTTP/url/path, value: /a}
        action: {route: {name: way, cluster: echo, ingress: [t, c, gone]}}
      - name: other
        match: all
        action: {route: nowhere}
      - no-rule
  - {name: m, spec: {protocol: TCP, port: 2}, rules: no-list}
clusters:
  - {name: echo, spec: {protocol: Echo}}
  - name: c
    spec: {protocol: TCP, port: 3}
    loadbalancer: {policy: ConsistentHash}
    endpoints: [{name: e, spec: {address: a}}]
routes:
  - {name: split, destination: [{cluster: c, weight: 9}, {cluster: echo}]}
transforms:
  - {name: t, type: CLUSTER, params: {cluster: echo}}
"""
SNAPSHOT = Snapshot(objects=Decoder(VOCABULARY).config(parse(dedent(TEXT))).objects)
FLAT = Dump(SNAPSHOT, VOCABULARY)
DEEP = Dump(SNAPSHOT, VOCABULARY, recursive=True)

ECHO = {"name": "echo", "spec": {"protocol": "Echo"}, "loadbalancer": {"policy": "Trivial"}}
REMOTE = {
    "name": "c",
    "spec": {"protocol": "TCP", "port": 3},
    "loadbalancer": {"policy": "ConsistentHash", "key": "<RANDOM>"},
}
ENDPOINT = {"name": "e", "spec": {"address": "a"}, "weight": 1}
VIRTUAL = {"name": "echo", "spec": {"address": "<VIRTUAL>"}}
RETRY = {"retry_on": "never", "num_retries": 1, "timeout": 2000}


def test_names_stand_for_objects() -> None:
    assert FLAT.one(Key(Kind.LISTENER, "l")) == {
        "name": "l",
        "spec": {"protocol": "WS", "port": 1},
        "rules": "l-RuleList-0",
        "options": {"track": 60},
    }
    assert FLAT.one(Key(Kind.RULELIST, "l-RuleList-0")) == {
        "name": "l-RuleList-0",
        "rules": ["r", "other", "no-rule"],
    }
    assert FLAT.one(Key(Kind.ROUTE, "way")) == {
        "name": "way",
        "destination": "echo",
        "ingress": ["t", "c", "gone"],
        "egress": [],
        "retry": RETRY,
    }


@pytest.mark.parametrize(
    ("spec", "shown"),
    [
        ("{protocol: UDP_server, port: 1}", {"protocol": "UDP_server", "port": 1}),
        (
            "{protocol: UDP, port: 1, options: {mode: server}}",
            {"protocol": "UDP", "port": 1, "options": {"mode": "server"}},
        ),
    ],
)
def test_a_spec_is_echoed_as_it_was_written(spec: str, shown: Json) -> None:
    decoded = Decoder(VOCABULARY).config(parse(f"listeners: [{{name: u, spec: {spec}, rules: []}}]"))
    dump = Dump(Snapshot(objects=decoded.objects), VOCABULARY).one(Key(Kind.LISTENER, "u"))
    assert isinstance(dump, dict)
    assert dump["spec"] == shown


def test_clusters_count_their_endpoints() -> None:
    assert FLAT.all(Kind.CLUSTER) == [{**ECHO, "endpoints": 0}, {**REMOTE, "endpoints": 1}]


def test_a_match_is_echoed_and_any_string_is_a_wildcard() -> None:
    first, second = FLAT.all(Kind.RULE)
    assert isinstance(first, dict)
    assert first["match"] == {"op": "starts", "path": "/HTTP/url/path", "value": "/a"}
    assert second == {"name": "other", "match": "*", "action": {"route": "nowhere"}}


def test_recursion_puts_objects_in_place_of_names() -> None:
    listener = DEEP.one(Key(Kind.LISTENER, "l"))
    assert isinstance(listener, dict)
    way = {
        "name": "way",
        "destination": {**ECHO, "endpoints": [VIRTUAL]},
        "ingress": ["t", {**REMOTE, "endpoints": [ENDPOINT]}, "gone:<STALE>"],
        "egress": [],
        "retry": RETRY,
    }
    match = {"op": "starts", "path": "/HTTP/url/path", "value": "/a"}
    assert listener["rules"] == [
        {"name": "r", "match": match, "action": {"route": way}},
        {"name": "other", "match": "*", "action": {"route": "nowhere:<STALE>"}},
        "no-rule:<STALE>",
    ]
    assert DEEP.one(Key(Kind.ROUTE, "split")) == {
        "name": "split",
        "destination": [
            {"destination": {**REMOTE, "endpoints": [ENDPOINT]}, "weight": 9},
            {"destination": {**ECHO, "endpoints": [VIRTUAL]}, "weight": 1},
        ],
        "ingress": [],
        "egress": [],
        "retry": RETRY,
    }


def test_a_stale_rule_list_is_marked() -> None:
    stale = DEEP.one(Key(Kind.LISTENER, "m"))
    assert isinstance(stale, dict)
    assert stale["rules"] == "no-list:<STALE>"


def test_endpoints_of_all_clusters_are_one_list() -> None:
    assert FLAT.all(Kind.ENDPOINTS) == [ENDPOINT]
    assert FLAT.one(Key(Kind.ENDPOINTS, "c")) == [ENDPOINT]
    assert FLAT.endpoint("e") == ENDPOINT
    assert FLAT.endpoint("f") is None

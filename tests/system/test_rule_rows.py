"""Match and action from outside: predicates, match trees, rewrites, merges, and lists that apply lists."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from support import net
from support.http_wire import Client, Message, wire_server
from support.mesh import Mesh
from support.servers import udp_server
from support.shape import builtin, cluster, listener, rule

LABELS: dict[str, Any] = {
    "text": "Banana",
    "number": 7,
    "real": 2.5,
    "yes": True,
    "nothing": None,
    "list": ["Apple", 2, {"deep": 1}],
    "object": {"deep": {"er": "Value"}, "n": 1},
    "date": "2026-11-20",
    "time": "14:00:00Z",
    "stamp": "2026-11-20T14:00:00Z",
    "language": "en-GB",
    "iri": "https://example.org/x",
    "empty": "",
}
"""Metadata that a rewrite puts below /labels before the second list looks at them."""


def op(word: str, field: str, value: Any = None, **more: Any) -> dict[str, Any]:
    """A predicate on a label; `value` is left out where there is none to compare with."""
    made = {"op": word, "path": f"/labels/{field}", **more}
    return made if word in ("defined", "undefined") else {**made, "value": value}


def every(*of: dict[str, Any]) -> dict[str, Any]:
    """All of them."""
    return {"op": "and", "apply": list(of)}


def any_of(*of: dict[str, Any]) -> dict[str, Any]:
    """One of them."""
    return {"op": "or", "apply": list(of)}


def none_of(*of: dict[str, Any]) -> dict[str, Any]:
    """None of them."""
    return {"op": "not", "apply": list(of)}


X = op("defined", "missing")
OPS: list[tuple[str, dict[str, Any], bool]] = [
    ("contains: part of a text", op("contains", "text", "nan"), True),
    ("contains: other case", op("contains", "text", "NAN"), False),
    ("contains: case folded", op("contains", "text", "NAN", ignore_case=True), True),
    ("contains: element of a list", op("contains", "list", "Apple"), True),
    ("contains: a number has no parts", op("contains", "number", "7"), False),
    ("contains: nor has null", op("contains", "nothing", "x"), False),
    ("starts", op("starts", "text", "Ban"), True),
    ("starts: other case", op("starts", "text", "ban"), False),
    ("starts: case folded", op("starts", "text", "ban", ignore_case=True), True),
    ("starts: not a number", op("starts", "number", "7"), False),
    ("ends", op("ends", "text", "ana"), True),
    ("ends: not in the middle", op("ends", "text", "anan"), False),
    ("ends: longer than the text", op("ends", "text", "aBanana"), False),
    ("ends: case folded", op("ends", "text", "ANA", ignore_case=True), True),
    ("defined", op("defined", "text"), True),
    ("defined: null is a value", op("defined", "nothing"), True),
    ("defined: missing", op("defined", "missing"), False),
    ("undefined", op("undefined", "missing/deeper"), True),
    ("undefined: there", op("undefined", "empty"), False),
    ("less", op("less", "number", 7.5), True),
    ("less: equal", op("less", "number", 7), False),
    ("less: a text is no number", op("less", "text", 9), False),
    ("more", op("more", "real", 2), True),
    ("more: true is no number", op("more", "yes", 0), False),
    ("in", op("in", "number", [1, 7]), True),
    ("in: a whole object", op("in", "object", [{"n": 1, "deep": {"er": "Value"}}]), True),
    ("in: case folded", op("in", "text", ["BANANA"], ignore_case=True), True),
    ("in: not there", op("in", "number", ["7"]), False),
    ("contained", op("contained", "list", 2), True),
    ("contained: no list", op("contained", "text", "Banana"), False),
    ("intersects", op("intersects", "list", [3, 2]), True),
    ("intersects: apart", op("intersects", "list", [3, "2"]), False),
    ("intersects: case folded", op("intersects", "list", ["APPLE"], ignore_case=True), True),
    ("matches: searches", op("matches", "text", "n.n"), True),
    ("matches: anchored", op("matches", "text", "^n.n$"), False),
    ("matches: case folded", op("matches", "text", "N.N", ignore_case=True), True),
    ("matches: no text", op("matches", "number", "."), False),
    ("test: text", op("test", "text", "Banana"), True),
    ("test: case folded", op("test", "text", "bANANA", ignore_case=True), True),
    ("test: number is no text", op("test", "number", "7"), False),
    ("test: true is not 1", op("test", "yes", 1), False),
    ("test: null", op("test", "nothing", None), True),
    ("test: list", op("test", "list", ["Apple", 2, {"deep": 1}]), True),
    ("test: object in any order", op("test", "object", {"n": 1, "deep": {"er": "Value"}}), True),
    ("test: element of a list", op("test", "list/2/deep", 1), True),
    ("test: deep", op("test", "object/deep/er", "Value"), True),
    ("and", every(op("defined", "text"), op("defined", "yes")), True),
    ("and: one fails", every(op("defined", "text"), X), False),
    ("and: empty", every(), True),
    (
        "and: with a base",
        {"op": "and", "path": "/labels/object", "apply": [{"op": "test", "path": "/n", "value": 1}]},
        True,
    ),
    ("or", any_of(X, op("defined", "yes")), True),
    ("or: none", any_of(X, X), False),
    ("or: empty", any_of(), True),
    ("not: none matches", none_of(X), True),
    ("not: one matches", none_of(X, op("defined", "yes")), False),
    ("not: empty", none_of(), True),
    *(
        (f"type: {word}", op("type", field, word), True)
        for word, field in (
            ("number", "number"),
            ("number", "real"),
            ("string", "text"),
            ("boolean", "yes"),
            ("object", "object"),
            ("object", "list"),
            ("object", "nothing"),
            ("undefined", "missing"),
            ("array", "list"),
            ("null", "nothing"),
            ("date", "date"),
            ("time", "time"),
            ("date-time", "stamp"),
            ("lang", "language"),
            ("lang-range", "language"),
            ("iri", "iri"),
            ("absolute-iri", "iri"),
        )
    ),
    *(
        (f"type: not {word}", op("type", field, word), False)
        for word, field in (
            ("number", "yes"),
            ("string", "number"),
            ("boolean", "number"),
            ("object", "text"),
            ("undefined", "text"),
            ("array", "object"),
            ("null", "empty"),
            ("date", "stamp"),
            ("time", "date"),
            ("date-time", "text"),
        )
    ),
]

REWRITES: list[tuple[str, list[dict[str, Any]], dict[str, Any]]] = [
    ("a value", [{"path": "/labels/id", "value": 1}], {"labels": {"id": 1}}),
    ("without the first slash", [{"path": "labels/id", "value": 1}], {"labels": {"id": 1}}),
    ("with a last slash", [{"path": "/labels/id/", "value": 1}], {"labels": {"id": 1}}),
    ("parents are made", [{"path": "/a/b/c", "value": "x"}], {"a": {"b": {"c": "x"}}}),
    ("an object", [{"path": "/labels", "value": {"x": [1, None]}}], {"labels": {"x": [1, None]}}),
    (
        "an element",
        [{"path": "/l", "value": [1, 2]}, {"path": "/l/1", "value": 3}],
        {"l": [1, 3]},
    ),
    (
        "the last one wins",
        [{"path": "/x", "value": 1}, {"path": "/x", "value": 2}],
        {"x": 2},
    ),
]


def answer(request: Message) -> bytes:
    """What arrived, as JSON."""
    body = json.dumps([request.start, dict(request.fields)]).encode()
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body


class Rig:
    """One process for everything here."""

    def __init__(self, mesh: Mesh) -> None:
        self.mesh = mesh

    def get(self, name: str, path: str = "/", method: str = "GET") -> Message:
        """One request."""
        with Client(self.mesh.port(name)) as client:
            return client.ask(f"{method} {path} HTTP/1.1\r\nhost: h\r\n\r\n".encode())


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    with ExitStack() as stack:
        upstream, _ = stack.enter_context(wire_server(answer))
        datagrams, _ = stack.enter_context(udp_server())
        yield Rig(stack.enter_context(Mesh(_config(upstream, datagrams))))


def _config(upstream: int, datagrams: int) -> dict[str, Any]:
    label = {"path": "/labels", "value": LABELS}
    listeners = [
        listener("tree", "HTTP", [rule("yes", {"HTTP": {"path": {"prefix": "auth/"}}}), rule("no")]),
        listener(
            "tree-more",
            "HTTP",
            [
                rule(
                    "yes",
                    {"HTTP": {"method": "POST", "headers": {"Host": {"suffix": "H", "ignore_case": True}}}},
                ),
                rule("no"),
            ],
        ),
        listener(
            "first-of-two",
            "HTTP",
            [rule("yes", {"op": "contains", "path": "/TCP/dst_port", "value": "1"}), rule("no")],
        ),
        listener("stale", "HTTP", ["no-such-rule", rule("yes")]),
        listener(
            "metadata",
            "HTTP",
            [
                rule(
                    "up",
                    metadata={"HTTP": {"method": "POST", "headers": {"content_type": "application/x-test"}}},
                ),
            ],
        ),
        listener(
            "kept",
            "HTTP",
            [
                {
                    "action": {
                        "rewrite": [{"path": "/HTTP/headers/x-first", "value": "kept"}],
                        "apply": "second",
                    }
                }
            ],
        ),
        listener("replaced", "UDP", [rule("udp", rewrite=[{"path": "/", "value": {"only": 1}}])]),
        listener("dangling", "HTTP", [{"action": {"apply": "no-such-list"}}]),
        listener("no-action", "HTTP", [{"action": {"rewrite": [label]}}]),
        listener(
            "address",
            "TCP",
            [rule("yes", {"op": "cidr", "path": "/IP/src_addr", "value": "127.0.0.0/8"}), rule("no")],
        ),
    ]
    for index in range(len(OPS)):
        first = {"action": {"rewrite": [label], "apply": f"ops-{index}"}}
        listeners.append(listener(f"op-{index}", "HTTP", [first]))
    for index, (_, rewrite, _) in enumerate(REWRITES):
        listeners.append(listener(f"rewrite-{index}", "UDP", [rule("udp", rewrite=rewrite)]))
    return {
        "listeners": listeners,
        "rulelists": [
            {
                "name": "second",
                "rules": [
                    rule(
                        "up",
                        {"op": "test", "path": "/HTTP/headers/x-first", "value": "kept"},
                        rewrite=[{"path": "/HTTP/headers/x-second", "value": "too"}],
                    )
                ],
            },
            *(
                {"name": f"ops-{index}", "rules": [rule("yes", match), rule("no")]}
                for index, (_, match, _) in enumerate(OPS)
            ),
        ],
        "clusters": [
            cluster("up", "HTTP", upstream),
            cluster("udp", "UDP", datagrams),
            builtin("yes", "DirectResponse", body="yes"),
            builtin("no", "DirectResponse", body="no"),
        ],
    }


@pytest.mark.parametrize("index", range(len(OPS)), ids=[name for name, _, _ in OPS])
def test_predicate(rig: Rig, index: int) -> None:
    """Row 31: every operation on every type, with and without ignore_case, through a real listener."""
    response = rig.get(f"op-{index}")
    assert response.status == 200
    assert response.body == (b"yes" if OPS[index][2] else b"no")


@pytest.mark.parametrize(
    ("path", "body"),
    [("/auth/x", b"yes"), ("/auth/", b"yes"), ("/auth", b"no"), ("/", b"no"), ("/x/auth/", b"no")],
)
def test_match_tree_takes_its_prefix_only(rig: Rig, path: str, body: bytes) -> None:
    """Row 30: `{HTTP: {path: {prefix: "auth/"}}}`, the concept document's first example."""
    assert rig.get("tree", path).body == body


def test_match_tree_asks_all_its_leaves(rig: Rig) -> None:
    """Row 30: method and header, both."""
    assert rig.get("tree-more", method="POST").body == b"yes"
    assert rig.get("tree-more", method="PUT").body == b"no"


def test_merged_metadata_are_seen_upstream(rig: Rig) -> None:
    """Row 30: method POST and a content type."""
    start, fields = json.loads(rig.get("metadata", "/x?y=1").body)
    assert start == "POST /x?y=1 HTTP/1.1"
    assert fields["content-type"] == "application/x-test"


@pytest.mark.parametrize("index", range(len(REWRITES)), ids=[name for name, _, _ in REWRITES])
def test_rewrite_is_listed(rig: Rig, index: int) -> None:
    """Row 29: every way to write a path."""
    with net.udp(rig.mesh.port(f"rewrite-{index}")) as sock:
        assert net.ask(sock, b"x") == b"x"
        (session,) = rig.mesh.sessions(f"rewrite-{index}")
    metadata = session["metadata"]
    for key, value in REWRITES[index][2].items():
        assert metadata[key] == value
    assert metadata["IP"]["src_addr"] == "127.0.0.1"


def test_slash_replaces_the_whole_tree(rig: Rig) -> None:
    """Row 29: what was there is gone, and the session goes on."""
    with net.udp(rig.mesh.port("replaced")) as sock:
        assert net.ask(sock, b"x") == b"x"
        assert net.ask(sock, b"y") == b"y"
        (session,) = rig.mesh.sessions("replaced")
    assert session["metadata"] == {"only": 1}


def test_rewrite_before_apply_is_kept(rig: Rig) -> None:
    """Row 32: the second list sees it, and so does the upstream (the original loses it)."""
    _, fields = json.loads(rig.get("kept").body)
    assert (fields["x-first"], fields["x-second"]) == ("kept", "too")


@pytest.mark.parametrize("name", ["dangling", "no-action"])
def test_lookup_that_leads_nowhere_is_404(rig: Rig, name: str) -> None:
    """Row 32: a missing list, or a rule without a route."""
    response = rig.get(name)
    assert response.status == 404
    assert json.loads(response.body)["status"] == 404


def test_missing_rule_does_not_hide_the_next(rig: Rig) -> None:
    """Row 6: one stale name blocks all later rules of the original."""
    assert rig.get("stale").body == b"yes"


def test_wrong_type_is_no_match(rig: Rig) -> None:
    """Row 31: `contains` on a port number kills the original."""
    assert rig.get("first-of-two").body == b"no"
    assert rig.mesh.is_alive


def test_address_range_is_asked_of_the_peer(rig: Rig) -> None:
    """Row 31: our own operation `cidr`."""
    with net.tcp(rig.mesh.port("address")) as sock:
        assert net.read_all(sock) == b"yes"


def test_loop_of_lists_is_refused(rig: Rig) -> None:
    """Row 32: over REST nothing changes and the process lives."""
    status, told, _ = rig.mesh.raw(
        "POST",
        "rulelists",
        json.dumps({"rulelist": {"name": "again", "rules": [{"action": {"apply": "again"}}]}}).encode(),
    )
    assert status == 400
    assert "again" in json.dumps(told)
    assert rig.get("kept").status == 200


def test_names_are_bound_when_they_are_used(rig: Rig) -> None:
    """Core: a listener may come before its list, a rule before its route, a route before its cluster."""
    mesh = rig.mesh
    late = {**listener("late", "HTTP", []), "rules": "late-list"}
    mesh.call("POST", "listeners", {"listener": late})
    steps: list[tuple[str, dict[str, Any]]] = [
        ("rulelists", {"rulelist": {"name": "late-list", "rules": ["late-rule"]}}),
        ("rules", {"rule": {"name": "late-rule", "action": {"route": "late-route"}}}),
        ("routes", {"route": {"name": "late-route", "destination": "late-cluster"}}),
        ("clusters", {"cluster": builtin("late-cluster", "DirectResponse", body="at last")}),
    ]
    for kind, body in steps:
        assert rig.get("late").status == 404
        mesh.call("POST", kind, body)
    assert rig.get("late").body == b"at last"

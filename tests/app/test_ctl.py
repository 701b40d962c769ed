"""l7mpctl against a server with canned answers."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.canned import Canned
from support.net import free_port

from l7mp_mesh.app.ctl import main
from l7mp_mesh.app.ctl_table import columns, lay_out

CLUSTERS = [
    {"name": "echo", "spec": {"protocol": "Echo"}, "endpoints": 0, "loadbalancer": {"policy": "Trivial"}},
    {
        "name": "backends",
        "spec": {"protocol": "TCP", "port": 8080},
        "endpoints": 2,
        "loadbalancer": {"policy": "HashRing", "key": "/IP/src_addr"},
    },
]
LISTENERS = [
    {"name": "web", "spec": {"protocol": "HTTP", "port": 80}, "rules": "rl", "options": {"track": 0}}
]
SESSION = {
    "name": "TCP:1.2.3.4:5-6.7.8.9:10",
    "source": {"origin": "web", "status": "READY"},
    "destination": {"origin": "backends", "endpoint": {"name": "b", "spec": {"address": "10.0.0.1"}}},
    "route": {"name": "main"},
    "status": "CONNECTED",
    "statistics": {"received": {"bytes": 5000}, "sent": {"bytes": 12}},
    "events": [{"event": "INIT", "timestamp": "2020-01-01T00:00:00.000Z"}],
}
CONFIG = {
    "admin": {"version": "1.2.3", "log_level": "info", "log_file": "stderr", "strict": True},
    "listeners": LISTENERS,
    "clusters": CLUSTERS,
    "sessions": [SESSION],
}
REFUSAL = {
    "status": 400,
    "message": "Bad Request",
    "content": "Cannot add cluster: Property name is required\n1:13: cluster.spec.port: too large",
    "problems": ["1:13: cluster.name: Property name is required", "1:13: cluster.spec.port: too large"],
}


def ctl(canned: Canned, *arguments: str) -> int:
    return main(["--server", canned.url, *arguments])


def test_a_table_is_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    with Canned({"GET /clusters": CLUSTERS}) as canned:
        assert ctl(canned, "get", "clusters") == 0
    assert capsys.readouterr().out.splitlines() == [
        "NAME      PROTOCOL  PORT  ENDPOINTS  BALANCING",
        "echo      Echo      -     0          Trivial",
        "backends  TCP       8080  2          HashRing /IP/src_addr",
    ]


@pytest.mark.parametrize("word", ["cluster", "clusters", "cl", "CLUSTER"])
def test_a_kind_goes_by_several_words(word: str) -> None:
    with Canned({"GET /clusters/echo": CLUSTERS[0]}) as canned:
        assert ctl(canned, "get", word, "echo") == 0
    assert canned.asked == [("GET /clusters/echo", None)]


KINDS: dict[str, tuple[Any, str]] = {
    "listeners": (LISTENERS[0], "web HTTP *:80 rl"),
    "endpoints": ({"name": "e", "spec": {"address": "::1", "port": 7}, "weight": 3}, "e ::1 7 3"),
    "rulelists": ({"name": "rl", "rules": ["a", {"name": "b"}]}, "rl a, b"),
    "rules": (
        {
            "name": "r",
            "match": {
                "op": "and",
                "apply": [{"op": "starts", "path": "/a", "value": "x"}, {"op": "defined", "path": "/b"}],
            },
            "action": {"rewrite": [], "route": "main"},
        },
        "r and(/a starts x, /b defined) rewrite, route main",
    ),
    "routes": (
        {
            "name": "main",
            "destination": [{"destination": "a", "weight": 9}, {"destination": "b", "weight": 1}],
            "ingress": ["t"],
            "egress": [],
            "retry": {"retry_on": "always", "num_retries": 3, "timeout": 200},
        },
        "main a 9, b 1 t - always 3x 200ms",
    ),
    "transforms": ({"name": "t", "type": "CLUSTER", "params": {"cluster": "c"}}, "t CLUSTER cluster=c"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_table(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    item, expected = KINDS[kind]
    with Canned({f"GET /{kind}": [item]}) as canned:
        assert ctl(canned, "get", kind) == 0
    assert " ".join(capsys.readouterr().out.splitlines()[1].split()) == expected


@pytest.mark.parametrize("kind", [*KINDS, "sessions"])
def test_a_table_takes_whatever_the_server_says(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    odd: list[Any] = [{"name": 1}, {}, {"spec": [], "events": [0], "match": {}, "destination": [1]}, 7, None]
    with Canned({f"GET /{kind}": odd}) as canned:
        assert ctl(canned, "get", kind) == 0
    assert len(capsys.readouterr().out.splitlines()) == 4


def test_nothing_is_said_to_be_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with Canned({"GET /routes": []}) as canned:
        assert ctl(canned, "get", "routes") == 0
    assert capsys.readouterr().out == "no routes\n"


def test_json_and_yaml_are_what_the_server_said(capsys: pytest.CaptureFixture[str]) -> None:
    with Canned({"GET /clusters": CLUSTERS, "GET /listeners/web?recursive=true": LISTENERS[0]}) as canned:
        assert ctl(canned, "-o", "json", "get", "clusters") == 0
        assert json.loads(capsys.readouterr().out) == CLUSTERS
        assert ctl(canned, "get", "clusters", "-o", "yaml") == 0
        assert yaml.safe_load(capsys.readouterr().out) == CLUSTERS
        assert ctl(canned, "describe", "listener", "web") == 0
        assert yaml.safe_load(capsys.readouterr().out) == LISTENERS[0]


def test_status_says_what_runs(capsys: pytest.CaptureFixture[str]) -> None:
    with Canned({"GET /config": CONFIG}) as canned:
        assert ctl(canned, "status") == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines[:2] == [f"l7mp-mesh 1.2.3 at {canned.url}", "log level info to stderr, strict"]
        assert lines[2].startswith("1 listener, 2 clusters, 0 endpoints, ")
        assert lines[4].split() == ["NAME", "PROTOCOL", "ADDRESS", "RULES", "SESSIONS"]
        assert lines[5].split() == ["web", "HTTP", "*:80", "rl", "1"]
        assert ctl(canned, "status", "-o", "json") == 0
        assert json.loads(capsys.readouterr().out)["sessions"] == {"web": 1}


@pytest.mark.parametrize(
    "text",
    [
        "name: x\nspec: {protocol: Echo}\n",
        "cluster:\n  name: x\n  spec: {protocol: Echo}\n",
        '{"name": "x", "spec": {"protocol": "Echo"}}',
        '{"cluster": {"name": "x", "spec": {"protocol": "Echo"}}}',
    ],
)
def test_a_file_may_have_the_word_around_it_or_not(text: str, tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_text(text)
    with Canned({}) as canned:
        assert ctl(canned, "add", "cluster", "-f", str(file)) == 0
        assert ctl(canned, "add", "cluster", "-f", str(file), "--replace") == 0
    body = {"cluster": {"name": "x", "spec": {"protocol": "Echo"}}}
    assert canned.asked == [("POST /clusters", body), ("PUT /clusters/x", body)]


def test_a_body_may_come_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    with Canned({}) as canned:
        for arguments in (
            ["endpoint", "--in", "a/b"],
            ["rule", "--in", "rl", "--at", "2"],
            ["config"],
            ["admin"],
        ):
            monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"{a: 1}")))
            assert ctl(canned, "add", *arguments, "-f", "-") == 0
    assert canned.asked == [
        ("POST /clusters/a%2Fb/endpoints", {"endpoint": {"a": 1}}),
        ("POST /rulelists/rl/rules/2", {"rule": {"a": 1}}),
        ("POST /config", {"a": 1}),
        ("POST /admin", {"admin": {"a": 1}}),
    ]


@pytest.mark.parametrize(
    ("text", "where"), [("spec:\n  port: 70000\n", "2:3"), ("cluster:\n  spec:\n    port: 70000\n", "3:5")]
)
def test_a_problem_is_shown_where_it_stands_in_the_file(
    text: str, where: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(text)
    with Canned({"POST /clusters": (400, REFUSAL)}) as canned:
        assert ctl(canned, "add", "cluster", "-f", str(file)) == 1
    first, name, port = capsys.readouterr().err.splitlines()
    assert first == "l7mpctl: Cannot add cluster:"
    assert name.endswith("name: Property name is required")
    assert f"{file}:{where}: " in port
    assert port.endswith("spec.port: too large")


def test_a_file_that_can_not_be_read_is_not_sent(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "c.yaml"
    file.write_text('{"a"\n 1}')
    with Canned({}) as canned:
        assert ctl(canned, "add", "cluster", "-f", str(file)) == 1
        assert ctl(canned, "add", "cluster", "-f", str(tmp_path / "none")) == 1
    assert canned.asked == []
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith(f"l7mpctl: {file}:")
    assert second == f"l7mpctl: can not read {tmp_path / 'none'}: No such file or directory"


def test_deletes_and_sessions_are_called_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    with Canned({}) as canned:
        for line in (
            "delete listener a/b --recursive",
            "delete rule r --in rl",
            "delete endpoint e",
            "session kill TCP:1-2",
            "session reroute TCP:1-2 --route canary",
        ):
            assert ctl(canned, *line.split()) == 0
    assert canned.asked == [
        ("DELETE /listeners/a%2Fb?recursive=true", None),
        ("DELETE /rulelists/rl/rules/r", None),
        ("DELETE /endpoints/e", None),
        ("DELETE /sessions/TCP%3A1-2", None),
        ("PUT /sessions/TCP%3A1-2", {"route": "canary"}),
    ]
    assert capsys.readouterr().out.split() == ["deleted", "deleted", "deleted", "ended", "moved"]


def test_sessions_are_listed_and_followed(capsys: pytest.CaptureFixture[str]) -> None:
    with Canned({"GET /sessions": [SESSION]}) as canned:
        assert ctl(canned, "sessions") == 0
        row = capsys.readouterr().out.splitlines()[1]
        assert ctl(canned, "sessions", "--watch", "--interval", "0.001", "--count", "3") == 0
    assert row.split()[:6] == [SESSION["name"], "web", "CONNECTED", "main", "backends", "(10.0.0.1)"]
    assert "4.9 KiB" in row
    assert capsys.readouterr().out.splitlines() == [
        f"{SESSION['name']}  web  CONNECTED  main  backends (10.0.0.1)"
    ]
    assert len(canned.asked) == 4


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("get nonsense", 'there is no kind "nonsense"; kinds are listener, '),
        ("get cluster x", 'there is no cluster "x"'),
        ("describe cluster", "describe cluster needs a name"),
        ("delete cluster x --in y", "--in is for rules"),
        ("session kill x", "No such session"),
        ("get routes", "answered 200, but not as the control API of l7mp-mesh does"),
        ("get rules", "answered 500, but not as the control API of l7mp-mesh does"),
    ],
)
def test_an_error_is_one_line(line: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    answers = {
        "GET /clusters/x": (400, {"status": 400, "message": "Bad Request", "content": "Not Found"}),
        "DELETE /sessions/x": (400, {"status": 400, "message": "Bad Request", "content": "No such session"}),
        "GET /routes": (200, b"<html>"),
        "GET /rules": (500, b"oops"),
    }
    with Canned(answers) as canned:
        assert ctl(canned, *line.split()) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("l7mpctl: ")
    assert said in err
    assert err.count("\n") == 1


def test_a_server_that_is_not_there_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    monkeypatch.setenv("L7MP_SERVER", f"127.0.0.1:{port}")
    assert main(["status"]) == 1
    said = capsys.readouterr().err
    assert f"can not reach http://127.0.0.1:{port} (Connection refused)" in said
    assert "l7mp-mesh run -c FILE" in said
    assert main(["version"]) == 0
    assert f"dataplane not reached at http://127.0.0.1:{port}" in capsys.readouterr().out
    for address in ("ftp://x", "http://:1", "http://x:99999"):
        assert main(["status", "--server", address]) == 1
        assert "is no address" in capsys.readouterr().err


def test_help_has_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "l7mpctl session reroute NAME --route canary" in capsys.readouterr().out
    assert main([]) == 1


def test_wide_cells_are_cut_to_the_terminal() -> None:
    rows = [["a" * 50, "x", "b" * 20], ["é漢字", "yy", "c"]]
    for width in (30, 40, 79):
        lines = lay_out(["NAME", "K", "OTHER"], rows, width)
        assert all(columns(line) <= width for line in lines)
    assert lay_out(["NAME", "K", "OTHER"], rows, 30) == [
        "NAME                K   OTHER",
        "aaaaaaaaaaaaaaaaa…  x   bbbbb…",
        "é漢字               yy  c",
    ]
    assert lay_out(["A"], [["x\x1b[31m\n"]], None) == [
        "A",
        "x\N{REPLACEMENT CHARACTER}[31m\N{REPLACEMENT CHARACTER}",
    ]

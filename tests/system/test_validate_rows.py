"""`l7mp-mesh validate`, `schema` and `version`: what a person asks before anything runs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.mesh import ApiError, Mesh
from support.shape import builtin, listener

BAD = """\
listeners:
- name: a
  spec: {protocol: TCP, port: 99999}
  rules: [{action: {route: {destination: e}}}]
- name: b
  spec: {protocol: NOPE}
  rules: []
clusters:
- name: e
  spec: {protocol: Echo}
  colour: red
- spec: {protocol: Echo}
routes:
- name: r
  destination: e
  retry: {retry_on: sometimes, timeout: -1}
"""


def call(*arguments: str, text: str | None = None) -> tuple[int, str, str]:
    """Exit status, standard output and standard error."""
    done = subprocess.run(
        [sys.executable, "-m", "l7mp_mesh", *arguments],
        input=text, capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    path = tmp_path / "bad.yaml"
    path.write_text(BAD)
    return path


def test_every_problem_is_said_at_once_with_its_place(bad: Path) -> None:
    """Core: file:line:column, field path, found and expected; exit status 1."""
    status, out, err = call("validate", str(bad))
    said = out + err
    assert status == 1
    for place, field, found in (
        ("3:31", "listeners[0].spec.port", "99999"),
        ("6:20", "listeners[1].spec.protocol", "NOPE"),
        ("11:3", "clusters[0].colour", "colour"),
        ("12:3", "clusters[1]", "name"),
        ("16:21", "routes[0].retry.retry_on", "sometimes"),
        ("16:41", "routes[0].retry.timeout", "-1"),
    ):
        lines = [line for line in said.splitlines() if line.startswith(f"{bad}:{place}: {field}")]
        assert lines, (place, field, said)
        assert found in lines[0]


def test_problems_are_json_for_programs(bad: Path) -> None:
    """Core: `-o json`."""
    status, out, _ = call("validate", str(bad), "-o", "json")
    assert status == 1
    told = json.loads(out)
    problems: list[dict[str, Any]] = told if isinstance(told, list) else told["problems"]
    assert {(one["line"], one["column"]) for one in problems} >= {(3, 31), (6, 20), (16, 21)}


def test_good_file_is_good(tmp_path: Path) -> None:
    """Core: exit status 0; unknown fields are warnings, errors under strict."""
    path = tmp_path / "good.yaml"
    config = {"listeners": [listener("l", "TCP", "e")], "clusters": [builtin("e", "Echo")]}
    path.write_text(yaml.safe_dump(config))
    assert call("validate", str(path))[0] == 0
    assert call("validate", "-", text=path.read_text())[0] == 0
    path.write_text(yaml.safe_dump({**config, "colour": "red"}))
    status, out, err = call("validate", str(path))
    assert status == 0
    assert "warning" in out + err
    assert call("validate", "-s", str(path))[0] == 1


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"protocol": "UDP", "port": 1, "options": {"mode": "singleton"}}, "connect"),
        ({"protocol": "TCP"}, "port"),
        ({"protocol": "UDP", "port": 1, "options": {"mode": "sometimes"}}, "sometimes"),
        ({"protocol": "Echo"}, "Echo"),
    ],
)
def test_listener_that_can_not_be_is_refused(spec: dict[str, Any], said: str, tmp_path: Path) -> None:
    """Row 8 and Core: with what is missing or wrong; the same over REST."""
    made = {"name": "l", "spec": spec, "rules": []}
    path = tmp_path / "l.yaml"
    path.write_text(yaml.safe_dump({"listeners": [made]}))
    status, out, err = call("validate", str(path))
    assert status == 1
    assert said in out + err


def test_rest_and_start_say_the_same(bad: Path) -> None:
    """Core: one decoder for all three."""
    _, out, err = call("validate", str(bad))
    _, _, at_start = call("run", "-c", str(bad))
    errors = [line for line in (out + err).splitlines() if "99999" in line or "NOPE" in line]
    assert errors
    for line in errors:
        assert line in at_start
    why = errors[0].split(": ", 2)[2]
    with Mesh({}) as mesh:
        with pytest.raises(ApiError) as refused:
            mesh.call("POST", "listeners", {"listener": yaml.safe_load(BAD)["listeners"][0]})
        assert refused.value.status == 400
        assert why in refused.value.body["content"]


def test_schema_is_json_schema() -> None:
    """Core: for editors."""
    status, out, _ = call("schema")
    assert status == 0
    schema = json.loads(out)
    assert schema["$schema"].startswith("https://json-schema.org/")
    assert {"listeners", "clusters", "rulelists", "rules", "routes"} <= set(schema["properties"])


def test_version_is_said() -> None:
    """Core: `l7mp-mesh version`."""
    status, out, _ = call("version")
    assert status == 0
    assert out.startswith("l7mp-mesh ")

"""Envoy bootstraps given to `l7mp-mesh validate`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from l7mp_mesh.app.cli import main

BOOTSTRAP = """\
node: {id: n, cluster: c}
dynamic_resources:
  ads_config:
    api_type: GRPC
    transport_api_version: V3
    grpc_services: [{google_grpc: {target_uri: "127.0.0.1:1", stat_prefix: xds}}]
"""


def validated(folder: Path, text: str, *flags: str) -> int:
    (folder / "b.yaml").write_text(text)
    return main(["validate", str(folder / "b.yaml"), *flags])


def test_a_bootstrap_is_read_as_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert validated(tmp_path, BOOTSTRAP) == 0
    assert capsys.readouterr().out == f"{tmp_path}/b.yaml: valid\n"


@pytest.mark.parametrize(
    ("text", "line", "path"),
    [
        (BOOTSTRAP.replace("GRPC", "REST"), 4, "dynamic_resources.ads_config.api_type"),
        (BOOTSTRAP.replace("{id: n,", "{idd: n,"), 1, "node.idd"),
        (BOOTSTRAP.replace("[{google", "[{{google"), 6, ""),
    ],
)
def test_what_is_wrong_with_a_bootstrap_has_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, line: int, path: str
) -> None:
    assert validated(tmp_path, text, "-o", "json") == 1
    (problem,) = json.loads(capsys.readouterr().out)["problems"]
    assert (problem["line"], problem["path"]) == (line, path)

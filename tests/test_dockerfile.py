"""The image: what it says about itself, and its build steps carried out below a scratch folder."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from support.dockerfile import Scratch, read

ROOT = Path(__file__).resolve().parent.parent
STAGES = read(ROOT / "Dockerfile")
BUILD, IMAGE = STAGES[0], STAGES[-1]

NO_REGISTRY = ("No matching distribution", "Could not find a version", "Connection", "timed out", "Network")
"""What pip says when there is nobody to ask."""

MESH = """\
listeners:
  - name: tcp
    spec: {protocol: TCP, port: 0, address: 127.0.0.1}
    rules: [{action: {route: {destination: {spec: {protocol: Echo}}}}}]
"""


def test_there_is_a_stage_to_build_and_one_to_run() -> None:
    assert [stage.name for stage in STAGES] == ["build", ""]
    assert all(stage.base == "python:${PYTHON_VERSION}-slim" for stage in STAGES)


def test_the_image_does_not_run_as_root() -> None:
    assert IMAGE.last("USER").partition(":")[0] not in ("", "0", "root")


def test_the_entry_point_is_the_dataplane() -> None:
    assert IMAGE.last("ENTRYPOINT") == '["l7mp-mesh"]'


def test_no_step_names_an_architecture() -> None:
    text = (ROOT / "Dockerfile").read_text()
    steps = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    assert not any(word in steps for word in ("amd64", "arm64", "x86_64", "aarch64", "--platform"))


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Scratch:
    scratch = Scratch(tmp_path_factory.mktemp("docker") / "root", ROOT)
    try:
        scratch.build(BUILD, timeout=240)
    except subprocess.TimeoutExpired as error:
        pytest.skip(f"no package registry within {error.timeout} s")
    except subprocess.CalledProcessError as error:
        if any(word in error.stdout for word in NO_REGISTRY):
            pytest.skip(f"no package registry: {error.stdout.strip().splitlines()[-1]}")
        raise AssertionError(f"{error.cmd}:\n{error.stdout}") from error
    before = scratch.root.with_name("root-before")
    before.rmdir()
    scratch.build(IMAGE, timeout=60)
    return scratch


@pytest.mark.timeout(300)
def test_the_built_image_answers(image: Scratch) -> None:
    version = image.call(IMAGE, "version")
    assert version.stdout.startswith("l7mp-mesh "), version
    assert "unknown" not in version.stdout


@pytest.mark.timeout(300)
def test_the_built_image_validates_a_file(image: Scratch) -> None:
    (image.root / "mesh.yaml").write_text(MESH)
    done = image.call(IMAGE, "validate", "mesh.yaml")
    assert (done.returncode, done.stdout) == (0, "mesh.yaml: valid\n")


@pytest.mark.timeout(300)
def test_the_built_image_holds_all_commands_and_no_sources(image: Scratch) -> None:
    there = {path.name for path in (image.root / "opt/l7mp-mesh/bin").iterdir()}
    assert {"l7mp-mesh", "l7mpctl", "xds-server"} <= there
    assert not (image.root / "src").exists()


@pytest.mark.timeout(300)
def test_the_built_image_can_read_envoys_messages(image: Scratch) -> None:
    bin_ = image.root / "opt/l7mp-mesh/bin/python"
    show = "from l7mp_mesh import api; print(api.message('l7mp.mesh.v1.Listener').DESCRIPTOR.full_name)"
    done = subprocess.run([str(bin_), "-c", show], check=True, capture_output=True, text=True, cwd=image.root)
    assert done.stdout == "l7mp.mesh.v1.Listener\n"

"""The demo tells the truth: every answer it shows is checked by itself."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.net import eventually

DEMO = [sys.executable, "-u", "-m", "l7mp_mesh", "demo"]
ACTS = 6


def folder_of(output: str) -> Path:
    """The folder that the demo has made for itself."""
    return Path(next(word for word in output.split() if word.endswith("/mesh"))).parent


def test_every_check_of_the_demo_holds() -> None:
    done = subprocess.run([*DEMO, "--once"], check=False, capture_output=True, text=True, timeout=50)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "checks hold" in done.stdout
    assert [f"\n{act}. " in done.stdout for act in range(1, ACTS + 1)] == [True] * ACTS
    assert not folder_of(done.stdout).exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_demo_stays_up_until_it_is_told_to_go_and_leaves_nothing_behind(
    number: signal.Signals, tmp_path: Path
) -> None:
    output = tmp_path / "output"
    with output.open("wb") as file, subprocess.Popen(DEMO, stdout=file, stderr=subprocess.STDOUT) as process:
        # The last act mends a file, which the server reports when everything else has been said.
        eventually(lambda: "good again" in output.read_text() or process.poll() is not None, 50)
        assert process.poll() is None, output.read_text()
        process.send_signal(number)
        assert process.wait(30) == 0, output.read_text()
    assert "nothing is left behind" in output.read_text()
    assert not folder_of(output.read_text()).exists()

"""SIGKILL at a random time: the earlier report stays whole, and the next run leaves nothing of the killed one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
from program import run_program
from surfaces import Seeds

from simulator.outputs.workspace import SUFFIX

KILLS = int(os.environ.get("SPIKEWATT_KILLS", "1"))
LONGEST_S = 4.0  # about what a simulation of the tiny trace takes with its page


@pytest.mark.skipif(sys.platform == "win32", reason="the system has no SIGKILL")
def test_a_kill_loses_no_report_and_the_next_run_tidies_up(
    seeds: Seeds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    options = ["simulate", "--trace", str(seeds.trace), "--no-dense-twin", "--quiet", "--out", "o"]
    options += ["--chip", "sdllm-asic-45nm"]
    assert run_program(*options).code == 0
    Path("o/notes.txt").write_text("mine")
    rng = Random(None if KILLS > 1 else 0)
    for _ in range(KILLS):
        command = [sys.executable, "-m", "simulator", *options, "--set", f"core.synapse.lanes={rng.randint(1, 9)}"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                process.wait(rng.uniform(0.5, LONGEST_S))
            except subprocess.TimeoutExpired:
                process.kill()
        manifest = json.loads(Path("o/manifest.json").read_text("utf-8"))
        assert all((Path("o") / name).is_file() for name in manifest["files"])
    assert run_program(*options).code == 0
    assert Path("o/notes.txt").read_text() == "mine"
    assert not [path for path in tmp_path.iterdir() if path.name.endswith(SUFFIX)]

"""SIGKILL at a random time: the earlier report stays whole, and the next run leaves nothing of the killed one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
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
    seeds: Seeds, tmp_path: Path, fuzz_seed: int, counts: dict[str, Counter[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = counts.setdefault("kills", Counter())
    monkeypatch.chdir(tmp_path)
    options = ["simulate", "--trace", str(seeds.trace), "--no-dense-twin", "--quiet", "--out", "o"]
    options += ["--chip", "sdllm-asic-45nm"]
    assert run_program(*options).code == 0
    Path("o/notes.txt").write_text("mine")
    rng = Random(fuzz_seed)
    for _ in range(KILLS):
        command = [sys.executable, "-m", "simulator", *options, "--set", f"core.synapse.lanes={rng.randint(1, 9)}"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                process.wait(rng.uniform(0.5, LONGEST_S))
            except subprocess.TimeoutExpired:
                process.kill()
                found["kills"] += 1
        lost = [
            name for name in ("notes.txt", "manifest.json", *listed_files(Path("o"))) if not Path("o", name).is_file()
        ]
        found["lost"] += len(lost)
        assert not lost
    assert run_program(*options).code == 0
    assert Path("o/notes.txt").read_text() == "mine"
    left = [path for path in tmp_path.iterdir() if path.name.endswith(SUFFIX)]
    found["leftovers"] += len(left)
    assert not left


def listed_files(report: Path) -> list[str]:
    """Files that the manifest of a report names."""
    files: list[str] = json.loads((report / "manifest.json").read_text("utf-8"))["files"]
    return files

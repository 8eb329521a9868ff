"""The memory limit holds: what a simulation was said to take is at least what it takes, and at most 25 % more.

Each shape is a process of its own, for a process never gives all of its memory back. A few shapes in ``make test``;
with ``SPIKEWATT_MEMORY`` all, to 70 billion parameters, which takes minutes each.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from program import run_program

SCRIPT = Path(__file__).resolve().parents[1] / "support/peak_memory.py"
SHARE = 1.25
ALL = "SPIKEWATT_MEMORY" in os.environ
SHIPPED = "shakespeare-ternary-T15"

# Name -> options of ``synthesize``.
TRACES: dict[str, tuple[str, ...]] = {
    "tiny": ("silent", "--sizes", "4,4", "--tokens", "1"),
    "long": ("silent", "--sizes", "4,4", "--tokens", "100000"),
    "many": ("poisson", "--sizes", "300,300,300,300", "--tokens", "2000"),
    "wide": ("poisson", "--sizes", "2000,2000", "--tokens", "2"),
    "deep": ("poisson", "--sizes", ",".join(["600"] * 8), "--tokens", "20", "--mean-count", "3"),
    "7b": ("--shape", "llama-2-7b", "--tokens", "1"),
    "70b": ("--shape", "llama-2-70b", "--tokens", "1"),
}
QUICK = (
    ("tiny", "odin-like", ()),
    ("wide", "truenorth-like", ()),
    ("many", "loihi-like", ("--sync", "handshake")),
    ("deep", "seneca-like", ("--set", "noc.router=V")),
)
MORE = (
    ("tiny", "truenorth-like", ()),
    ("long", "loihi-like", ()),
    ("long", "dense-int8-45nm", ("--set", "schedule.kind=sequential")),
    ("wide", "loihi-like", ("--set", "schedule.kind=sequential")),
    ("deep", "truenorth-like", ()),
    ("deep", "loihi2-like", ("--noc", "ideal")),
    ("deep", "spinnaker2-like", ()),
    (SHIPPED, "loihi-like", ()),
    (SHIPPED, "loihi-like", ("--noc", "ideal", "--set", "schedule.kind=sequential")),
    (SHIPPED, "truenorth-like", ()),
    (SHIPPED, "odin-like", ()),
    (SHIPPED, "sdllm-asic-45nm", ()),
    (SHIPPED, "loihi-like", ("--set", "noc.multicast=true")),
    ("7b", "sdllm-asic-45nm", ()),
    ("7b", "loihi-like", ()),
    (SHIPPED, "seneca-like", ()),
    (SHIPPED, "loihi-like", ("--dense-twin", "auto")),
    ("70b", "sdllm-asic-45nm", ("--set", "mapping.weights=streamed")),
)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="peak memory is measured as Linux counts it")
@pytest.mark.parametrize(("trace", "chip", "options"), [*QUICK, *(MORE if ALL else ())])
def test_the_estimate_is_the_peak(trace: str, chip: str, options: tuple[str, ...], tmp_path: Path) -> None:
    path = trace
    if trace in TRACES:
        path = str(tmp_path / "t.npz")
        assert run_program("synthesize", *TRACES[trace], "--out", path).code == 0
    command = [sys.executable, str(SCRIPT), "--chip", chip, "--trace", path, *options]
    command += [] if "--dense-twin" in options else ["--no-dense-twin"]
    command += ["--quiet", "--out", str(tmp_path / "o")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    said, took = map(int, done.stdout.split()[-2:])
    assert took <= said <= SHARE * took, f"{said / 2**20:.0f} MiB said, {took / 2**20:.0f} MiB taken"

"""`NUMBA_DISABLE_JIT=1`, for a debugger or coverage, gives the bytes of the compiled program."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Every schedule, network, way of synchronizing and code of a tiny trace; a sweep; captures of a tiny model.
RUNS = """
import sys, warnings
from pathlib import Path

warnings.simplefilter("error")
import spikewatt as sw
from simulator.engine.warmup import warm_up_all
from simulator.report.report_files import write_report
from simulator.report.timeline import write_timeline
from simulator.trace.synthetic import synthetic_trace

inputs = Path(sys.argv[1])
SETTINGS = {
    "loihi": ("loihi-like",),
    "multicast": ("loihi-like", "noc.multicast=true"),
    "handshake": ("sdllm-asic-45nm", "sync.kind=handshake"),
    "pipelined": ("sdllm-asic-45nm", "schedule.kind=pipelined"),
    "estimate": ("sdllm-asic-45nm", "noc.model=estimate", "noc.cycle.value=1 ps"),
    "ideal": ("sdllm-asic-45nm", "noc.model=ideal"),
    "channels": ("sdllm-asic-45nm", "noc.router=V"),
    "torus": ("sdllm-asic-45nm", "noc.topology=torus"),
    "dense": ("dense-int8-45nm",),
    "banks": ("sdllm-asic-45nm", "core.dendrite.accumulators=sram", "core.dendrite.accumulator_banks=2"),
}
warm_up_all()
for code, levels in (("ternary", 3), ("binary", 3), ("bitwise", 7), ("graded", 7), ("bitwise_twos", 7)):
    trace = synthetic_trace("poisson", (24, 12, 6), code=code, levels=levels, tokens=2, name=code)
    for name, (chip, *overrides) in SETTINGS.items():
        if code == "ternary" or name in ("handshake", "banks"):
            run = sw.simulate(sw.load_chip(chip, overrides), trace)
            write_report(run, Path(code) / name, writers=[])
run = sw.simulate(sw.load_chip("loihi-like"), trace, dense_chip=sw.load_chip("dense-int8-45nm"), breakeven=True)
write_report(run, "whole", writers=[])
write_timeline(run, Path("timeline.json"))
sw.run_sweep(sw.load_sweep("two.yaml"), Path("points"))
for preset in ("sdllm", "sdllm-attention", "unidirectional", "spikingbrain", "int8"):
    trace, found = sw.capture(inputs / "model", (inputs / "text.txt").read_text(), preset, 10)
    sw.save_trace(trace, f"{preset}.npz")
    Path(f"{preset}.txt").write_text(repr((found.spiking_perplexity, found.float_perplexity, found.warnings)))
"""
SWEEP = """
name: two
summary: two points
base: sdllm-asic-45nm
trace: INPUTS/tiny.npz
axes: {core.synapse.lanes: [8, 16]}
objectives: [energy.per_token_pj]
"""


def with_numba(disable_jit: str, folder: Path, inputs: Path) -> dict[str, bytes]:
    """What the runs leave in ``folder``, without the seconds that they took."""
    folder.mkdir()
    env = {**os.environ, "NUMBA_DISABLE_JIT": disable_jit, "PYTHONPATH": str(ROOT)}
    (folder / "two.yaml").write_text(SWEEP.replace("INPUTS", str(inputs)))
    command = [sys.executable, "-c", RUNS, str(inputs)]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return {str(path.relative_to(folder)): content(path) for path in sorted(folder.rglob("*")) if path.is_file()}


def content(path: Path) -> bytes:
    lines = path.read_bytes().splitlines(keepends=True)
    return b"".join(line for line in lines if not (b'"compile_s"' in line or b'"simulate_s"' in line))


def test_the_bytes_do_not_depend_on_the_compiler(inputs: Path, tmp_path: Path) -> None:
    compiled, plain = (with_numba(mode, tmp_path / f"jit{mode}", inputs) for mode in ("0", "1"))
    assert compiled.keys() == plain.keys()
    assert [name for name, data in compiled.items() if plain[name] != data] == []
    assert len(compiled) > 100

"""A real LLM on the shipped chips: energy and time of one more token, and the most that is expected of each.

    python benchmarks/real_llm.py [--trace FILE] [--model FILE] [--tokens 256] [--sample auto] [--only ROW ...]

Without a trace, captures the first tokens of the shipped text under preset `sdllm` from the model that
`make real-model` keeps in `.cache`. Prompts are simulated pipelined, as `spikewatt simulate` does by default. Decode
takes 16 tokens from the middle of the trace as generated ones, one at a time, mapped for the least energy times time on
at most 32 chips. Rows `3cfd1bd` have the chip file of that commit, whose leakage is one figure of 240 mW for the chip.
CPU is user and system time of mapping and simulation, without the dense twin.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

import simulator as sw
from simulator.config.chip import ChipConfig
from simulator.energy.ledger import build_ledger
from simulator.engine.engine import replay
from simulator.mapper.optimize import optimize
from simulator.report.steady_figures import steady_energy_pj
from simulator.trace.trace import DECODE, Trace

ROOT = Path(__file__).resolve().parents[1]
MODEL = ROOT / ".cache" / "real-model" / "SmolLM2-135M-Instruct.Q4_1.gguf"
TEXT = ROOT / "traces" / "model" / "heldout_sample.txt"
BEFORE = "3cfd1bd"
DECODED, DECODE_CHIPS = 16, 32
Sample = int | Literal["auto", "all"]


@dataclass(frozen=True)
class Found:
    """Energy and time of one more token, mJ and ms, and the chips it takes."""

    energy_mj: float
    time_ms: float
    n_chips: int


@dataclass(frozen=True)
class Row:
    """A line of the table: how it is simulated, and the most that is expected of it."""

    found: Callable[[Trace, Sample], Found]
    energy_mj: float | None = None
    time_ms: float | None = None


def prompt(chip: ChipConfig, code: str) -> Callable[[Trace, Sample], Found]:
    """A token of a long prompt under the defaults."""

    def found(trace: Trace, sample: Sample) -> Found:
        run = sw.simulate(chip, sw.as_encoding(trace, code), sample_tokens=sample)
        result = run.result
        return Found(steady_energy_pj(run) / 1e9, result.steady.time_per_token_ps / 1e9, result.n_chips)

    return found


def decode(chip: ChipConfig, code: str) -> Callable[[Trace, Sample], Found]:
    """A generated token, one at a time."""

    def found(trace: Trace, sample: Sample) -> Found:
        del sample  # few tokens: all of them
        first = max(0, (trace.n_tokens - DECODED) // 2)
        some = sw.as_encoding(trace, code).take(slice(first, first + DECODED))
        some = replace(some, phases=np.full(some.n_tokens, DECODE, some.phases.dtype))
        mapped = optimize(chip, some, "edp", DECODE_CHIPS, check=False).best.mapped
        result = replay(mapped)
        energy_pj = build_ledger(result, chip).total_pj
        return Found(energy_pj / some.n_tokens / 1e9, result.total_ps / some.n_tokens / 1e9, result.n_chips)

    return found


def asic_before() -> ChipConfig:
    """`sdllm-asic-45nm` with the prices of commit `BEFORE`."""
    file = "chip_configs/sdllm-asic-45nm.yaml"
    text = subprocess.run(["git", "show", f"{BEFORE}:{file}"], cwd=ROOT, capture_output=True, text=True, check=True)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / Path(file).name
        path.write_text(text.stdout, encoding="utf-8")
        return sw.load_chip(str(path))


def rows() -> dict[str, Row]:
    """The table."""
    loihi, asic, before = sw.load_chip("loihi-like"), sw.load_chip("sdllm-asic-45nm"), asic_before()
    few = sw.load_chip("loihi-like", [f"chip.max_chips={DECODE_CHIPS}"])
    return {
        "loihi-like ternary, prompt": Row(prompt(loihi, "ternary"), 16.0, 5.0),
        "loihi-like bitwise, prompt": Row(prompt(loihi, "bitwise"), 7.5),
        "loihi-like ternary, decode": Row(decode(few, "ternary"), 250.0, 75.0),
        "loihi-like bitwise, decode": Row(decode(few, "bitwise")),
        f"sdllm-asic-45nm of {BEFORE} ternary, prompt": Row(prompt(before, "ternary"), 1.4),
        f"sdllm-asic-45nm of {BEFORE} graded, prompt": Row(prompt(before, "graded"), 0.6),
        "sdllm-asic-45nm ternary, prompt": Row(prompt(asic, "ternary")),
        "sdllm-asic-45nm graded, prompt": Row(prompt(asic, "graded")),
    }


def against(value: float, most: float | None) -> str:
    """A value and whether it keeps to what is expected."""
    if most is None:
        return f"{value:9.3g}{'':12}"
    return f"{value:9.3g} {'<=' if value <= most else '> '} {most:<6g}  "


def trace_of(path: Path | None, model: Path, text: Path, n_tokens: int) -> Trace:
    """The trace that is given, or one captured here."""
    if path is not None:
        return sw.load_trace(path)
    if not model.exists():
        raise SystemExit(f"real_llm.py: {model} missing, expected a model; run make real-model or give --trace FILE")
    return sw.capture(model, text.read_text(encoding="utf-8"), "sdllm", n_tokens)[0]


def head(trace: Trace) -> str:
    """What was run where."""
    command = ["git", "describe", "--always", "--dirty"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    machine = f"{os.cpu_count()} cores {platform.machine()}, Python {platform.python_version()}"
    return f"{trace}\ncommit {done.stdout.strip()}, {machine}, load {os.getloadavg()[0]:.1f}"


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trace", type=Path)
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--text", type=Path, default=TEXT)
    parser.add_argument("--tokens", type=int, default=256)
    parser.add_argument("--sample", default="auto")
    parser.add_argument("--only", nargs="*", default=[""], help="words that the names of rows begin with")
    asked = parser.parse_args()
    trace = trace_of(asked.trace, asked.model, asked.text, asked.tokens)
    sample: Sample = asked.sample if asked.sample in ("auto", "all") else int(asked.sample)
    print(head(trace))
    print(f"{'':45}{'mJ per token':>12}{'':9}{'ms per token':>12}{'':9} chips   CPU s  wall s")
    for name, row in rows().items():
        if name.startswith(tuple(asked.only)):
            cpu, wall = time.process_time(), time.perf_counter()
            found = row.found(trace, sample)
            cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
            values = against(found.energy_mj, row.energy_mj) + against(found.time_ms, row.time_ms)
            print(f"{name:45}{values}{found.n_chips:6}{cpu:8.1f}{wall:8.1f}", flush=True)


if __name__ == "__main__":
    main()

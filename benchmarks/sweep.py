"""Sweeps: points per minute for one and two processes, overhead per point, and a thousand prices after one simulation.

    python benchmarks/sweep.py [--json]

Overhead is the CPU time of a sweep over that of its simulations alone, per point; on a busy machine it is steadier than
the time on the clock, which the points per minute are made of.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from simulator.config.sweep import SweepConfig
from simulator.engine.warmup import warm_up_all
from simulator.simulation.simulation import simulate
from simulator.sweep.runner import run_sweep
from simulator.sweep.space import Space, sweep_points
from simulator.trace.trace_files import load_trace

TRACE = Path(__file__).resolve().parents[1] / "traces" / "shakespeare-ternary-T15.npz"
LANES, SRAM = "core.synapse.lanes", "core.sram.capacity"
TIMED: dict[str, list[Any]] = {
    LANES: [8, 16, 32, 64],
    SRAM: ["16 KiB", "32 KiB", "64 KiB"],
    "noc.buffer_flits": [2, 4, 8, 16],
}
PRICES: dict[str, list[Any]] = {
    axis: [f"{n} {unit}" for n in range(1, 11)]
    for axis, unit in (("noc.hop_x", "pJ"), ("noc.hop_y", "pJ"), ("chip.static_power", "mW"))
}


def sweep(axes: dict[str, list[Any]]) -> SweepConfig:
    fields = {"name": "benchmark", "summary": "timed", "base": "sdllm-asic-45nm", "trace": str(TRACE), "axes": axes}
    return SweepConfig.model_validate(fields | {"objectives": ["energy.per_token_pj", "latency.per_token_ps"]})


def timed(work: Callable[[], Any]) -> tuple[float, float, Any]:
    """(CPU seconds, seconds on the clock, result)."""
    cpu, wall = time.process_time(), time.perf_counter()
    result = work()
    return time.process_time() - cpu, time.perf_counter() - wall, result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    warm_up_all()
    config, found = sweep(TIMED), {}
    trace = load_trace(TRACE)
    points = sweep_points(Space(config, {str(TRACE): trace.content_hash}))
    alone, _, _ = timed(lambda: [simulate(point.chip, trace) for point in points])
    with tempfile.TemporaryDirectory() as folder:
        for jobs in (1, 2):
            cpu, wall, result = timed(partial(run_sweep, config, f"{folder}/{jobs}", jobs=jobs))
            found[f"points_per_minute_{jobs}"] = 60 * result.computed / wall
            if jobs == 1:
                found["overhead_ms_per_point"] = 1000 * (cpu - alone) / result.computed
        first = {axis: values[:1] for axis, values in PRICES.items()}
        run_sweep(sweep(first), f"{folder}/prices")
        cpu, wall, result = timed(lambda: run_sweep(sweep(PRICES), f"{folder}/prices"))
        found["price_points"] = result.computed
        found["price_points_cpu_s"], found["price_points_wall_s"] = cpu, wall
    if arguments.json:
        print(json.dumps(found, indent=2))
        return
    for name, value in found.items():
        print(f"{name:26s} {value:10.2f}")


if __name__ == "__main__":
    main()

"""Speed of a simulation: the compiled engine against the plain-Python oracle, and the time of each part of a report.

    python benchmarks/simulate.py [--chip loihi-like] [--trace shakespeare-ternary-T15] [--repeats 5] [--json]

The ratio is measured on one small synthetic trace that both run, in one process, median of the repeats. Throughput is
that of the engine on the trace named; compile time is reported apart.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable

import simulator as sw
from simulator.cli.options import DEFAULT_TRACE
from simulator.engine.engine import replay
from simulator.engine.oracle.reference import reference_simulate
from simulator.engine.warmup import warm_up
from simulator.mapping.place import map_trace


def median_s(work: Callable[[], object], repeats: int) -> float:
    """Median wall time of ``work`` in seconds."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def against_oracle(repeats: int) -> dict[str, float]:
    """Engine and oracle on the same small trace."""
    chip = sw.load_chip("loihi-like")
    trace = sw.synthetic_trace("poisson", [64, 64, 64], levels=7, tokens=4, seed=1)
    mapped = map_trace(trace, chip)
    engine_s = median_s(lambda: replay(mapped), repeats)
    oracle_s = median_s(lambda: reference_simulate(mapped), max(1, repeats // 2))
    return {"engine_s": engine_s, "oracle_s": oracle_s, "ratio": oracle_s / engine_s}


def throughput(chip_name: str, trace_name: str, repeats: int) -> dict[str, float]:
    """Packets, packet-hops and synaptic operations that the engine replays per second."""
    chip, trace = sw.load_chip(chip_name), sw.load_trace(trace_name)
    mapped = map_trace(trace, chip)
    result = replay(mapped)
    seconds = median_s(lambda: replay(mapped), repeats)
    return {
        "seconds": seconds,
        "packets_per_s": result.packets / seconds,
        "packet_hops_per_s": result.packet_hops / seconds,
        "synops_per_s": result.synops / seconds,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chip", default="loihi-like")
    parser.add_argument("--trace", default=DEFAULT_TRACE)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    found = {
        "compile_s": warm_up(sw.load_chip(args.chip)),
        "against_oracle": against_oracle(args.repeats),
        f"{args.trace} on {args.chip}": throughput(args.chip, args.trace, args.repeats),
    }
    if args.json:
        print(json.dumps(found, indent=2))
        return
    print(f"kernels ready in {found['compile_s']:.2f} s")
    for name, numbers in found.items():
        if isinstance(numbers, dict):
            print(f"{name}: " + ", ".join(f"{key} {value:.4g}" for key, value in numbers.items()))


if __name__ == "__main__":
    main()

"""Speed of the mapper: candidates costed and searched, and the CPU time that takes.

    python benchmarks/mapper_speed.py [--trace FILE] [--chip loihi-like] [--objective energy]

CPU is user and system time of this process: of one search with everything it needs (closed form of every candidate,
search, placing the best), without the engine. 26,000 candidates are expected to take at most 10 s.
"""

from __future__ import annotations

import argparse
import time

import simulator as sw
from simulator.cli.options import DEFAULT_TRACE
from simulator.mapper.objective import OBJECTIVES
from simulator.mapper.optimize import optimize


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trace", default=DEFAULT_TRACE)
    parser.add_argument("--chip", default="loihi-like")
    parser.add_argument("--objective", default="energy", choices=OBJECTIVES)
    args = parser.parse_args()
    chip, trace = sw.load_chip(args.chip), sw.load_trace(args.trace)
    trace.spike_counts(trace.streams[0].stream_id)
    cpu, wall = time.process_time(), time.perf_counter()
    found = optimize(chip, trace, args.objective, check=False)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    per_26_000 = 26_000 * cpu / found.candidates
    print(f"{trace} on {chip.name}: {found.candidates} candidates in {cpu:.2f} CPU s, {wall:.2f} s wall")
    print(f"26,000 candidates: {per_26_000:.2f} CPU s; expected at most 10 s")


if __name__ == "__main__":
    main()

"""Cost of simulating a pipeline: CPU seconds of the pipelined simulation over those of the sequential one.

    python benchmarks/pipeline_speed.py [--chip loihi-like] [--trace shakespeare-ternary-T15] [--tokens N] [--sample N]

Both replay the same tokens on the same mapping, with the network of every token (`--sample all`, the default) or of a
sample. CPU seconds, since wall time follows what else the machine does. The ratio is expected to be at most 1.5.
"""

from __future__ import annotations

import argparse
import time
from typing import Literal

import numpy as np

import simulator as sw
from simulator.cli.options import DEFAULT_TRACE
from simulator.engine.engine import replay
from simulator.engine.result import SimResult
from simulator.engine.token_sample import sample_size
from simulator.engine.warmup import warm_up
from simulator.mapping.place import map_trace
from simulator.trace.trace import Trace


def timed(chip_name: str, trace: Trace, kind: str, sample: int | Literal["auto", "all"]) -> tuple[float, SimResult]:
    """CPU seconds of a simulation under a schedule, and what it found."""
    chip = sw.load_chip(chip_name, [f"schedule.kind={kind}"])
    warm_up(chip)
    mapped, size = map_trace(trace, chip), sample_size(trace, sample)
    started = time.process_time()
    result = replay(mapped, sample=size)
    return time.process_time() - started, result


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chip", default="loihi-like")
    parser.add_argument("--trace", default=DEFAULT_TRACE)
    parser.add_argument("--tokens", type=int)
    parser.add_argument("--sample", default="all")
    args = parser.parse_args()
    trace = sw.load_trace(args.trace)
    trace = trace.take(np.arange(min(args.tokens or trace.n_tokens, trace.n_tokens)))
    sample = args.sample if args.sample in ("auto", "all") else int(args.sample)
    seconds = {}
    for kind in ("sequential", "pipelined"):
        seconds[kind], result = timed(args.chip, trace, kind, sample)
        print(f"{kind}: {seconds[kind]:.2f} CPU s, {result.packets:.3g} packets of {trace.n_tokens} tokens")
    print(f"ratio {seconds['pipelined'] / seconds['sequential']:.2f}")


if __name__ == "__main__":
    main()

"""Cost of a simulation against its size: CPU time over three decades of spikes, cores and layers, and its exponent.

    python benchmarks/scaling.py [--chip loihi-like] [--plot scaling.png] [--json]

Each series changes one number and keeps the work per spike, core or layer the same; the exponent is the slope of a
straight line through the logarithms. Multicast, one thread, kernels warm. Also the rate of the hot loop (flit-hops
and deliveries per second of the largest case) is set against the memory bandwidth that numpy's copy reaches here.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from simulator.config import load_chip
from simulator.config.chip import ChipConfig
from simulator.engine.engine import replay
from simulator.engine.result import SimResult
from simulator.engine.warmup import warm_up
from simulator.mapping.place import map_trace
from simulator.trace.synthetic import synthetic_trace
from simulator.trace.trace import Trace

POINTS = (1, 3, 10, 30, 100, 300, 1000)
# What the loop must touch at least, in words of 8 bytes: a flit is written to a FIFO and read from it (3 fields each),
# its port and its credit are read and written; a delivery reads the core's number and its service time, and reads and
# writes when the core is free.
FLIT_HOP_BYTES, DELIVERY_BYTES = 8 * 10, 8 * 4
MAX_EXPONENT = 1.05


def more_spikes(k: int) -> Trace:
    """``k`` times 16 tokens through one layer of 256 x 256."""
    return synthetic_trace("poisson", [256, 256], tokens=16 * k, ops=False, head=False, seed=1)


def more_cores(k: int) -> Trace:
    """One layer with ``k`` times 30 blocks, driven by 8 neurons."""
    return synthetic_trace("full", [8, 30 * 32 * k], tokens=8, levels=2, ops=False, head=False)


def more_layers(k: int) -> Trace:
    """``k`` times 3 layers of 32 x 32, one after another."""
    return synthetic_trace("poisson", [32] * (3 * k + 1), tokens=4, ops=False, head=False, seed=1)


SERIES: dict[str, tuple[Callable[[int], Trace], int]] = {
    "spikes": (more_spikes, 0),
    "cores": (more_cores, 30),
    "layers": (more_layers, 3),
}


def timed(trace: Trace, chip: ChipConfig) -> tuple[float, SimResult]:
    """CPU seconds of mapping and simulation, the better of two."""
    best, result = float("inf"), None
    for stream in trace.streams:
        trace.spike_counts(stream.stream_id)
    for _ in range(2):
        started = time.process_time()
        result = replay(map_trace(trace, chip), threads=1)
        best = min(best, time.process_time() - started)
    assert result is not None
    return best, result


def measure(name: str, chip: ChipConfig) -> dict[str, object]:
    """One series: sizes, seconds, exponent, and the rate of its largest case."""
    make, unit = SERIES[name]
    sizes, seconds = [], []
    for k in POINTS:
        spent, result = timed(make(k), chip)
        sizes.append(unit * k or result.spikes)
        seconds.append(spent)
    exponent = float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])
    last_decade = float(np.polyfit(np.log(sizes[-3:]), np.log(seconds[-3:]), 1)[0])
    flit_hops = int(result.links["flits"].sum())
    deliveries = int(result.cores["packets_in"].sum())
    least_bytes = flit_hops * FLIT_HOP_BYTES + deliveries * DELIVERY_BYTES
    return {
        "sizes": sizes,
        "cpu_s": seconds,
        "exponent": exponent,
        "exponent_last_decade": last_decade,
        "flit_hops_per_s": flit_hops / seconds[-1],
        "deliveries_per_s": deliveries / seconds[-1],
        "least_gb_per_s": least_bytes / seconds[-1] / 1e9,
    }


def bandwidth_gb_per_s(mib: int = 256) -> float:
    """Bytes read and written per second by a copy of an array far larger than the caches, the best of five."""
    source = np.ones(mib << 17)
    target = np.empty_like(source)
    best = float("inf")
    for _ in range(5):
        started = time.perf_counter()
        np.copyto(target, source)
        best = min(best, time.perf_counter() - started)
    return 2 * source.nbytes / best / 1e9


def plot(found: dict[str, dict[str, object]], path: Path) -> None:
    """Times against sizes, both logarithmic, with a line of slope 1."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(found), figsize=(9, 2.8), sharey=True)
    for ax, (name, series) in zip(axes, found.items(), strict=True):
        sizes, seconds = np.array(series["sizes"], float), np.array(series["cpu_s"], float)
        ax.loglog(sizes, seconds, "o-", color="#1f5f8b", markersize=3)
        ax.loglog(sizes, seconds[-1] * sizes / sizes[-1], "--", color="0.6", linewidth=0.8)
        ax.set_title(f"exponent {series['exponent']:.2f}", fontsize=9)
        ax.set_xlabel(name)
    axes[0].set_ylabel("CPU time (s); dashed: linear")
    figure.tight_layout()
    figure.savefig(path, dpi=80)


def main() -> None:
    """Measure and print; exit code 1 when a cost grows faster than linear."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chip", default="loihi-like")
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    chip = load_chip(args.chip, ["noc.multicast=true", "core.limits.neurons=32"])
    warm_up(chip)
    found = {name: measure(name, chip) for name in SERIES}
    copy = bandwidth_gb_per_s()
    if args.plot:
        plot(found, args.plot)
    if args.json:
        print(json.dumps(found | {"copy_gb_per_s": copy}, indent=2))
    else:
        for name, series in found.items():
            print(
                f"{name}: {series['sizes'][0]:,} to {series['sizes'][-1]:,}, {series['cpu_s'][-1]:.2f} s,"  # type: ignore[index]
                f" exponent {series['exponent']:.3f} (last decade {series['exponent_last_decade']:.3f});"
                f" {series['flit_hops_per_s'] / 1e6:.1f} M flit-hops/s, {series['deliveries_per_s'] / 1e6:.1f} M"  # type: ignore[operator]
                f" deliveries/s: at least {series['least_gb_per_s']:.2f} GB/s of {copy:.1f} GB/s (copy)"
            )
    if any(float(str(series["exponent"])) > MAX_EXPONENT for series in found.values()):
        raise SystemExit(1)


if __name__ == "__main__":
    main()

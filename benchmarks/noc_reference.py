"""Compare the network with a directory of BookSim2 results, and time it.

    python benchmarks/noc_reference.py [DIR] [--packets N] [--json]

DIR, tests/data/booksim by default, holds any of ``booksim_trace.csv`` (with ``traces/`` and ``packets/``),
``booksim_batch.csv`` and ``booksim_mesh.csv``.
Per file and router it prints

- traces: packets delivered in the very cycle of all packets whose cycle is known, and runs whose makespan, mean latency
  and percentiles agree to every digit given;
- batch: runs with a fixed traffic pattern whose time is exact;
- sweep: mean and worst absolute error of the mean packet latency over the rows with ``compare`` = 1. Injection is
  Bernoulli with our own random numbers, so the sampling of both sides is part of the error;
- the same for ``noc.model: estimate``, in three ranges of the load at which the network saturates, and how many rows it
  refuses;
- million flit-hops per CPU second, after the kernels are compiled.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import math
import time
import zlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simulator.choices import NetworkModel
from simulator.engine.network.packets import Delivered, simulate_packets
from simulator.engine.network.shape import Mesh, Router
from simulator.errors import SpikewattError

Ints = NDArray[np.int64]
DATA = Path(__file__).resolve().parents[1] / "tests" / "data" / "booksim"
Row = dict[str, str]

RANDOM_TRAFFIC = ("uniform", "hotspot")
TRAFFIC = (*RANDOM_TRAFFIC, "hotspot_pure", "transpose", "neighbor", "tornado", "bitcomp", "shuffle")
ESTIMATE_RANGES = (0.4, 0.7, 0.905)  # of the load of saturation
WARM_UP_SHARE = 0.25  # of the measured cycles
COOL_DOWN_CYCLES = 2000  # injection goes on so that the last packets measured meet the same load


@dataclass
class Score:
    """What one router reached on one file."""

    file: str
    router: str
    flits: int
    runs: int = 0
    runs_exact: int = 0
    refused: int = 0
    packets: int = 0
    packets_exact: int = 0
    errors_percent: list[float] = field(default_factory=list)
    flit_hops: int = 0
    cpu_seconds: float = 0.0

    def simulate(self, cycle: Ints, src: Ints, dst: Ints, side: int, model: NetworkModel = "cycle") -> Delivered:
        """Run the packets through this router on a square mesh and add to the time spent."""
        router = Router.named(self.router)
        before = time.process_time()
        found = simulate_packets(cycle, src, dst, self.flits, Mesh(side, side), router, model)
        self.cpu_seconds += time.process_time() - before
        self.flit_hops += found.flit_hops
        return found

    def summary(self) -> dict[str, str | int | float]:
        """One record of the report."""
        record = {key: value for key, value in asdict(self).items() if key != "errors_percent"}
        if self.errors_percent:
            record["mean_error_percent"] = sum(self.errors_percent) / len(self.errors_percent)
            record["worst_error_percent"] = max(self.errors_percent)
        record["mega_flit_hops_per_s"] = self.flit_hops / self.cpu_seconds / 1e6 if self.cpu_seconds else math.nan
        return record

    def line(self) -> str:
        """The record for people."""
        record = self.summary()
        parts = [f"{self.file:<6} {self.router:<4} {self.flits} flit", f"{self.runs:>4} runs"]
        if not self.errors_percent:
            parts.append(f"{self.runs_exact:>4} exact")
        if self.packets:
            parts.append(f"{self.packets_exact} of {self.packets} packets in the very cycle")
        if self.errors_percent:
            mean, worst = record["mean_error_percent"], record["worst_error_percent"]
            parts.append(f"mean latency off by {mean:.2f} %, worst {worst:.2f} %")
        if self.refused:
            parts.append(f"{self.refused} refused")
        parts.append(f"{record['mega_flit_hops_per_s']:.1f} M flit-hops/s")
        return "  ".join(parts)


class Scores:
    """The scores of all files, and the routers that are not modelled."""

    def __init__(self) -> None:
        self.found: dict[tuple[str, str, int], Score] = {}
        self.not_modelled: dict[str, int] = defaultdict(int)

    def of(self, file: str, row: Row) -> Score | None:
        """The score that a row counts for; None when its router is not modelled."""
        key = (file, row["router"], int(row["packet_size"]))
        if row.get("traffic", TRAFFIC[0]) not in TRAFFIC:
            self.not_modelled[f"traffic {row['traffic']}"] += 1
            return None
        if key not in self.found:
            try:
                warm_up(row["router"])
            except SpikewattError:
                self.not_modelled[row["router"]] += 1
                return None
            self.found[key] = Score(*key)
        return self.found[key]


def warm_up(router: str) -> None:
    """Compile what this router needs."""
    for model in ("cycle", "estimate"):
        simulate_packets([0], [0], [0], 1, Mesh(1, 1), Router.named(router), model, refuse_overload=False)


def read_rows(path: Path) -> Iterator[Row]:
    if path.exists():
        with path.open() as lines:
            yield from csv.DictReader(lines)


def score_traces(directory: Path, scores: Scores) -> None:
    for row in read_rows(directory / "booksim_trace.csv"):
        score = scores.of("trace", row)
        if score is None:
            continue
        with gzip.open(directory / "traces" / f"{row['trace']}.txt.gz", "rt") as lines:
            cycle, src, dst = np.loadtxt(lines, dtype=np.int64, ndmin=2).T
        found = score.simulate(cycle, src, dst, int(row["k"]))
        score.runs += 1
        score.runs_exact += trace_is_exact(row, found, found.cycle - cycle)
        if row.get("per_packet_file"):
            with gzip.open(directory / "packets" / row["per_packet_file"], "rt") as lines:
                expected = np.loadtxt(lines, delimiter=",", skiprows=1, dtype=np.int64, ndmin=2)[:, 1]
            score.packets += len(expected)
            score.packets_exact += int((expected == found.cycle).sum())


def trace_is_exact(row: Row, found: Delivered, latency: Ints) -> bool:
    """Whether makespan, mean and percentiles are the reference's to every digit it gives."""
    quantities = [
        ("makespan", found.last_cycle),
        ("avg_packet_latency", latency.mean()),
        ("max_latency", latency.max()),
    ]
    quantities += [(f"p{q}_latency", np.percentile(latency, q)) for q in (50, 95, 99)]
    return all(abs(float(row[name]) - value) <= 0.5001 * 10.0 ** -decimals(row[name]) for name, value in quantities)


def decimals(text: str) -> int:
    return len(text.partition(".")[2])


def score_batches(directory: Path, scores: Scores) -> None:
    for row in read_rows(directory / "booksim_batch.csv"):
        if row["traffic"] in RANDOM_TRAFFIC:
            continue
        score = scores.of("batch", row)
        if score is None:
            continue
        side, size = int(row["k"]), int(row["batch_size"])
        # Every node sends its packets as fast as the network takes them: all of them wait from cycle 0 on.
        src = np.repeat(np.arange(side * side), size)
        dst = destinations(row["traffic"], side, src, np.random.default_rng(0))
        found = score.simulate(np.zeros(len(src), np.int64), src, dst, side)
        score.runs += 1
        score.runs_exact += found.last_cycle + 1 == int(row["batch_time"])


def score_sweeps(directory: Path, scores: Scores, packets: int) -> None:
    for row in read_rows(directory / "booksim_mesh.csv"):
        if row.get("compare") != "1":
            continue
        models: list[tuple[str, NetworkModel]] = [("sweep", "cycle")]
        if row.get("sat_rate_est"):
            load = float(row["injection_rate_pkt"]) / float(row["sat_rate_est"])
            share = next(limit for limit in (*ESTIMATE_RANGES, math.inf) if load < limit)
            models.append((f"estimate, load < {share:.2f} of saturation", "estimate"))
        for file, model in models:
            score = scores.of(file, row)
            if score is not None:
                score_row(score, row, packets, model)


def score_row(score: Score, row: Row, packets: int, model: NetworkModel) -> None:
    """Add the error of a row, or that the estimate refuses it."""
    try:
        latency = open_loop_latency(score, row, packets, model)
    except SpikewattError:  # a port is busy for more than 0.9 of the time
        score.refused += 1
        return
    score.runs += 1
    score.errors_percent.append(100 * abs(latency / float(row["avg_packet_latency"]) - 1))


def open_loop_latency(score: Score, row: Row, packets: int, model: NetworkModel) -> float:
    """Mean latency of about ``packets`` packets under Bernoulli injection, with random numbers fixed by the row."""
    side, rate = int(row["k"]), float(row["injection_rate_pkt"])
    nodes = side * side
    measured = math.ceil(packets / (rate * nodes))
    warm_up_cycles = math.ceil(WARM_UP_SHARE * measured)
    generator = np.random.default_rng(zlib.crc32(f"{row['case']} {row['injection_rate_pkt']}".encode()))
    trials = (warm_up_cycles + measured + COOL_DOWN_CYCLES) * nodes
    # One trial per node and cycle: the distances between successes are geometric.
    gaps = generator.geometric(rate, size=math.ceil(trials * rate + 10 * math.sqrt(trials * rate) + 10))
    hits = np.cumsum(gaps) - 1
    hits = hits[hits < trials]
    cycle, src = hits // nodes, hits % nodes
    found = score.simulate(cycle, src, destinations(row["traffic"], side, src, generator), side, model)
    inside = (cycle >= warm_up_cycles) & (cycle < warm_up_cycles + measured)
    return float((found.cycle - cycle)[inside].mean())


def destinations(traffic: str, side: int, src: Ints, generator: np.random.Generator) -> Ints:
    """Destination of each packet under one of BookSim's patterns (README of the reference data)."""
    nodes, x, y = side * side, src % side, src // side
    bits = nodes.bit_length() - 1
    hot = (side // 2) * side + side // 2
    match traffic:
        case "uniform":
            return generator.integers(0, nodes, len(src))
        case "hotspot":
            weights = np.ones(nodes)
            weights[hot] = 1 + nodes / 8
            return generator.choice(nodes, len(src), p=weights / weights.sum())
        case "hotspot_pure":
            return np.full(len(src), hot)
        case "transpose":
            return x * side + y
        case "neighbor":
            return (y + 1) % side * side + (x + 1) % side
        case "tornado":
            return (y + side // 2 - 1) % side * side + (x + side // 2 - 1) % side
        case "bitcomp":
            return nodes - 1 - src
        case "shuffle":
            return (src << 1 | src >> (bits - 1)) & (nodes - 1)
        case _:
            raise SpikewattError(f"traffic: {traffic!r}, expected a pattern of the reference data")


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare the network with a directory of BookSim2 results.")
    parser.add_argument("directory", type=Path, nargs="?", default=DATA)
    parser.add_argument("--packets", type=int, default=200_000, help="packets measured per row of the sweep")
    parser.add_argument("--json", action="store_true", help="print one JSON list")
    options = parser.parse_args()
    if not options.directory.is_dir():
        parser.error(f"{options.directory}: not a directory")
    scores = Scores()
    score_traces(options.directory, scores)
    score_batches(options.directory, scores)
    score_sweeps(options.directory, scores, options.packets)
    if options.json:
        print(json.dumps([score.summary() for score in scores.found.values()], indent=1))
        return
    for score in scores.found.values():
        print(score.line())
    for router, rows in scores.not_modelled.items():
        print(f"{router}: not modelled ({rows} rows left out)")
    exact = sum(s.packets_exact for s in scores.found.values())
    print(f"all: {exact} of {sum(s.packets for s in scores.found.values())} packets in the very cycle")


if __name__ == "__main__":
    main()

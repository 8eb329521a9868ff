"""A dense layer of spiking neurons, spike for spike, here and on SANA-FE: counts, energy, time, speed and memory.

    python benchmarks/peer_sanafe.py --workload W.npz --peer P.json [--json]      compare with a recorded run
    python benchmarks/peer_sanafe.py --script sanafe_dense.py --out DIR           record runs of the peer first

The peer (PyPI `sanafe`, GPL) runs as a process of its own in a scratch virtual environment outside this repository; the
script that builds, saves and runs its workloads is given by path. Recorded are N = 64 .. 2048, 16 timesteps, rate 0.2.

A raster is replayed as one token per timestep, of a code with one timestep. Three replays make one run of the peer
(`sanafe_chip.py`); they overlap in time where the peer overlaps them. The peer's cycle model holds its receivers still
while its network is empty and a neuron is still being updated (a pause of its drain loop, seen in its runs with at most
26 messages to a core and timestep); the comparison is printed with and without that pause.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent))
import without_pyarrow  # noqa: F401
from sanafe_chip import chips, read_architecture

from simulator.config.chip import ChipConfig
from simulator.energy.ledger import EnergyLedger, build_ledger
from simulator.engine.engine import replay
from simulator.engine.result import SimResult
from simulator.engine.warmup import warm_up_all
from simulator.errors import SpikewattError
from simulator.mapping.grid import Grid
from simulator.mapping.mapped import Mapped
from simulator.mapping.placement import Block, Placement
from simulator.trace.encoding import Encoding
from simulator.trace.trace import Trace
from simulator.trace.trace_program import Layer, Stage, Stream

Raster = NDArray[np.uint8]
SIZES = (64, 128, 256, 512, 1024, 2048)
CYCLE_UP_TO = 1024  # neurons; beyond it the peer's cycle model takes too long
HELD = 26  # messages of a core that are out of the peer's network before the first is served
COUNTS = ("spikes", "packets_sent", "neurons_updated", "neurons_fired")
ARCHITECTURE = "loihi.yaml"


@dataclass(frozen=True)
class Workload:
    """One dense layer of N neurons over T timesteps: input spikes [T, N], weights [N, N], cores of both populations."""

    spikes: Raster
    weights: NDArray[np.int8]
    core: NDArray[np.int32]
    core_xy: NDArray[np.int32]
    raster: Raster
    threshold: int


def load_workload(path: Path) -> Workload:
    """Read a saved workload; one layer."""
    with np.load(path) as z:
        if len(z["weights"]) != 1:
            raise SpikewattError(f"{path}: {len(z['weights'])} layers, expected 1 (layers of a raster work at once)")
        threshold = json.loads(str(z["meta"]))["threshold"]
        return Workload(z["spikes"], z["weights"][0], z["core"], z["core_xy"], z["raster"][0], threshold)


def updated(w: Workload) -> Raster:
    """Neurons that do work in each timestep: a spike of the step before has reached them, or they hold a potential.

    Raises SpikewattError when the recorded output is not what the weights and the threshold make of the input.
    """
    found = np.zeros_like(w.raster)
    v = np.zeros(w.raster.shape[1], np.int64)
    for t in range(len(w.spikes)):
        arrived = np.flatnonzero(w.spikes[t - 1]) if t else np.zeros(0, np.int64)
        found[t] = (len(arrived) > 0) | (v != 0)
        v += w.weights[arrived].sum(axis=0, dtype=np.int64)
        fired = v > w.threshold
        if not np.array_equal(fired, w.raster[t]):
            raise SpikewattError(f"timestep {t}: the recorded spikes do not follow from the weights and the inputs")
        v[fired] = 0
    return found


def raster_trace(name: str, raster: Raster, n_out: int) -> Trace:
    """A raster [T, N] as a trace of T tokens with one timestep each; it drives a layer of ``n_out`` outputs, if any."""
    t, n = raster.shape
    layers = (Layer(f"{name}.layer", "linear", n, n_out, 8, name),) if n_out else ()
    return Trace(
        name=name,
        encoding=Encoding("binary", 1),
        streams=(Stream(name, n),),
        layers=layers,
        ops=(),
        stages=(Stage(f"{name}.home", n, (), name, tuple(x.layer_id for x in layers), ()),),
        positions=np.arange(t, dtype=np.int64),
        phases=np.zeros(t, np.uint8),
        origin={},
        load_counts=lambda _: raster,
    )


def placement_of(w: Workload, chip: ChipConfig, trace: Trace, senders: int) -> Placement:
    """Blocks on the very cores of the workload; the neurons of row ``senders`` of `Workload.core` are the home."""
    stage = trace.stages[0]
    n = w.spikes.shape[1]
    blocks = [Block(core, "home", stage.stage_id, 0, 0, a, b, 0) for core, a, b in _ranges(w.core[senders])]
    for layer_id in stage.layers:
        blocks += [Block(core, "layer", layer_id, 0, n, a, b, n * (b - a)) for core, a, b in _ranges(w.core[1])]
    router = w.core_xy[:, 1].astype(np.int64) * chip.chip.tiles_x + w.core_xy[:, 0]
    return Placement(tuple(blocks), 1, 1, 1, Grid(chip.chip.tiles_x, chip.chip.tiles_y), router)


def _ranges(core: NDArray[np.int32]) -> list[tuple[int, int, int]]:
    """(core, first neuron, last + 1) of neurons that fill cores in order."""
    cores, first = np.unique(core, return_index=True)
    return list(zip(cores.tolist(), first.tolist(), [*first[1:].tolist(), len(core)], strict=True))


@dataclass(frozen=True)
class Replay:
    """The three replays of a workload, and their times."""

    results: dict[str, SimResult]
    ledgers: dict[str, EnergyLedger]
    seconds: float
    cpu_seconds: float

    @property
    def step_ps(self) -> NDArray[np.int64]:
        """Time of each timestep: receiving or the walk through the neurons, whichever ends last."""
        latency = {name: result.tokens["latency_ps"].to_numpy() for name, result in self.results.items()}
        step: NDArray[np.int64] = np.maximum(latency["receiver"], latency["update"] + latency["access"])
        return step


def replayed(w: Workload, described: dict[str, ChipConfig], worked: Raster) -> Replay:
    """Replay the input spikes, the updates and the walks of the neurons."""
    wall, cpu = time.perf_counter(), time.process_time()
    rasters = {"receiver": (w.spikes, w.raster.shape[1], 0), "update": (worked, 0, 1), "access": (w.raster, 0, 1)}
    results, ledgers = {}, {}
    for name, (raster, n_out, senders) in rasters.items():
        trace, chip = raster_trace(name, raster, n_out), described[name]
        results[name] = replay(Mapped.at(trace, chip, placement_of(w, chip, trace, senders)), threads=1)
        ledgers[name] = build_ledger(results[name], chip)
    return Replay(results, ledgers, time.perf_counter() - wall, time.process_time() - cpu)


def count(result: SimResult, component: str, action: str) -> int:
    """How often an action was done."""
    return sum(row.count for row in result.action_counts if (row.component, row.action) == (component, action))


def counts_of(run: Replay) -> dict[str, int]:
    """The peer's counts as found here. An input neuron that fires counts as updated there."""
    receiver = run.results["receiver"]
    return {
        "spikes": receiver.synops,
        "packets_sent": receiver.packets,
        "neurons_updated": count(run.results["update"], "soma", "fire") + receiver.spikes,
        "neurons_fired": run.results["access"].spikes + receiver.spikes,
        "hops": receiver.packet_hops,
    }


def energies_of(run: Replay) -> dict[str, float]:
    """Energy in J by the parts of the peer, from the ledgers."""
    parts = {"synapse": ("synapse", "dendrite"), "soma": ("soma",), "network": ("noc", "axon_in", "axon_out")}
    rows = [row for ledger in run.ledgers.values() for row in ledger.rows.to_dict("records")]
    found = {
        name: 1e-12 * math.fsum(r["energy_pj"] for r in rows if r["component"] in of) for name, of in parts.items()
    }
    return found | {"total": 1e-12 * math.fsum(r["energy_pj"] for r in rows)}


def pause_ps(w: Workload, chip: ChipConfig, run: Replay, sync_ps: int) -> NDArray[np.int64]:
    """For how long the peer's receivers stand still in each timestep: from the emptied network to the last neuron."""
    walk = run.results["update"].tokens["latency_ps"].to_numpy() + run.results["access"].tokens["latency_ps"].to_numpy()
    widest = int(np.unique(w.core[1], return_counts=True)[1].max())
    service = chip.core.overhead.value + widest * chip.core.synapse.synop.latency.value
    messages = w.spikes.sum(axis=1, dtype=np.int64)
    packets = messages * len(np.unique(w.core[1]))
    sent = packets * chip.core.axon_out.packet.latency.value
    emptied = sent + np.maximum(messages - HELD, 0) * service
    pause: NDArray[np.int64] = np.maximum(walk - sync_ps - emptied, 0)
    return pause


def compare(workload: Path, peer: Path, arch: Path | None, repeats: int) -> dict[str, Any]:
    """Everything of one workload against the peer's record."""
    w, recorded = load_workload(workload), json.loads(peer.read_text())
    described = chips(read_architecture(arch or Path(__file__).with_name("sanafe_loihi.yaml")))
    compile_s = warm_up_all()
    started = time.perf_counter()
    worked = updated(w)
    neurons_s = time.perf_counter() - started
    runs = [replayed(w, described, worked) for _ in range(repeats + 1)][1:]
    run, times = runs[0], {r["timing"]: r for r in recorded["runs"]}
    exact = times.get("cycle") or times["simple"]
    counts, energies = counts_of(run), energies_of(run)
    peers = {name: exact[name] for name in COUNTS} | {"hops": int(sum(recorded["per_timestep"]["simple"]["hops"]))}
    ours_s, peer_s = float(run.step_ps.sum()) * 1e-12, exact["sim_time_s"][-1]
    paused_s = (
        ours_s
        + float(pause_ps(w, described["receiver"], run, round(recorded["closed_form"]["sync"] * 1e12)).sum()) * 1e-12
    )
    cpu_s = min(r.cpu_seconds for r in runs)  # the peer records its least, too
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "n": recorded["workload"]["n"],
        "counts": {name: {"here": counts[name], "peer": peers[name]} for name in counts},
        "counts_equal": counts == peers,
        "energy_j": {k: {"here": v, "peer": exact["energy_j"][k]} for k, v in energies.items()},
        "energy_error": max(abs(v / exact["energy_j"][k] - 1) for k, v in energies.items()),
        "time_against": exact["timing"],
        "time_s": {"here": ours_s, "here_with_pause": paused_s, "peer": peer_s},
        "time_error": ours_s / peer_s - 1,
        "time_error_with_pause": paused_s / peer_s - 1,
        "cpu_s": cpu_s,
        "wall_s": statistics.median(r.seconds for r in runs),
        "neurons_s": neurons_s,
        "compile_s": compile_s,
        "times_faster": {name: r["cpu_min_s"] / cpu_s for name, r in times.items()},
        "peak_mib": {"here": peak, "peer": recorded["peak_rss_mib"]},
        "memory_ratio": recorded["peak_rss_mib"] / peak,
    }


def record(script: Path, out: Path, sizes: list[int]) -> None:
    """Make the scratch environment and run the peer for each size; workload and result go to ``out``."""
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="sanafe-") as scratch:
        venv.create(scratch, with_pip=True)
        python = Path(scratch) / "bin" / "python"
        subprocess.run([python, "-m", "pip", "install", "-q", "sanafe", "numpy", "pyyaml"], check=True)
        for n in sizes:
            timing = ["simple", "detailed", *(["cycle"] if n <= CYCLE_UP_TO else [])]
            files = ["--json", str(out / f"dense_{n}.json"), "--save-workload", str(out / f"dense_{n}.npz")]
            reps = "1" if "cycle" in timing else "3"
            shape = ["--n", str(n), "--t", "16", "--rate", "0.2", "--seed", "1", "--reps", reps]
            subprocess.run([str(python), str(script), *shape, "--timing", *timing, *files], check=True)
            print(f"recorded N = {n}: {files[1]}")


def main() -> None:
    """Record or compare, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workload", type=Path)
    parser.add_argument("--peer", type=Path)
    parser.add_argument("--arch", type=Path, help="the peer's architecture file; default: its figures as kept here")
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--script", type=Path, help="script that runs the peer, as benchmarks/sanafe_dense.py")
    parser.add_argument("--out", type=Path, help="folder for its workloads and results")
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    args = parser.parse_args()
    if args.script:
        record(args.script.resolve(), (args.out or Path(tempfile.mkdtemp(prefix="sanafe-runs-"))).resolve(), args.sizes)
        return
    if not (args.workload and args.peer):
        parser.error("expected --workload and --peer, or --script")
    found = compare(args.workload, args.peer, args.arch, args.repeats)
    if args.json:
        print(json.dumps(found, indent=2))
        return
    print(f"N = {found['n']}, time against the peer's {found['time_against']} model")
    print(f"  counts equal: {found['counts_equal']}; largest relative error of an energy: {found['energy_error']:.1e}")
    print(f"  time: {found['time_error']:+.2%} ({found['time_error_with_pause']:+.2%} with the peer's pause)")
    print(
        f"  {found['cpu_s'] * 1e3:.2f} ms of CPU; times faster: "
        + ", ".join(f"{ratio:,.1f} than {name}" for name, ratio in found["times_faster"].items())
    )
    print(f"  memory: {found['peak_mib']['here']:.0f} MiB, peer {found['peak_mib']['peer']:.0f} MiB")


if __name__ == "__main__":
    main()

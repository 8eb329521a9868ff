#!/usr/bin/env python3
"""Dense feed-forward benchmark on SANA-FE, the peer simulator.

One script, three jobs:

1. make a workload that any simulator can replay bit for bit: an input spike
   matrix, integer weights, a threshold, and the core every neuron sits on
   (``--save-workload out.npz``; ``--workload in.npz`` replays one);
2. run it on SANA-FE and record energy by component, per-timestep latency,
   event counts, wall and CPU time, and memory (``--json out.json``);
3. check what SANA-FE reports against a closed form computed here from the
   event counts and the architecture file, so that a disagreement with another
   simulator can be distinguished from a misunderstanding of this one.

It needs the PyPI packages ``sanafe``, ``numpy`` and ``pyyaml`` only.

    python sanafe_dense.py --n 256 --t 16 --rate 0.2 --seed 1 \\
        --timing simple detailed --threads 1 2 --reps 5 \\
        --json dense_256.json --save-workload dense_256.npz

On a machine that is not idle, compare ``cpu_s`` of one thread rather than
``wall_s``, and set ``OMP_WAIT_POLICY=passive`` to measure several: idle OpenMP
threads spin otherwise.

The network
-----------
``layers`` dense layers of ``n`` leaky integrate-and-fire neurons (leak 1, hard
reset to 0, fires when v > threshold), fed by ``n`` input neurons that replay
the spike matrix. Spikes of step ``t`` are integrated in step ``t + 1``, as on
Loihi, so the input of the last step is sent and paid for but never integrated.
Weights are integers, so every potential is exact in any float type.

The mapping
-----------
Neurons fill cores in index order: inputs first, ``1024`` to a core, then each
layer on fresh cores. A layer core holds as many neurons as its synaptic memory
(128 Ki weights of 8 bits, Loihi's) allows, unless ``--neurons-per-core`` says
otherwise.

Workload file (.npz)
--------------------
``spikes``  uint8 (T, N)     input spike matrix
``weights`` int8  (L, N, N)  ``weights[l, pre, post]``
``core``    int32 (L+1, N)   global core id of every neuron, row 0 = inputs
``core_xy`` int32 (C, 2)     mesh position of every core of the chip
``raster``  uint8 (L, T, N)  output spikes of the reference model below
``meta``    JSON text        n, t, rate, seed, layers, threshold, arch, ...
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import json
import os
import platform
import resource
import statistics
import sys
import time
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

import numpy as np
import yaml

CORE_NEURONS = 1024
CORE_SYNAPSES = 128 * 1024


# --------------------------------------------------------------------------
# Workload
# --------------------------------------------------------------------------


@dataclass
class Workload:
    spikes: np.ndarray  # (T, N) uint8
    weights: np.ndarray  # (L, N, N) int8
    core: np.ndarray  # (L + 1, N) int32
    core_xy: np.ndarray  # (C, 2) int32
    raster: np.ndarray  # (L, T, N) uint8
    updated: np.ndarray  # (L, T, N) uint8, neurons that did work
    meta: dict

    @property
    def digest(self) -> str:
        h = hashlib.sha256()
        for a in (self.spikes, self.weights, self.core, self.core_xy):
            h.update(np.ascontiguousarray(a).tobytes())
        return h.hexdigest()[:16]


def reference(spikes: np.ndarray, weights: np.ndarray, threshold: int):
    """The layers' output raster, and which neurons were updated each step.

    A neuron counts as updated when a spike reached it in the step before or
    its potential is not zero: SANA-FE's rule for charging an update.
    """
    t_end, n = spikes.shape
    raster = np.zeros((len(weights), t_end, n), np.uint8)
    updated = np.zeros_like(raster)
    pre = spikes
    for layer, w in enumerate(weights):
        w32 = w.astype(np.float32)  # integers below 2**24: exact
        v = np.zeros(n, np.float32)
        for t in range(t_end):
            arrived = t > 0 and pre[t - 1].any()
            updated[layer, t] = arrived | (v != 0)
            if arrived:
                v += pre[t - 1].astype(np.float32) @ w32
            fired = v > threshold
            raster[layer, t] = fired
            v[fired] = 0
        pre = raster[layer]
    return raster, updated


def map_cores(n: int, layers: int, per_core: int, cores: int) -> np.ndarray:
    """Global core id of every neuron: inputs first, each layer on new cores."""
    core = np.empty((layers + 1, n), np.int32)
    first = 0
    for row, width in enumerate([CORE_NEURONS] + [per_core] * layers):
        core[row] = first + np.arange(n) // width
        first = int(core[row, -1]) + 1
    if first > cores:
        raise SystemExit(f"the mapping needs {first} cores, the chip has {cores}")
    return core


def make_workload(args, arch: dict) -> Workload:
    n, layers = args.n, args.layers
    rng = np.random.default_rng(args.seed)
    spikes = (rng.random((args.t, n)) < args.rate).astype(np.uint8)
    weights = rng.integers(-15, 16, (layers, n, n), dtype=np.int8)
    # One standard deviation of the charge that arrives in one step.
    threshold = round(float(np.sqrt(max(args.rate, 1e-9) * n) * 8.94))
    per_core = args.neurons_per_core or max(1, min(CORE_NEURONS, CORE_SYNAPSES // n))
    core_xy = arch["core_xy"]
    core = map_cores(n, layers, per_core, len(core_xy))
    raster, updated = reference(spikes, weights, threshold)
    meta = dict(
        n=n, t=args.t, rate=args.rate, seed=args.seed, layers=layers,
        threshold=threshold, neurons_per_core=per_core, arch=arch["name"],
        synapses=layers * n * n, input_spikes=int(spikes.sum()),
    )  # fmt: skip
    return Workload(spikes, weights, core, core_xy, raster, updated, meta)


def save_workload(w: Workload, path: Path) -> None:
    np.savez_compressed(
        path, spikes=w.spikes, weights=w.weights, core=w.core,
        core_xy=w.core_xy, raster=w.raster, meta=json.dumps(w.meta),
    )  # fmt: skip


def load_workload(path: Path) -> Workload:
    with np.load(path) as z:
        meta = json.loads(str(z["meta"]))
        spikes, weights = z["spikes"], z["weights"]
        raster, updated = reference(spikes, weights, meta["threshold"])
        if not np.array_equal(raster, z["raster"]):
            raise SystemExit(f"{path}: raster does not follow from its inputs")
        return Workload(spikes, weights, z["core"], z["core_xy"], raster, updated, meta)


# --------------------------------------------------------------------------
# Architecture and closed form
# --------------------------------------------------------------------------


def copies(name: str) -> int:
    """How many units ``name[a..b]`` stands for."""
    if "[" not in name:
        return 1
    first, last = name.split("[")[1].rstrip("]").split("..")
    return int(last) - int(first) + 1


def read_arch(path: Path) -> dict:
    """The constants that this workload exercises, from an architecture file.

    The file must be shaped like SANA-FE's loihi.yaml: one kind of tile, one
    kind of core, the layers' soma first and the numbered input somas second.
    """
    chip = yaml.safe_load(path.read_text())["architecture"]
    tile = chip["tile"][0]
    core = tile["core"][0]
    tiles, per_tile = copies(tile["name"]), copies(core["name"])
    height = chip["attributes"]["height"]
    ids = np.arange(tiles * per_tile) // per_tile
    unit = lambda kind, i=0: core[kind][i]["attributes"]  # noqa: E731
    return dict(
        name=chip["name"], path=str(path), tiles=tiles, cores_per_tile=per_tile,
        core_xy=np.stack([ids // height, ids % height], 1).astype(np.int32),
        hop={k: v for k, v in tile["attributes"].items() if k.endswith("_hop")},
        axon_in=unit("axon_in"), axon_out=unit("axon_out"), soma=unit("soma"),
        synapse=unit("synapse"), dendrite=unit("dendrite"),
        synapse_name=core["synapse"][0]["name"], soma_name=core["soma"][0]["name"],
        input_name=core["soma"][1]["name"].split("[")[0],
        dendrite_name=core["dendrite"][0]["name"],
        sync=chip["attributes"]["latency_sync"],
    )  # fmt: skip


def closed_form(w: Workload, a: dict) -> dict:
    """Counts, energies and 'simple' latencies that follow from the raster."""
    t_end, n = w.spikes.shape
    layers = len(w.weights)
    senders = [w.spikes, *w.raster[:-1]]  # the last layer has no axons out
    xy = w.core_xy

    events = np.zeros(t_end)
    packets = np.zeros(t_end)
    hops = dict.fromkeys(("east", "west", "north", "south"), 0.0)
    send = np.zeros((t_end, len(xy)))  # busy time of each core, by phase
    receive = np.zeros((t_end, len(xy)))

    soma = {k.removesuffix("_neuron"): v for k, v in a["soma"].items() if k != "model"}
    synapse_time = a["synapse"]["latency_process_spike"] + a["dendrite"]["latency_update"]

    for row, fired in enumerate(senders):
        targets, fan_in = np.unique(w.core[row + 1], return_counts=True)
        events += fired.sum(1, dtype=np.int64) * n
        packets += fired.sum(1, dtype=np.int64) * len(targets)
        for src in np.unique(w.core[row]):
            sent = fired[:, w.core[row] == src].sum(1, dtype=np.int64)
            send[:, src] += sent * len(targets) * a["axon_out"]["latency_message_out"]
            for dst, width in zip(targets, fan_in, strict=True):
                receive[:, dst] += sent * (a["axon_in"]["latency_message_in"] + width * synapse_time)
                dx, dy = xy[dst] - xy[src]
                hops["east" if dx > 0 else "west"] += abs(dx) * sent.sum()
                hops["north" if dy > 0 else "south"] += abs(dy) * sent.sum()

    for core, fired, updated in zip(w.core[1:], w.raster, w.updated, strict=True):
        for c in np.unique(core):
            here = core == c
            send[:, c] += (
                here.sum() * soma["latency_access"]
                + updated[:, here].sum(1) * soma["latency_update"]
                + fired[:, here].sum(1) * soma["latency_spike_out"]
            )

    used_tiles = len(np.unique(np.unique(w.core) // a["cores_per_tile"]))
    sync = a["sync"]
    if isinstance(sync, dict):
        sync = sync[max([k for k in sync if k <= used_tiles] or [min(sync)])]
    step = np.maximum(send.max(1), receive.max(1)) + sync

    fired = int(w.raster.sum())
    energy = dict(
        synapse=float(events.sum() * a["synapse"]["energy_process_spike"]),
        dendrite=0.0,
        soma=layers * n * t_end * soma["energy_access"]
        + int(w.updated.sum()) * soma["energy_update"]
        + fired * soma["energy_spike_out"],
        network=float(
            packets.sum() * a["axon_out"]["energy_message_out"]
            + packets.sum() * a["axon_in"]["energy_message_in"]
            + sum(k * a["hop"][f"energy_{d}_hop"] for d, k in hops.items())
        ),
    )
    energy["total"] = sum(energy.values())
    return dict(
        spikes=int(events.sum()), packets_sent=int(packets.sum()),
        # An input neuron that fires is counted as updated too, at no cost.
        neurons_updated=int(w.updated.sum()) + int(w.spikes.sum()),
        neurons_fired=fired + int(w.spikes.sum()),
        hops=int(sum(hops.values())), energy=energy,
        simple_sim_time=float(step.sum()), simple_step=step.tolist(),
        sync=sync, used_tiles=used_tiles,
    )  # fmt: skip


# --------------------------------------------------------------------------
# SANA-FE
# --------------------------------------------------------------------------


def rss() -> dict:
    """Resident memory now and at its highest so far, in MiB."""
    page = resource.getpagesize()
    now = int(Path("/proc/self/statm").read_text().split()[1]) * page / 2**20
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return dict(rss_mib=round(now, 1), peak_mib=round(peak, 1))


@contextlib.contextmanager
def phase(log: dict, name: str):
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    log[name] = dict(wall_s=time.perf_counter() - wall, cpu_s=time.process_time() - cpu, **rss())


def spike_lists(w: Workload) -> list[list[int]]:
    return [train.tolist() for train in w.spikes.T]


def build(sanafe, w: Workload, a: dict, log: dict):
    """A chip loaded with the workload, timed phase by phase."""
    n = w.meta["n"]
    with phase(log, "arch"):
        arch = sanafe.load_arch(a["path"])
        cores = arch.cores()
    with phase(log, "network"):
        net = sanafe.Network()
        groups = [net.create_neuron_group("in", n)]
        for i, train in enumerate(spike_lists(w)):
            groups[0][i].set_attributes(
                soma_hw_name=f"{a['input_name']}[{i % CORE_NEURONS}]",
                dendrite_hw_name=a["dendrite_name"],
                model_attributes={"spikes": train},
            )
        for layer in range(len(w.weights)):
            group = net.create_neuron_group(
                f"layer{layer}", n,
                model_attributes=dict(
                    threshold=w.meta["threshold"], leak_decay=1.0, reset_mode="hard"
                ),
                default_synapse_hw_name=a["synapse_name"],
                default_dendrite_hw_name=a["dendrite_name"],
                soma_hw_name=a["soma_name"], log_spikes=True,
            )  # fmt: skip
            groups[-1].connect_neurons_dense(group, {"w": w.weights[layer].ravel().tolist()})
            groups.append(group)
    with phase(log, "map"):
        for row, group in enumerate(groups):
            for i, c in enumerate(w.core[row].tolist()):
                group[i].map_to_core(cores[c])
    with phase(log, "chip"):
        chip = sanafe.SpikingChip(arch)
    with phase(log, "load"):
        chip.load(net)
    return chip


def rewind(chip, trains) -> None:
    """Back to the first step: SANA-FE's reset leaves the input trains spent."""
    chip.reset()
    for neuron, train in zip(chip.mapped_neuron_groups["in"], trains, strict=True):
        neuron.set_attributes(model_attributes={"spikes": train})


def simulate(chip, t: int, **options) -> dict:
    with contextlib.redirect_stdout(io.StringIO()):
        return chip.sim(t, **options)


def raster_of(trace, w: Workload) -> np.ndarray:
    raster = np.zeros_like(w.raster)
    for t, addresses in enumerate(trace):
        for address in addresses:
            raster[int(address.group_name[5:]), t, address.neuron_offset] = 1
    return raster


COUNTS = ("spikes", "packets_sent", "neurons_updated", "neurons_fired")


def measure(chip, w: Workload, timing, threads, schedulers, reps) -> dict:
    t, trains = w.meta["t"], spike_lists(w)
    wall, cpu, sim_time = [], [], []
    options = dict(timing_model=timing, processing_threads=threads, scheduler_threads=schedulers)
    for _ in range(reps):
        rewind(chip, trains)
        w0, c0 = time.perf_counter(), time.process_time()
        out = simulate(chip, t, **options)
        wall.append(time.perf_counter() - w0)
        cpu.append(time.process_time() - c0)
        sim_time.append(out["sim_time"])
    med = statistics.median(wall)
    return dict(
        timing=timing, threads=threads, scheduler_threads=schedulers, reps=reps,
        wall_s=wall, cpu_s=cpu, wall_median_s=med, wall_min_s=min(wall),
        cpu_median_s=statistics.median(cpu), cpu_min_s=min(cpu),
        synaptic_events_per_s=out["spikes"] / med,
        packets_per_s=out["packets_sent"] / med,
        timesteps_per_s=t / med, sim_time_s=sim_time, energy_j=dict(out["energy"]),
        **{k: out[k] for k in COUNTS}, **rss(),
    )  # fmt: skip


def traced(chip, w: Workload, timing) -> tuple[dict, np.ndarray]:
    """One untimed run that records every step."""
    rewind(chip, spike_lists(w))
    out = simulate(
        chip, w.meta["t"], timing_model=timing, processing_threads=1,
        perf_trace=True, spike_trace=True,
    )  # fmt: skip
    perf = {k: list(v) for k, v in out["perf_trace"].items()}
    perf["timestep"] = list(range(1, w.meta["t"] + 1))  # SANA-FE's never restarts
    return perf, raster_of(out["spike_trace"], w)


def check(run: dict, perf: dict, raster: np.ndarray, w: Workload, form: dict) -> dict:
    """Reported minus closed form, relative; zero is agreement."""
    rel = lambda got, want: (got - want) / want if want else got - want  # noqa: E731
    diff = {k: run[k] - form[k] for k in COUNTS}
    diff["hops"] = int(sum(perf["hops"])) - form["hops"]
    diff["raster"] = int((raster != w.raster).sum())
    for part, joules in form["energy"].items():
        diff[f"energy_{part}"] = rel(run["energy_j"][part], joules)
    if run["timing"] == "simple":
        diff["sim_time"] = rel(run["sim_time_s"][-1], form["simple_sim_time"])
    return diff


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--n", type=int, default=256, help="neurons per layer")
    p.add_argument("--t", type=int, default=16, help="timesteps")
    p.add_argument("--rate", type=float, default=0.2, help="input spikes per neuron and step")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--layers", type=int, default=1, help="dense layers")
    p.add_argument("--neurons-per-core", type=int, help="of the layers; default: by memory")
    p.add_argument("--arch", type=Path, help="architecture file; default: SANA-FE's loihi.yaml")
    p.add_argument("--timing", nargs="+", default=["simple", "detailed"],
                   choices=["simple", "detailed", "cycle"])  # fmt: skip
    p.add_argument("--threads", type=int, nargs="+", default=[1])
    p.add_argument("--scheduler-threads", type=int, nargs="+", default=[0])
    p.add_argument("--reps", type=int, default=5)
    p.add_argument("--workload", type=Path, help="replay this .npz")
    p.add_argument("--save-workload", type=Path, help="write the workload here")
    p.add_argument("--json", type=Path, help="write results here; default: stdout")
    args = p.parse_args()

    log = {"start": rss()}
    with phase(log, "import"):
        import sanafe
    arch_path = args.arch or Path(str(files("sanafe.examples") / "loihi.yaml"))
    a = read_arch(arch_path)
    with phase(log, "workload"):
        w = load_workload(args.workload) if args.workload else make_workload(args, a)
        if args.save_workload:
            save_workload(w, args.save_workload)
        form = closed_form(w, a)

    chip = build(sanafe, w, a, log)
    grew = lambda name, before: log[name]["rss_mib"] - log[before]["rss_mib"]  # noqa: E731
    memory = dict(
        chip_mib=grew("arch", "workload") + grew("chip", "map"),
        network_bytes_per_synapse=grew("network", "arch") * 2**20 / w.meta["synapses"],
        loaded_bytes_per_synapse=grew("load", "chip") * 2**20 / w.meta["synapses"],
    )

    runs, steps, checks = [], {}, {}
    for timing in args.timing:
        for threads in args.threads:
            for schedulers in args.scheduler_threads:
                runs.append(measure(chip, w, timing, threads, schedulers, args.reps))
        steps[timing], raster = traced(chip, w, timing)
        checks[timing] = check(runs[-1], steps[timing], raster, w, form)

    result = dict(
        tool="sanafe", version=version("sanafe"), python=platform.python_version(),
        host=dict(cpus=os.cpu_count(), loadavg=os.getloadavg()),
        workload=dict(w.meta, digest=w.digest, cores_used=int(w.core.max()) + 1),
        build=log, memory=memory,
        build_wall_s=sum(log[k]["wall_s"] for k in ("arch", "network", "map", "chip", "load")),
        closed_form=form, runs=runs, per_timestep=steps, check=checks,
        peak_rss_mib=rss()["peak_mib"],
    )  # fmt: skip
    text = json.dumps(result, indent=1)
    if args.json:
        args.json.write_text(text + "\n")
    else:
        sys.stdout.write(text + "\n")


if __name__ == "__main__":
    main()

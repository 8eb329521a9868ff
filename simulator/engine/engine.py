"""The engine: a mapped trace, batch by batch, into counts and picoseconds (DESIGN rule 1)."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue

import numpy as np

from simulator.engine.awake import awake_chip_ps, awake_core_ps
from simulator.engine.batch_result import BatchResult
from simulator.engine.core_load import CoreLoad
from simulator.engine.limits import check_memory, check_placement, check_rings
from simulator.engine.network.links import link_frame
from simulator.engine.network.network import Network
from simulator.engine.pipeline_units import UnitLoad
from simulator.engine.result import SimResult
from simulator.engine.schedule import Batch, check_pipeline, schedule_batches, segments
from simulator.engine.setting import Setting
from simulator.engine.stage import simulate_batch
from simulator.engine.tally import Tally
from simulator.engine.timing import ScheduleTiming
from simulator.engine.token_sample import sampling_warning
from simulator.engine.warmup import warm_up
from simulator.errors import ConservationError
from simulator.mapping.mapped import Mapped
from simulator.trace.check import check_trace
from simulator.trace.trace import PHASES, Trace

# The busiest output of the reference data (BookSim2) is busy 0.55 to 1 of the time when its network saturates.
ESTIMATE_LOAD_MAX = 0.8 * 0.55


def replay(
    mapped: Mapped,
    progress: Callable[[int, int], None] | None = None,
    threads: int | None = None,
    memory_limit_bytes: int | None = None,
    sample: int | None = None,
) -> SimResult:
    """Replay a trace on the chip it is mapped on, timestep by timestep.

    Parameters
    ----------
    mapped
        From `simulator.mapping.place.map_trace`.
    progress
        Called with (batches done, batches) after each batch; in the sequential schedule a batch is a stage.
    threads
        Batches simulated at once; the result does not depend on it. Default: the cores of this machine.
    memory_limit_bytes
        Refuse to start where the arrays of the simulation would take more.
    sample
        Tokens of each stage and phase whose spikes are simulated, for neighbours too (`token_sample`); None: all.

    Raises
    ------
    TraceError
        When the trace's program does not hold together.
    SpikewattError
        When stages of a pipeline share a core, or more memory is needed than allowed.
    CapacityError
        When the placement does not respect the limits of the chip.
    ConservationError
        When the flits that the network moved are not the flits that were counted.
    """
    check_trace(mapped.trace)
    check_placement(mapped)
    check_rings(mapped.trace, mapped.chip)
    threads = threads_for(mapped.trace, threads)
    if memory_limit_bytes is not None:
        check_memory(mapped, threads, memory_limit_bytes)
    compile_s = warm_up(mapped.chip)
    started = time.perf_counter()
    simulation = _Simulation(Setting.of(mapped), threads, sample)
    for done, batch in enumerate(simulation.batches(), start=1):
        simulation.add(batch)
        if progress is not None:
            progress(done, simulation.n_batches)
    return simulation.result({"compile_s": compile_s, "simulate_s": time.perf_counter() - started})


def threads_for(trace: Trace, threads: int | None = None) -> int:
    """Threads of a simulation of ``trace``: those asked for, or as many as there are cores; one per stage at most."""
    return min(threads or available_threads(), len(trace.stages))


def available_threads() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Simulation:
    """State of one simulation: counts, core loads, link loads and times so far."""

    def __init__(self, setting: Setting, threads: int, sample: int | None) -> None:
        self.setting, schedule = setting, setting.chip.schedule
        if any(segment.pipelined for segment in segments(setting.trace, schedule.kind)):
            check_pipeline(setting.trace, setting.placement)
        self._batches = list(schedule_batches(setting.trace, schedule, sample))
        self.timing = ScheduleTiming(setting.trace, schedule)
        self.n_batches = len(self._batches)
        self.threads = min(threads, self.n_batches)
        self.networks = [Network(setting.placement, setting.chip) for _ in range(self.threads)]
        self.tally = {phase: Tally() for phase in PHASES}
        self.cores, self.units = CoreLoad.idle(setting.placement), UnitLoad.idle(setting.placement)
        self.spikes = self.synops = self.packet_hops = self.markers = 0

    def batches(self) -> Iterator[BatchResult]:
        """Every batch simulated, in order, several of them at once.

        At most two batches per thread are held at a time, so memory does not grow with their number.
        """
        idle: SimpleQueue[Network] = SimpleQueue()
        for network in self.networks:
            idle.put(network)

        def simulated(batch: Batch) -> BatchResult:
            network = idle.get()
            try:
                return simulate_batch(batch, self.setting, network)
            finally:
                idle.put(network)

        pending: deque[Future[BatchResult]] = deque()
        with ThreadPoolExecutor(self.threads) as pool:
            try:
                for batch in self._batches:
                    self._read_counts(batch)
                    pending.append(pool.submit(simulated, batch))
                    if len(pending) >= 2 * self.threads:
                        yield pending.popleft().result()
                while pending:
                    yield pending.popleft().result()
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def _read_counts(self, batch: Batch) -> None:
        """Read what a batch needs of the trace's file here, in order, not in the threads."""
        for stage in batch.stages:
            for stream_id in self.setting.trace.streams_of(stage):
                self.setting.trace.spike_counts(stream_id)

    def add(self, found: BatchResult) -> None:
        """Add what a batch found."""
        for phase, tally in found.tally.items():
            self.tally[phase].add_all(tally)
        self.cores.add_all(found.cores)
        self.units.add_all(found.units)
        self.timing.add(found)
        self.spikes += found.spikes
        self.synops += found.synops
        self.packet_hops += found.packet_hops
        self.markers += found.markers

    def result(self, elapsed: dict[str, float]) -> SimResult:
        """Everything found, after the check that the network moved what was counted."""
        flits = self.networks[0].flits + sum(network.flits for network in self.networks[1:])
        units = self.networks[0].wait_units
        wait = (self.networks[0].wait + sum(network.wait for network in self.networks[1:]) + units // 2) // units
        peak = np.max([network.peak_queue for network in self.networks], axis=0)
        all_counts = _sum(self.tally.values())
        _check_flits(flits.reshape(-1, 5), all_counts)
        placement = self.setting.placement
        total_ps, spans = self.timing.total_ps(), self.timing.spans()
        return SimResult(
            action_counts=all_counts.rows(),
            stages=self.timing.stages(),
            tokens=self.timing.tokens(),
            cores=self.cores.frame(placement),
            units=self.units.frame(placement, total_ps),
            links=link_frame(flits, wait, peak, total_ps, placement, self.setting.chip),
            total_ps=total_ps,
            spikes=self.spikes,
            synops=self.synops,
            packets=all_counts.total("axon_out", "packet"),
            packet_hops=self.packet_hops,
            markers=self.markers,
            n_chips=placement.n_chips,
            cores_total=placement.cores_total,
            tiles_used=placement.tiles_used,
            static_ps=total_ps * placement.n_chips,
            awake_core_ps=awake_core_ps(spans, self.setting.mapped),
            awake_chip_ps=awake_chip_ps(spans, self.setting.mapped),
            uses_dram=self.setting.mapped.uses_dram,
            warnings=self._warnings(),
            elapsed=elapsed,
            phase_counts={phase: tally.rows() for phase, tally in self.tally.items()},
            phase_ps=self.timing.phase_ps(),
            spans=spans,
            steady=self.timing.steady(),
        )

    def _warnings(self) -> tuple[str, ...]:
        """What the model of the network leaves out or takes for granted."""
        return self._folded() + self._left_out() + self._never_full() + sampling_warning(self._batches)

    def _never_full(self) -> tuple[str, ...]:
        """Steady figures of a pipeline with fewer tokens than stages."""
        if self.timing.steady().filled:
            return ()
        trace = self.setting.trace
        return (
            f"steady: {trace.n_tokens} tokens never fill a pipeline of {len(trace.stages)} stages; its steady time is"
            " that of the rounds with most stages at work, a lower bound",
        )

    def _folded(self) -> tuple[str, ...]:
        """What the links of a torus are taken to cost where a ring stays on one chip."""
        chip, placement = self.setting.chip, self.setting.placement
        sides = ((placement.chips_x, placement.mesh_x), (placement.chips_y, placement.mesh_y))
        if chip.noc.topology == "mesh" or not any(chips == 1 and side > 1 for chips, side in sides):
            return ()
        return (
            "network: a ring within one chip is taken as a folded torus, its links twice as long as those of a mesh,"
            " which hop_x, hop_y and extra_cycles of the chip file must price",
        )

    def _left_out(self) -> tuple[str, ...]:
        """What the closed forms leave out."""
        model = self.setting.chip.noc.model
        if model == "ideal":
            return ("network: model ideal, a lower bound; no packet waits for another",)
        peak = max(network.peak_load for network in self.networks)
        if model == "cycle" or peak <= ESTIMATE_LOAD_MAX:
            return ()
        return (
            f"network: an output is busy {peak:.2f} of the time in some step; model estimate expects at most"
            f" {ESTIMATE_LOAD_MAX:.2f} (0.8 of the load at which the first network of the reference data saturates);"
            " above that it leaves out how queues grow; use model cycle",
        )


def _sum(tallies: Iterable[Tally]) -> Tally:
    total = Tally()
    for tally in tallies:
        total.add_all(tally)
    return total


def _check_flits(per_port: np.ndarray[tuple[int, int], np.dtype[np.int64]], tally: Tally) -> None:
    for what, moved, counted in (
        ("links", int(per_port[:, :4].sum()), tally.total("noc", "hop_x", "hop_y", "chip_hop")),
        ("core inputs", int(per_port[:, 4].sum()), tally.total("noc", "local")),
    ):
        if moved != counted:
            raise ConservationError(f"{what}: the network moved {moved} flits, {counted} were counted")

"""The engine: a mapped trace, batch by batch, into counts and picoseconds (DESIGN rule 1)."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Literal, TypeVar

import numpy as np
import pandas as pd

from simulator.arrays import Ints
from simulator.engine.awake import awake_chip_ps, awake_core_ps
from simulator.engine.batch_result import BatchResult, Counted, StageTimes
from simulator.engine.flits_left_out import flits_left_out
from simulator.engine.in_threads import in_threads
from simulator.engine.limits import check_lists, check_memory, check_placement, check_rings
from simulator.engine.network.links import link_frame
from simulator.engine.network.network import Network
from simulator.engine.reach import routers_passed
from simulator.engine.result import SimResult
from simulator.engine.rounds import simulate_rounds
from simulator.engine.schedule import (
    Batch,
    StageTask,
    check_pipeline,
    in_rounds,
    schedule_batches,
    segments,
    stage_tasks,
)
from simulator.engine.setting import Setting
from simulator.engine.stage import simulate_stage
from simulator.engine.tally import Tally
from simulator.engine.timing import ScheduleTiming
from simulator.engine.token_sample import ERROR_MAX, SAMPLE_FIRST, Sampling, larger_sample, sampling_warning
from simulator.engine.warmup import warm_up
from simulator.errors import ConservationError, SpikewattError
from simulator.mapping.mapped import Mapped
from simulator.trace.check import check_trace
from simulator.trace.trace import Trace
from simulator.trace.trace_program import Stage

Part = TypeVar("Part", StageTask, Batch)
Found = TypeVar("Found")


def replay(
    mapped: Mapped,
    progress: Callable[[int, int], None] | None = None,
    threads: int | None = None,
    memory_limit_bytes: int | None = None,
    sample: int | Literal["auto"] | None = None,
    refuse_overload: bool = True,
    cores_sample: int | None = None,
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
        Refuse to start where this process would take more; None: `machine_memory.default_limit_bytes`.
    sample
        Tokens of each stage and phase whose network is simulated, for neighbours too (`token_sample`). ``auto``: as
        many as keep the standard error of the time to `token_sample.ERROR_MAX`. None: all.
    refuse_overload
        Refuse a network of model ``estimate`` with a port or a FIFO above a load of 0.9; otherwise a warning says so.
    cores_sample
        Tokens of each stage whose cores are simulated, for neighbours too, where a rough time is enough: counts stay
        exact, and the result says nothing of the units of cores. None: all.

    Raises
    ------
    TraceError
        When the trace's program does not hold together.
    SpikewattError
        When stages of a pipeline share a core, more memory is needed than allowed, or ``estimate`` is overloaded.
    CapacityError
        When the placement does not respect the limits of the chip.
    ConservationError
        When the flits that the network moved are not the flits that were counted.
    """
    check_trace(mapped.trace)
    check_placement(mapped)
    check_rings(mapped.trace, mapped.chip)
    check_lists(mapped.trace, mapped.chip)
    threads = threads_for(mapped.trace, threads)
    check_memory(mapped, threads, memory_limit_bytes)
    compile_s = warm_up(mapped.chip)
    started = time.perf_counter()
    setting, n_sampled = Setting.of(mapped, cores_sample), SAMPLE_FIRST if sample == "auto" else sample
    simulation = _simulated(_Simulation(setting, threads, n_sampled), progress)
    while sample == "auto" and n_sampled is not None and not simulation.precise():
        n_sampled = larger_sample(n_sampled, simulation.time_error(), mapped.trace.n_tokens)
        simulation = _simulated(_Simulation(setting, threads, n_sampled, simulation), progress)
    if refuse_overload and (overload := simulation.overload()):
        raise SpikewattError(overload)
    return simulation.result({"compile_s": compile_s, "simulate_s": time.perf_counter() - started})


def _simulated(simulation: _Simulation, progress: Callable[[int, int], None] | None) -> _Simulation:
    """All batches of a simulation done."""
    for done, _ in enumerate(simulation.run(), start=1):
        if progress is not None:
            progress(done, simulation.n_batches)
    return simulation


def threads_for(trace: Trace, threads: int | None = None) -> int:
    """Threads of a simulation of ``trace``: those asked for, or as many as there are cores; one per stage at most."""
    return min(threads or available_threads(), len(trace.stages))


def available_threads() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Simulation:
    """State of one simulation: counts, core loads, link loads and times so far.

    What the stages of a pipeline do by themselves is taken from a simulation ``before`` with another sample.
    """

    def __init__(self, setting: Setting, threads: int, sample: int | None, before: _Simulation | None = None) -> None:
        self.setting, of = setting, (setting.trace, setting.chip)
        if any(segment.order != "sequential" for segment in segments(*of)):
            check_pipeline(setting.trace, setting.placement)
        self._batches = list(schedule_batches(*of, sample))
        self._tasks = [] if before else list(stage_tasks(setting.trace, in_rounds(*of)))
        self._of_tasks: dict[tuple[str, int], StageTimes] = before._of_tasks if before else {}
        self._tasks_counted: Counted = before._tasks_counted if before else Counted.nothing(setting.placement)
        self.timing = ScheduleTiming(*of)
        self.n_batches = len(self._tasks) + len(self._batches)
        self.threads = min(threads, self.n_batches)
        passed = routers_passed(setting.mapped)
        self.networks = [Network(setting.placement, setting.chip, passed) for _ in range(self.threads)]
        self.counted = Counted.nothing(setting.placement)

    def run(self) -> Iterator[None]:
        """Simulate everything; yields after each part, of which there are `n_batches`.

        Stages of a pipeline come before its rounds, in which they share the network.
        """
        for task, (times, counted) in self._in_threads(self._tasks, self._of_a_stage):
            self._of_tasks[self._key(task.stage, task.tokens)] = times
            self._tasks_counted.add_all(counted)
            yield
        self.counted.add_all(self._tasks_counted)
        # Those with a network take longest. First, they keep all threads busy; later, the others would wait for each.
        longest_first = sorted(self._batches, key=lambda batch: not batch.carried.any())
        for _, found in self._in_threads(longest_first, self._simulated):
            self.counted.add_all(found.counted)
            self.timing.add(found)
            yield

    def _simulated(self, batch: Batch, network: Network) -> BatchResult:
        """A batch; in the sequential schedule that is all that a stage does."""
        counted = Counted.beside(self.counted)
        if batch.segment < 0:
            times = simulate_stage(StageTask(batch.stages[0], batch.tokens[:, 0]), self.setting, counted)
            return simulate_rounds(batch, [times], self.setting, network, counted)
        at_work = zip(batch.stages, batch.tokens.T, strict=True)
        of_stages = [self._of_tasks[self._key(stage, tokens)] for stage, tokens in at_work]
        return simulate_rounds(batch, of_stages, self.setting, network, counted)

    def _of_a_stage(self, task: StageTask, network: Network) -> tuple[StageTimes, Counted]:
        """A stage of a pipeline by itself."""
        counted = Counted.beside(self._tasks_counted)
        return simulate_stage(task, self.setting, counted), counted

    def _key(self, stage: Stage, tokens: Ints) -> tuple[str, int]:
        return stage.stage_id, int(self.setting.trace.phases[tokens[0]])

    def _in_threads(
        self, parts: Sequence[Part], simulated: Callable[[Part, Network], Found]
    ) -> Iterator[tuple[Part, Found]]:
        """Every part with what was found for it, each with a network to itself."""
        return in_threads(parts, simulated, self.networks, self._read_counts)

    def _read_counts(self, part: StageTask | Batch) -> None:
        """Read what a part needs of the trace's file here, in order, not in the threads."""
        for stage in (part.stage,) if isinstance(part, StageTask) else part.stages:
            for stream_id in self.setting.trace.streams_of(stage):
                self.setting.trace.spike_counts(stream_id)

    def sampling(self) -> Sampling | None:
        """What of the network was simulated; None: all of it."""
        simulated = sum(int((batch.carried > 0).sum()) * len(batch.stages) for batch in self._batches)
        every = sum(batch.tokens.size for batch in self._batches)
        return None if simulated == every else Sampling(simulated, every, self.time_error())

    def time_error(self) -> float | None:
        """Standard error of the time over the time."""
        error_ps = self.timing.error_ps()
        return None if error_ps is None else error_ps / max(self.timing.total_ps(), 1)

    def precise(self) -> bool:
        """Whether the standard errors of the time and of the steady time keep to `ERROR_MAX`."""
        steady, error = self.timing.steady(), self.time_error()
        if error is None or steady.error_ps is None:
            return False
        return max(error, steady.error_ps / max(steady.time_per_token_ps, 1)) <= ERROR_MAX

    def result(self, elapsed: dict[str, float]) -> SimResult:
        """Everything found, after the check that the network moved what was counted."""
        flits = flits_left_out(self._batches, self.setting)
        flits += np.sum([network.flits for network in self.networks], axis=0)
        units = self.networks[0].wait_units
        wait = (self.networks[0].wait + sum(network.wait for network in self.networks[1:]) + units // 2) // units
        peak = np.max([network.peak_queue for network in self.networks], axis=0)
        counted = self.counted
        all_counts = _sum(counted.tally.values())
        _check_flits(flits.reshape(-1, 5), all_counts)
        placement = self.setting.placement
        total_ps, spans = self.timing.total_ps(), self.timing.spans()
        return SimResult(
            action_counts=all_counts.rows(),
            stages=self.timing.stages(),
            tokens=self.timing.tokens(),
            cores=counted.cores.frame(placement),
            units=self._units(total_ps),
            links=link_frame(flits, wait, peak, total_ps, placement, self.setting.chip),
            total_ps=total_ps,
            spikes=counted.spikes,
            synops=counted.synops,
            packets=all_counts.total("axon_out", "packet"),
            packet_hops=counted.packet_hops,
            markers=counted.markers,
            n_chips=placement.n_chips,
            cores_total=placement.cores_total,
            tiles_used=placement.tiles_used,
            static_ps=total_ps * placement.n_chips,
            awake_core_ps=awake_core_ps(spans, self.setting.mapped),
            awake_chip_ps=awake_chip_ps(spans, self.setting.mapped),
            uses_dram=self.setting.mapped.uses_dram,
            warnings=self._warnings(),
            elapsed=elapsed,
            phase_counts={phase: tally.rows() for phase, tally in counted.tally.items()},
            phase_ps=self.timing.phase_ps(),
            spans=spans,
            steady=self.timing.steady(),
            sampling=self.sampling(),
        )

    def _units(self, total_ps: int) -> pd.DataFrame:
        """Times of the units; stages of an asynchronous pipeline may be under way on a core at the same time.

        Of sampled cores the times of units and of the whole do not belong together.
        """
        if self.setting.cores_sample is not None:
            return pd.DataFrame()
        placement, units = self.setting.placement, self.counted.units
        overlapping = any(batch.overlapping for batch in self._batches)
        if overlapping:
            units.active_ps[0] += self.timing.overlapping_ps(placement.cores_total)
        return units.frame(placement, total_ps, overlapping)

    def _warnings(self) -> tuple[str, ...]:
        """What the model of the network leaves out or assumes."""
        return self._folded() + self._left_out() + self._never_full() + sampling_warning(self.sampling())

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
        """The assumed cost of the links of a torus where a ring stays on one chip."""
        chip, placement = self.setting.chip, self.setting.placement
        sides = ((placement.chips_x, placement.mesh_x), (placement.chips_y, placement.mesh_y))
        if chip.noc.topology == "mesh" or not any(chips == 1 and side > 1 for chips, side in sides):
            return ()
        return (
            "network: a ring within one chip is assumed to be a folded torus with links twice as long as those of a"
            " mesh:"
            " which hop_x, hop_y and extra_cycles of the chip file must price",
        )

    def _left_out(self) -> tuple[str, ...]:
        """What the closed forms leave out."""
        model = self.setting.chip.noc.model
        if model == "ideal":
            return ("network: model ideal, a lower bound; no packet waits for another",)
        overload = self.overload()
        return (overload,) if overload else ()

    def overload(self) -> str:
        """Which output has more to do than the mean of steady traffic describes, in a line; empty where none has."""
        return max(self.networks, key=lambda network: network.peak_load).overload


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

"""The engine: a Trace on a Placement, stage by stage, into counts and picoseconds (DESIGN rule 1)."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue

import numpy as np
import pandas as pd

from simulator.config.chip import ChipConfig
from simulator.engine.cores import CoreLoad
from simulator.engine.links import link_frame
from simulator.engine.network import Network
from simulator.engine.result import SimResult
from simulator.engine.stage import STAGE_TIMES, Setting, StageRun
from simulator.engine.tally import Tally
from simulator.engine.warmup import warm_up
from simulator.errors import ConservationError
from simulator.mapping.placement import Placement
from simulator.trace.trace import Stage, Trace

# The busiest output of the reference data (BookSim2) is busy 0.55 to 1 of the time when its network saturates.
ESTIMATE_LOAD_MAX = 0.8 * 0.55


def simulate(
    trace: Trace,
    chip: ChipConfig,
    placement: Placement,
    progress: Callable[[int, int], None] | None = None,
    threads: int | None = None,
) -> SimResult:
    """Replay ``trace`` on ``chip``, tokens one after another, timestep by timestep.

    Parameters
    ----------
    trace, chip
        What is replayed, and on what.
    placement
        From `simulator.mapping.place.map_trace` with the same trace and chip.
    progress
        Called with (stages done, stages) after each stage.
    threads
        Stages simulated at once; the result does not depend on it. Default: the cores of this machine.

    Raises
    ------
    TraceError
        When the trace's program does not hold together.
    ConservationError
        When the flits that the network moved are not the flits that were counted.
    """
    trace.check()
    compile_s = warm_up()
    started = time.perf_counter()
    run = _Run(Setting.of(trace, chip, placement), threads or available_threads())
    for done, stage in enumerate(run.stages(), start=1):
        run.add(stage)
        if progress is not None:
            progress(done, len(trace.stages))
    return run.result({"compile_s": compile_s, "simulate_s": time.perf_counter() - started})


def available_threads() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Run:
    """State of one simulation: counts, core loads, link loads and times so far."""

    def __init__(self, setting: Setting, threads: int) -> None:
        self.setting, self.threads = setting, min(threads, len(setting.trace.stages))
        self.networks = [Network(setting.placement, setting.chip) for _ in range(self.threads)]
        self.tally = Tally()
        self.cores = CoreLoad.idle(setting.placement)
        self.token_ps = np.zeros(setting.trace.n_tokens, np.int64)
        self.stage_rows: list[dict[str, object]] = []
        self.spikes = self.synops = self.packet_hops = 0

    def stages(self) -> Iterator[StageRun]:
        """Every stage simulated, in the order of the program, several of them at once.

        At most two stages per thread are held at a time, so memory does not grow with the number of stages.
        """
        idle: SimpleQueue[Network] = SimpleQueue()
        for network in self.networks:
            idle.put(network)

        def simulated(stage: Stage) -> StageRun:
            network = idle.get()
            try:
                return StageRun(stage, self.setting, network)
            finally:
                idle.put(network)

        pending: deque[Future[StageRun]] = deque()
        with ThreadPoolExecutor(self.threads) as pool:
            try:
                for stage in self.setting.trace.stages:
                    for stream_id in self.setting.trace.streams_of(stage):
                        self.setting.trace.counts(stream_id)  # read files here, in order, not in the threads
                    pending.append(pool.submit(simulated, stage))
                    if len(pending) >= 2 * self.threads:
                        yield pending.popleft().result()
                while pending:
                    yield pending.popleft().result()
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def add(self, run: StageRun) -> None:
        """Add what a stage found."""
        self.tally.add_all(run.tally)
        self.cores.add_all(run.cores)
        self.token_ps += run.total_ps
        sums = {name: int(value.sum()) for name, value in run.times.items()}
        self.stage_rows.append({"stage": run.stage.stage_id, **sums, "total_ps": int(run.total_ps.sum())})
        self.spikes += run.spikes
        self.synops += run.synops
        self.packet_hops += run.packet_hops

    def result(self, elapsed: dict[str, float]) -> SimResult:
        """Everything found, after the check that the network moved what was counted."""
        flits = sum((network.flits for network in self.networks), np.zeros_like(self.networks[0].flits))
        units = self.networks[0].wait_units
        wait = (sum((network.wait for network in self.networks), np.zeros_like(flits)) + units // 2) // units
        self._check_flits(flits.reshape(-1, 5))
        trace, placement = self.setting.trace, self.setting.placement
        total_ps = int(self.token_ps.sum())
        return SimResult(
            counts=self.tally.rows(),
            stages=pd.DataFrame(self.stage_rows, columns=["stage", *STAGE_TIMES, "total_ps"]),
            tokens=pd.DataFrame(
                {"token": np.arange(trace.n_tokens), "context": trace.contexts, "latency_ps": self.token_ps}
            ),
            cores=self.cores.frame(placement, self.setting.chip),
            links=link_frame(flits, wait, placement, self.setting.chip),
            total_ps=total_ps,
            spikes=self.spikes,
            synops=self.synops,
            packets=self.tally.total("axon_out", "packet"),
            packet_hops=self.packet_hops,
            n_chips=placement.n_chips,
            cores_total=placement.cores_total,
            tiles_used=placement.tiles_used,
            static_ps=total_ps * placement.n_chips,
            warnings=self._warnings(),
            elapsed=elapsed,
        )

    def _warnings(self) -> tuple[str, ...]:
        """What the model of the network leaves out."""
        model = self.setting.chip.noc.model
        if model == "ideal":
            return ("network: model ideal, a lower bound; no packet waits for another",)
        peak = max(network.peak_load for network in self.networks)
        if model == "cycle" or peak <= ESTIMATE_LOAD_MAX:
            return ()
        return (
            f"network: model estimate, but an output is busy {peak:.2f} of the time in some step, want at most"
            f" {ESTIMATE_LOAD_MAX:.2f} (0.8 of the load at which the first network of the reference data saturates);"
            " there it leaves out how queues grow: use model cycle",
        )

    def _check_flits(self, per_port: np.ndarray[tuple[int, int], np.dtype[np.int64]]) -> None:
        for what, moved, counted in (
            ("links", int(per_port[:, :4].sum()), self.tally.total("noc", "hop_x", "hop_y", "chip_hop")),
            ("core inputs", int(per_port[:, 4].sum()), self.tally.total("noc", "local")),
        ):
            if moved != counted:
                raise ConservationError(f"{what}: the network moved {moved} flits, {counted} were counted")

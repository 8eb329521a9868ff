"""The engine: a Trace on a Placement, stage by stage, into counts and picoseconds (DESIGN rule 1)."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pandas as pd

from simulator.config.chip import ChipConfig
from simulator.engine.barrier import barrier_ps
from simulator.engine.cores import CoreLoad
from simulator.engine.links import crossings, link_frame
from simulator.engine.network import Network
from simulator.engine.plan import StagePlan, plan_stage
from simulator.engine.result import CHIP, SimResult
from simulator.engine.spikes import SpikeRun, replay_code, run_spikes
from simulator.engine.tally import Tally
from simulator.engine.transfer import Transfer, receive_ps, reductions, transfer_arrays, transfers_before_ops
from simulator.engine.vector import vector_ps
from simulator.engine.warmup import warm_up
from simulator.errors import ConservationError
from simulator.mapping.capacity import ceil_div
from simulator.mapping.placement import Placement
from simulator.trace.trace import Stage, Trace

STAGE_TIMES = ("compute_ps", "network_ps", "transfer_ps", "vector_ps", "barrier_ps")


def simulate(
    trace: Trace, chip: ChipConfig, placement: Placement, progress: Callable[[int, int], None] | None = None
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
    run = _Run(trace, chip, placement)
    for done, stage in enumerate(trace.stages, start=1):
        run.stage(stage)
        if progress is not None:
            progress(done, len(trace.stages))
    return run.result({"compile_s": compile_s, "simulate_s": time.perf_counter() - started})


class _Run:
    """State of one simulation: counts, core loads, link loads and times so far."""

    def __init__(self, trace: Trace, chip: ChipConfig, placement: Placement) -> None:
        self.trace, self.chip, self.placement = trace, chip, placement
        self.n_timesteps = replay_code(trace.encoding, chip)[1]
        self.tally = Tally()
        self.cores = CoreLoad(placement)
        self.network = Network(placement, chip)
        self.token_ps = np.zeros(trace.n_tokens, np.int64)
        self.stage_rows: list[dict[str, object]] = []
        self.spikes = self.synops = self.packet_hops = 0

    def stage(self, stage: Stage) -> None:
        """Simulate one stage for all tokens: collect values, do the ops, spike, reduce."""
        times = dict.fromkeys(STAGE_TIMES, np.zeros(self.trace.n_tokens, np.int64))
        before = transfers_before_ops(stage, self.trace, self.placement, self.chip)
        after = reductions(stage, self.placement, self.chip)
        times["transfer_ps"] = times["transfer_ps"] + sum(self.transfer(step) for step in before + after)
        times["vector_ps"] = self.ops(stage)
        barriers = sum(step.kind != "exchange" for step in before + after)
        if stage.stream is not None:
            run = self.spiking(stage)
            times["compute_ps"] = run.compute_ps + self.soma_after_stage(stage)
            times["network_ps"] = run.network_ps
            barriers += self.n_timesteps
        self.tally.add(CHIP, "sync", "barrier", barriers * self.trace.n_tokens)
        one_barrier = barrier_ps(self.chip.sync.barrier, self.placement.tiles_used)
        times["barrier_ps"] = times["barrier_ps"] + barriers * one_barrier
        total = sum(times.values(), np.zeros_like(self.token_ps))
        self.token_ps += total
        sums = {name: int(value.sum()) for name, value in times.items()}
        self.stage_rows.append({"stage": stage.stage_id, **sums, "total_ps": int(total.sum())})

    def transfer(self, transfer: Transfer) -> int:
        """One transfer step of every token (they are all alike); returns its ps per token."""
        arrays = transfer_arrays(transfer, self.placement, self.chip)
        taken_ps = self.network.transfer(arrays, transfer.flits, times=self.trace.n_tokens)
        service = receive_ps(transfer.kind, self.chip)
        for edge in transfer.edges:
            self._edge(transfer, edge.sender.core, edge.receiver.core, edge.values * self.trace.n_tokens, service)
        return taken_ps

    def _edge(self, transfer: Transfer, sender: int, receiver: int, packets: int, service: int) -> None:
        """Count ``packets`` value packets from one core to another."""
        from_, to = self.placement.blocks[sender], self.placement.blocks[receiver]
        self._packets(sender, receiver, packets, transfer.flits)
        self.tally.add(to.owner, "axon_in", "lookup", packets)
        if transfer.kind == "reduce":
            self.tally.add(to.owner, "dendrite", "reduce", packets)
        else:
            self.tally.add(to.owner, "memory", "write", packets * self.chip.core.dendrite.accumulator_bits)
        self.cores.busy_ps[from_.core] += packets * self.chip.core.axon_out.packet.latency.value
        self.cores.busy_ps[to.core] += packets * service

    def _packets(self, sender: int, receiver: int, packets: int, flits: int) -> None:
        """Count packets between two cores: the axons that send them and the links they cross."""
        router = self.placement.core_router
        links = crossings(router[sender], router[receiver], self.placement, self.chip)
        self.tally.add_traffic(self.placement.blocks[sender].owner, packets, flits, links)
        self.packet_hops += packets * int(links.hops)
        self.cores.packets_out[sender] += packets
        self.cores.packets_in[receiver] += packets

    def ops(self, stage: Stage) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """Count the non-spiking work of a stage; returns its time per token."""
        for op_id in stage.ops:
            op = self.trace.op[op_id]
            for name, times in op.work(self.trace.contexts, self.n_timesteps).items():
                component, action = name.split(".")
                self.tally.add(op_id, component, action, int(times.sum()))
        homes = self.placement.of(stage.stage_id)
        taken = vector_ps(stage, self.trace, self.chip, len(homes), self.n_timesteps)
        for home in homes:
            self.cores.busy_ps[home.core] += int(taken.sum())
        return taken

    def spiking(self, stage: Stage) -> SpikeRun:
        """Encode the stream of a stage and drive its layers by spikes."""
        assert stage.stream is not None
        plan = plan_stage(stage, self.trace, self.placement, self.chip)
        counts = self.trace.counts(stage.stream)
        run = run_spikes(counts, plan, self.trace.encoding, self.chip, self.network)
        self._count_homes(stage, plan, run)
        self._count_targets(plan, run)
        for home, target in zip(*np.nonzero(run.flows), strict=True):
            self._packets(plan.homes[home].core, plan.targets[target].core, int(run.flows[home, target]), 1)
        return run

    def _steps(self) -> int:
        """Spike timesteps of one stage over all tokens."""
        return self.trace.n_tokens * self.n_timesteps

    def _count_homes(self, stage: Stage, plan: StagePlan, run: SpikeRun) -> None:
        self.spikes += run.spikes
        self.tally.add(stage.stage_id, "soma", "update", run.spikes)
        self.tally.add(stage.stage_id, "soma", "update_idle", self._steps() * stage.width - run.spikes)
        self.tally.add(stage.stage_id, "soma", "fire", run.spikes)
        for home, busy in zip(plan.homes, run.home_busy_ps, strict=True):
            self.cores.busy_ps[home.core] += busy

    def _count_targets(self, plan: StagePlan, run: SpikeRun) -> None:
        packets = run.flows.sum(axis=0)
        idle_steps = self._steps() - run.active_steps
        for g, block in enumerate(plan.targets):
            n = int(packets[g])
            self.tally.add(block.owner, "axon_in", "lookup", n)
            self.tally.add(block.owner, "synapse", "word_read", n * int(plan.target_words[g]))
            self.tally.add(block.owner, "synapse", "synop", n * int(plan.target_synops[g]))
            self.tally.add(block.owner, "dendrite", "accumulate", n * int(plan.target_synops[g]))
            self.synops += n * block.n_cols
            self.cores.synops[block.core] += n * block.n_cols
            self.cores.busy_ps[block.core] += n * int(plan.target_service_ps[g])
            if self.chip.core.soma.every == "timestep":
                self.tally.add(block.owner, "soma", "update", int(run.active_steps[g]) * block.n_cols)
                self.tally.add(block.owner, "soma", "update_idle", int(idle_steps[g]) * block.n_cols)
                self.cores.busy_ps[block.core] += int(
                    run.active_steps[g] * plan.target_update_ps[g] + idle_steps[g] * plan.target_idle_ps[g]
                )

    def soma_after_stage(self, stage: Stage) -> int:
        """Neuron updates of a chip that does them once per stage; returns their ps per token."""
        soma = self.chip.core.soma
        if soma.every == "timestep":
            return 0
        slowest = 0
        for layer_id in stage.layers:
            for block in self.placement.of(layer_id):
                if block.row_start == 0:  # partial sums are updated at their root only
                    taken = ceil_div(block.n_cols, soma.lanes) * soma.update.latency.value
                    slowest = max(slowest, taken)
                    self.tally.add(layer_id, "soma", "update", block.n_cols * self.trace.n_tokens)
                    self.cores.busy_ps[block.core] += taken * self.trace.n_tokens
        return slowest

    def result(self, elapsed: dict[str, float]) -> SimResult:
        """Everything found, after the check that the network moved what was counted."""
        self._check_flits()
        total_ps = int(self.token_ps.sum())
        return SimResult(
            counts=self.tally.rows(),
            stages=pd.DataFrame(self.stage_rows, columns=["stage", *STAGE_TIMES, "total_ps"]),
            tokens=pd.DataFrame(
                {"token": np.arange(self.trace.n_tokens), "context": self.trace.contexts, "latency_ps": self.token_ps}
            ),
            cores=self.cores.frame(self.chip),
            links=link_frame(self.network.flits, self.network.wait, self.placement, self.chip),
            total_ps=total_ps,
            spikes=self.spikes,
            synops=self.synops,
            packets=self.tally.total("axon_out", "packet"),
            packet_hops=self.packet_hops,
            n_chips=self.placement.n_chips,
            cores_total=self.placement.cores_total,
            tiles_used=self.placement.tiles_used,
            static_ps=total_ps * self.placement.n_chips,
            warnings=(),
            elapsed=elapsed,
        )

    def _check_flits(self) -> None:
        per_port = self.network.flits.reshape(-1, 5)
        for what, moved, counted in (
            ("links", int(per_port[:, :4].sum()), self.tally.total("noc", "hop_x", "hop_y", "chip_hop")),
            ("core inputs", int(per_port[:, 4].sum()), self.tally.total("noc", "local")),
        ):
            if moved != counted:
                raise ConservationError(f"{what}: the network moved {moved} flits, {counted} were counted")

"""One stage of a token's program, simulated for all tokens: its counts, the load of its cores, and where its time went.

Under barriers a stage does not depend on any other: each of its steps starts on an idle network.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.config.chip import ChipConfig
from simulator.engine.barrier import barrier_ps
from simulator.engine.cores import CoreLoad
from simulator.engine.links import crossings
from simulator.engine.network import Network
from simulator.engine.plan import StagePlan, accumulation, fetches, plan_stage
from simulator.engine.result import CHIP
from simulator.engine.spikes import SpikeRun, replay_code, run_spikes
from simulator.engine.tally import Tally
from simulator.engine.transfer import (
    Edges,
    Transfer,
    receive_ps,
    reductions,
    transfer_arrays,
    transfers_before_ops,
)
from simulator.engine.vector import op_work, vector_ps
from simulator.mapping.capacity import ceil_div
from simulator.mapping.placement import Placement
from simulator.mapping.traffic import flits_per_spike
from simulator.trace.trace import Stage, Trace

Ints = NDArray[np.int64]

STAGE_TIMES = ("compute_ps", "network_ps", "transfer_ps", "vector_ps", "barrier_ps")


@dataclass(frozen=True)
class Setting:
    """What all stages of a simulation share.

    Attributes
    ----------
    trace, chip, placement
        What is replayed, on what, and where.
    n_timesteps
        Timesteps in which the chip replays a stream.
    barrier_ps
        Time of one barrier.
    """

    trace: Trace
    chip: ChipConfig
    placement: Placement
    n_timesteps: int
    barrier_ps: int

    @classmethod
    def of(cls, trace: Trace, chip: ChipConfig, placement: Placement) -> Setting:
        """The setting of a trace on a chip."""
        n_timesteps = replay_code(trace.encoding, chip)[1]
        return cls(trace, chip, placement, n_timesteps, barrier_ps(chip.sync.barrier, placement.tiles_used))


class StageRun:
    """The work of one stage over all tokens, done when made.

    Attributes
    ----------
    stage
        Which.
    tally
        Its counts.
    cores
        Load of the cores.
    times
        Part of the time (`STAGE_TIMES`) -> int64 ps [tokens].
    spikes, synops, packet_hops
        Totals over the tokens.
    """

    def __init__(self, stage: Stage, setting: Setting, network: Network) -> None:
        self.stage, self._in, self._network = stage, setting, network
        self.tally = Tally()
        self.cores = CoreLoad.idle(setting.placement)
        self.spikes = self.synops = self.packet_hops = 0
        self.times = dict.fromkeys(STAGE_TIMES, np.zeros(setting.trace.n_tokens, np.int64))
        self._simulate()

    @property
    def total_ps(self) -> Ints:
        """Time of the stage, int64 [tokens]."""
        return sum(self.times.values(), np.zeros(self._in.trace.n_tokens, np.int64))

    def _simulate(self) -> None:
        """Collect values, do the ops, spike, reduce."""
        trace, chip, placement = self._in.trace, self._in.chip, self._in.placement
        before = transfers_before_ops(self.stage, trace, placement, chip)
        after = reductions(self.stage, placement, chip)
        self._add_time("transfer_ps", sum(self._transfer(step) for step in before + after))
        self._add_time("vector_ps", self._ops())
        barriers = sum(step.barriers for step in before + after)
        if self.stage.stream is not None:
            plan = plan_stage(self.stage, trace, placement, chip)
            run = run_spikes(trace.counts(self.stage.stream), plan, trace.encoding, chip, self._network)
            self._count_homes(plan, run)
            self._count_targets(plan, run)
            self._count_packets(plan, run)
            self._add_time("compute_ps", run.compute_ps + self._soma_after_stage(plan))
            self._add_time("network_ps", run.network_ps)
            barriers += self._in.n_timesteps
        self.tally.add(CHIP, "sync", "barrier", barriers * trace.n_tokens)
        self._add_time("barrier_ps", barriers * self._in.barrier_ps)

    def _add_time(self, part: str, ps: Ints | int) -> None:
        self.times[part] = self.times[part] + ps

    def _transfer(self, transfer: Transfer) -> int:
        """One transfer step of every token (they are all alike); returns its ps per token."""
        times = self._in.trace.n_tokens * transfer.rounds
        arrays = transfer_arrays(transfer, self._in.placement, self._in.chip)
        taken_ps = self._network.transfer(arrays, transfer.flits, times)
        for edges in transfer.parts:
            self._count_values(transfer, edges, edges.values * times)
        return taken_ps * transfer.rounds

    def _count_values(self, transfer: Transfer, edges: Edges, packets: Ints) -> None:
        """Count value packets, one entry per edge."""
        chip, total = self._in.chip, packets.sum()
        self._traffic(edges.sender, edges.from_core, edges.to_core, packets, transfer.flits)
        self.tally.add(edges.receiver, "axon_in", "lookup", total)
        if transfer.kind == "reduce":
            self.tally.add(edges.receiver, "dendrite", "reduce", total)
        else:
            self.tally.add(edges.receiver, "memory", "write", total * chip.core.dendrite.accumulator_bits)
        self.cores.add("busy_ps", edges.from_core, packets * chip.core.axon_out.packet.latency.value)
        self.cores.add("busy_ps", edges.to_core, packets * receive_ps(transfer.kind, chip))

    def _traffic(self, sender: str, from_core: Ints, to_core: Ints, packets: Ints, flits: int) -> None:
        """Count packets between pairs of cores: the axons that send them and the links they cross."""
        router = self._in.placement.core_router
        links = crossings(router[from_core], router[to_core], self._in.placement, self._in.chip)
        self.tally.add_traffic(sender, packets, flits, links)
        self.packet_hops += int((packets * links.hops).sum())
        self.cores.add("packets_out", from_core, packets)
        self.cores.add("packets_in", to_core, packets)

    def _ops(self) -> Ints:
        """Count the work that no layer does; returns its time per token."""
        trace, chip = self._in.trace, self._in.chip
        works = [op_work(trace.op[op_id], trace, chip) for op_id in self.stage.ops]
        for op_id, work in zip(self.stage.ops, works, strict=True):
            for name, times in work.items():
                component, action = name.split(".")
                self.tally.add(op_id, component, action, times.sum())
            self.spikes += int(work["soma.fire"].sum()) if "soma.fire" in work else 0
        homes = np.array([block.core for block in self._in.placement.of(self.stage.stage_id)], dtype=np.int64)
        taken = vector_ps(works, chip, len(homes), trace.n_tokens)
        self.cores.add("busy_ps", homes, taken.sum())
        return taken

    def _steps(self) -> int:
        """Spike timesteps over all tokens."""
        return self._in.trace.n_tokens * self._in.n_timesteps

    def _count_homes(self, plan: StagePlan, run: SpikeRun) -> None:
        self.spikes += run.spikes
        self.tally.add(self.stage.stage_id, "soma", "update", run.spikes)
        self.tally.add(self.stage.stage_id, "soma", "update_idle", self._steps() * self.stage.width - run.spikes)
        self.tally.add(self.stage.stage_id, "soma", "fire", run.spikes)
        self.cores.add("busy_ps", plan.home_core, run.home_busy_ps)

    def _count_packets(self, plan: StagePlan, run: SpikeRun) -> None:
        flits = flits_per_spike(self._in.trace.encoding, self._in.chip)
        if plan.routes.multicast:
            self.tally.add_traffic(self.stage.stage_id, run.sent, flits, plan.routes.links, plan.routes.entries)
            self.packet_hops += int((run.sent * plan.routes.links.hops).sum())
            self.cores.add("packets_out", plan.home_core, run.sent.sum(axis=1))
            self.cores.add("packets_in", plan.target_core, run.flows.sum(axis=0))
            return
        home, target = np.nonzero(run.flows)
        flows = run.flows[home, target]
        self._traffic(self.stage.stage_id, plan.home_core[home], plan.target_core[target], flows, flits)

    def _count_targets(self, plan: StagePlan, run: SpikeRun) -> None:
        """What the targets did for the packets they received, and the updates of their neurons."""
        packets = run.flows.sum(axis=0)
        idle_steps = self._steps() - run.active_steps
        trace, chip = self._in.trace, self._in.chip
        accumulate = accumulation(trace.encoding, chip)[0]
        served = {
            ("axon_in", "lookup"): packets,
            ("synapse", "word_read"): packets * plan.target_words * fetches(trace, chip) // trace.n_tokens,
            ("synapse", "synop"): packets * plan.target_synops,
            ("dendrite", accumulate): packets * plan.target_synops,
        }
        if self._in.chip.core.soma.every == "timestep":
            served["soma", "update"] = run.active_steps * plan.target_cols
            served["soma", "update_idle"] = idle_steps * plan.target_cols
        for layer_id, blocks in plan.layers.items():
            for (component, action), counts in served.items():
                self.tally.add(layer_id, component, action, counts[blocks].sum())
        synops = packets * plan.target_cols
        self.synops += int(synops.sum())
        self.cores.add("synops", plan.target_core, synops)
        updates_ps = run.active_steps * plan.target_update_ps + idle_steps * plan.target_idle_ps
        self.cores.add("busy_ps", plan.target_core, packets * plan.target_service_ps + updates_ps)

    def _soma_after_stage(self, plan: StagePlan) -> int:
        """Neuron updates of a chip that does them once per stage; returns their ps per token."""
        soma = self._in.chip.core.soma
        if soma.every == "timestep":
            return 0
        n_tokens = self._in.trace.n_tokens
        core_ps = np.zeros(len(plan.targets), np.int64)  # a core updates its blocks one after another
        for layer_id, blocks in plan.layers.items():
            root = np.array([b.row_start == 0 for b in plan.targets[blocks]])  # partial sums are updated at their root
            columns = plan.target_cols[blocks][root]
            taken = ceil_div(columns, soma.lanes) * soma.update.latency.value
            np.add.at(core_ps, plan.target_server[blocks][root], taken)
            self.tally.add(layer_id, "soma", "update", columns.sum() * n_tokens)
            self.cores.add("busy_ps", plan.target_core[blocks][root], taken * n_tokens)
        return int(core_ps.max())

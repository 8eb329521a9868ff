"""Simulates one batch (stages that work at the same time) and collects action counts, core load and times.

A round does not depend on any other: each of its steps starts on an idle network.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.arrays import Ints
from simulator.engine.banks import accumulator_actions
from simulator.engine.batch_result import BatchResult
from simulator.engine.handshake import marker_ps
from simulator.engine.network.links import crossings
from simulator.engine.network.network import Network
from simulator.engine.plan import StagePlan, plan_stages
from simulator.engine.result import CHIP
from simulator.engine.row_fetches import layer_fetches
from simulator.engine.row_service import accumulation
from simulator.engine.schedule import Batch
from simulator.engine.setting import Setting
from simulator.engine.spike_steps import SpikeResult, run_spikes
from simulator.engine.storage_traffic import dram_ps
from simulator.engine.streamed_weights import load_ps, loads
from simulator.engine.suffix_sums import suffix_actions
from simulator.engine.tally import Tally
from simulator.engine.transfer import (
    Transfer,
    plan_transfer,
    receive_ps,
    receive_unit_ps,
    reductions,
    transfers_before_ops,
)
from simulator.engine.vector import op_ps, op_work
from simulator.errors import ConservationError
from simulator.mapping.capacity import ceil_div
from simulator.mapping.flows import Edges
from simulator.mapping.traffic import flits_per_spike
from simulator.trace.trace import PHASES, Trace
from simulator.trace.trace_program import Stage


def simulate_batch(batch: Batch, setting: Setting, network: Network) -> BatchResult:
    """Simulate the stages of a batch at work together; the flits add to ``network``.

    Raises
    ------
    ConservationError
        When the spikes that were sent are not those of the trace.
    """
    stages = _StagesAtWork(batch, setting, network)
    stages.run()
    found = stages.found
    everywhere, packet = np.arange(len(stages.at_work)), setting.chip.core.axon_out.packet
    found.units.work("axon_out", everywhere, found.cores.packets_out * packet.latency.value)
    of_stages = found.total_ps, found.times["network_ps"], found.times["barrier_ps"]
    found.units.active_ps[:, stages.at_work] = np.sum(of_stages, axis=1)[:, None]
    return found


class _StagesAtWork:
    """The stages of a batch, and what they have done so far.

    Attributes
    ----------
    found
        The result under way.
    at_work
        Bool [cores]: those that take part.
    """

    def __init__(self, batch: Batch, setting: Setting, network: Network) -> None:
        self._batch, self._in, self._network = batch, setting, network
        self.found = BatchResult.idle(batch, setting.placement)
        self.at_work = np.zeros(setting.placement.cores_total, np.bool_)
        self._channel_ps = np.zeros(self.found.n_rounds, np.int64)  # each DRAM channel at work for ops
        self._traces: dict[str, Trace] = {}
        self._tallies: dict[str, Tally] = {}  # of each stage: that of the phase of its tokens
        for stage, tokens in zip(batch.stages, batch.tokens.T, strict=True):
            self._traces[stage.stage_id] = _tokens_of(setting.trace, tokens)
            self._tallies[stage.stage_id] = self.found.tally[PHASES[setting.trace.phases[tokens[0]]]]

    def run(self) -> None:
        """Collect values, do the ops, spike, reduce."""
        before = transfers_before_ops(self._batch.stages, self._in.mapped)
        after = reductions(self._batch.stages, self._in.mapped)
        self.found.add_time("transfer_ps", sum(self._transfer(step) for step in before))
        own = [self._ops(stage) for stage in self._batch.stages]
        self.found.add_time("vector_ps", np.max([*own, self._channel_ps], axis=0))
        self.found.add_time("transfer_ps", self._load())
        barriers = sum(step.barriers for step in before + after)
        if spiking := [stage for stage in self._batch.stages if stage.stream is not None]:
            self._spike(spiking)
            barriers += self._in.n_timesteps
        self.found.add_time("transfer_ps", sum(self._transfer(step) for step in after))
        if self._in.chip.sync.kind == "handshake":
            return
        foremost = self._tallies[self._batch.stages[-1].stage_id]
        foremost.add(CHIP, "sync", "barrier", barriers * self._batch.times)
        self.found.add_time("barrier_ps", barriers * self._in.barrier_ps)

    def _load(self) -> Ints:
        """Weights that are streamed, loaded when the first token of a chunk comes; returns the time of each round."""
        bursts, dram = np.zeros(self.found.n_rounds, np.int64), self._in.chip.dram
        if dram is None or not self._in.placement.streamed:
            return bursts
        for stage, tokens in zip(self._batch.stages, self._batch.tokens.T, strict=True):
            for number, of_layer in loads(stage, tokens, self._in.mapped):
                bursts[number] += sum(of_layer.values())
                for layer_id, n in of_layer.items():
                    self._tallies[stage.stage_id].add(layer_id, "dram", "read", n * dram.burst)
        return load_ps(bursts, self._in.mapped)

    def _spike(self, stages: list[Stage]) -> None:
        """Replay the streams of the stages and count what that took."""
        chip, encoding = self._in.chip, self._in.trace.encoding
        plan = plan_stages(stages, self._in.mapped)
        counts = [self._counts(stage) for stage in stages]
        with self._network.standing_for(self._batch.weight):
            run = run_spikes(counts[0] if len(counts) == 1 else np.hstack(counts), plan, encoding, chip, self._network)
        sent = sum(self._spikes(stage, self._batch.sample) for stage in stages)
        if sent != run.spikes:
            raise ConservationError(f"spikes: {run.spikes} were sent, {sent} are in the trace")
        run = run.standing_for(self._batch.weight)
        self.found.spikes += sum(self._count_homes(stage) for stage in stages)
        self.at_work[plan.home_core] = self.at_work[plan.target_core] = True
        self.found.cores.add("busy_ps", plan.home_core, run.home_busy_ps)
        self.found.units.work("soma", plan.home_core, run.home_soma_ps)
        self._count_targets(plan, run)
        servers = np.unique(plan.target_core)
        self.found.cores.add("stall_ps", servers, run.stall_ps[: len(servers)])
        flits = flits_per_spike(encoding, chip)
        for stage in stages:
            self._count_packets(stage, plan, run.sent, run.flows, flits)
            self._count_packets(stage, plan, run.markers, run.marker_flows, 1)
        self.found.markers += int(run.markers.sum())
        self.found.add_time("compute_ps", run.compute_ps + self._soma_after_stage(plan))
        self.found.add_time("network_ps", run.network_ps)

    def _tally_of(self, layer_id: str) -> Tally:
        """Where the counts of a layer that receives spikes go."""
        stage = next(s for s in self._batch.stages if layer_id in s.layers)
        return self._tallies[stage.stage_id]

    def _transfer(self, transfer: Transfer) -> int:
        """One transfer step of every round (they are all alike); returns its ps per round."""
        times = self.found.n_rounds * transfer.rounds
        plan = plan_transfer(transfer, self._in.mapped)
        served_ps, stall_ps = self._network.transfer(plan.packets, times)
        self.found.cores.add("stall_ps", plan.receivers, stall_ps * times)
        for edges in transfer.parts:
            self._count_values(transfer, edges, edges.values * times)
        return max(plan.sent_ps, served_ps) * transfer.rounds

    def _count_values(self, transfer: Transfer, edges: Edges, packets: Ints) -> None:
        """Count value packets, one entry per edge."""
        chip, total, tally = self._in.chip, packets.sum(), self._tallies[edges.stage]
        self._traffic(tally, edges.sender, edges.from_core, edges.to_core, packets, transfer.flits)
        tally.add(edges.receiver, "axon_in", "lookup", total)
        if transfer.kind == "reduce":
            for action in ("reduce", *accumulator_actions(chip)):
                tally.add(edges.receiver, "dendrite", action, total)
        else:
            tally.add(edges.receiver, "memory", "write", total * chip.core.dendrite.accumulator_bits)
        self.found.cores.add("busy_ps", edges.from_core, packets * chip.core.axon_out.packet.latency.value)
        self.at_work[edges.from_core] = self.at_work[edges.to_core] = True
        parts, taken_ps = receive_unit_ps(transfer.kind, chip), receive_ps(transfer.kind, chip)
        self.found.cores.add("busy_ps", edges.to_core, packets * taken_ps)
        self.found.units.lockstep(edges.to_core, parts, taken_ps, packets)

    def _traffic(self, tally: Tally, sender: str, from_core: Ints, to_core: Ints, packets: Ints, flits: int) -> None:
        """Count packets between pairs of cores: the axons that send them and the links they cross."""
        router = self._in.placement.core_router
        links = crossings(router[from_core], router[to_core], self._in.placement)
        tally.add_traffic(sender, packets, flits, links)
        self.found.packet_hops += int((packets * links.hops).sum())
        self.found.cores.add("packets_out", from_core, packets)
        self.found.cores.add("packets_in", to_core, packets)

    def _ops(self, stage: Stage) -> Ints:
        """Count the work that no layer does; returns its time per round."""
        trace, chip = self._traces[stage.stage_id], self._in.chip
        homes = np.array([block.core for block in self._in.placement.of(stage.stage_id)], dtype=np.int64)
        stores = [self._in.stores.get(op_id, "memory") for op_id in stage.ops]
        works = [
            op_work(trace.op_by_id[op_id], trace, chip, store, len(homes))
            for op_id, store in zip(stage.ops, stores, strict=True)
        ]
        for op_id, work in zip(stage.ops, works, strict=True):
            for name, times in work.items():
                component, action = name.split(".")
                self._tallies[stage.stage_id].add(op_id, component, action, times.sum())
            self.found.spikes += int(work["soma.fire"].sum()) if "soma.fire" in work else 0
        channels = self._in.placement.n_chips
        if "dram" in stores:
            self._channel_ps = sum((dram_ps(work, chip, channels) for work in works), self._channel_ps)
        self.at_work[homes] = True
        taken = np.zeros(trace.n_tokens, np.int64)
        for work in works:
            parts = op_ps(work, chip, len(homes), trace.n_tokens)
            of_op = np.maximum(np.max(list(parts.values()), axis=0), dram_ps(work, chip, channels))
            self.found.units.lockstep(homes[:, None], parts, of_op)
            taken += of_op
        self.found.cores.add("busy_ps", homes, taken.sum())
        return taken

    def _counts(self, stage: Stage) -> NDArray[np.integer]:
        """Spike counts of the rounds that are simulated, integer [rounds, n]."""
        assert stage.stream is not None
        return self._traces[stage.stage_id].spike_counts(stage.stream)[self._batch.sample]

    def _spikes(self, stage: Stage, rounds: slice) -> int:
        """Spikes of some rounds; in dense replay every activation is sent."""
        assert stage.stream is not None
        if self._in.chip.replay == "dense":
            return len(self._batch.tokens[rounds]) * stage.width
        return int(self._traces[stage.stage_id].spikes_per_token(stage.stream)[rounds].sum())

    def _steps(self) -> int:
        """Spike timesteps over all rounds."""
        return self.found.n_rounds * self._in.n_timesteps

    def _count_homes(self, stage: Stage) -> int:
        """Count the encoder neurons of a stage; returns its spikes."""
        spikes = self._spikes(stage, slice(None))
        tally = self._tallies[stage.stage_id]
        tally.add(stage.stage_id, "soma", "update", spikes)
        tally.add(stage.stage_id, "soma", "update_idle", self._steps() * stage.width - spikes)
        tally.add(stage.stage_id, "soma", "fire", spikes)
        return spikes

    def _count_packets(self, stage: Stage, plan: StagePlan, sent: Ints, flows: Ints, flits: int) -> None:
        """Count the packets of a stage, ``sent`` [H, S] as ``flows`` [H, G], and the links they cross."""
        homes, tally = plan.stages[stage.stage_id], self._tallies[stage.stage_id]
        if plan.routes.multicast:
            links, entries = plan.routes.links[homes], plan.routes.entries[homes]
            tally.add_traffic(stage.stage_id, sent[homes], flits, links, entries)
            self.found.packet_hops += int((sent[homes] * links.hops).sum())
            self.found.cores.add("packets_out", plan.home_core[homes], sent[homes].sum(axis=1))
            self.found.cores.add("packets_in", plan.target_core, flows[homes].sum(axis=0))
            return
        home, target = np.nonzero(flows[homes])
        cores = plan.home_core[homes][home], plan.target_core[target]
        self._traffic(tally, stage.stage_id, *cores, flows[homes][home, target], flits)

    def _count_targets(self, plan: StagePlan, run: SpikeResult) -> None:
        """What the targets did for the packets they received, and the updates of their neurons."""
        packets, markers = run.flows.sum(axis=0), run.marker_flows.sum(axis=0)
        idle_steps = self._steps() - run.active_steps
        trace, chip = self._in.trace, self._in.chip
        accumulate, row = accumulation(trace.encoding, chip)[0], plan.target_row
        fetched = self._fetches(plan, packets)
        served = {
            ("axon_in", "lookup"): packets + markers,
            ("synapse", "word_read"): fetched * row.words,
            ("synapse", "synop"): packets * row.synops,
        }
        for action in (accumulate, *accumulator_actions(chip)):
            served["dendrite", action] = packets * row.synops
        if self._in.chip.core.soma.every == "timestep":
            served["soma", "update"] = run.active_steps * plan.target_cols
            served["soma", "update_idle"] = idle_steps * plan.target_cols
        if trace.encoding.spec.sums_suffixes and chip.replay == "captured":
            for action, times in suffix_actions(chip).items():
                before = served.get(("dendrite", action), 0)
                served["dendrite", action] = before + times * self._steps() * plan.target_cols
        for layer_id, blocks in plan.layers.items():
            for (component, action), counts in served.items():
                self._tally_of(layer_id).add(layer_id, component, action, counts[blocks].sum())
        synops = packets * plan.target_cols
        self.found.synops += int(synops.sum())
        self.found.cores.add("synops", plan.target_core, synops)
        self.found.cores.add("word_conflicts", plan.target_core, fetched * row.word_conflicts)
        self.found.cores.add("accumulator_conflicts", plan.target_core, packets * row.accumulator_conflicts)
        updates_ps = run.active_steps * plan.target_update_ps + idle_steps * plan.target_idle_ps
        served_ps = packets * row.ps + markers * marker_ps(chip)
        suffixes_ps = self._steps() * plan.target_suffix_ps
        self.found.cores.add("busy_ps", plan.target_core, served_ps + updates_ps + suffixes_ps)
        self.found.units.lockstep(plan.target_core, row.unit_ps, row.ps, packets)
        lookup = {"axon_in": chip.core.axon_in.lookup.latency.value}
        self.found.units.lockstep(plan.target_core, lookup, marker_ps(chip), markers)
        self.found.units.work("soma", plan.target_core, updates_ps)
        self.found.units.work("dendrite", plan.target_core, suffixes_ps)

    def _fetches(self, plan: StagePlan, packets: Ints) -> Ints:
        """Rows that each target reads, int64 [G]: one for each of its ``packets``, or one for those of a tile."""
        if self._in.chip.core.synapse.tile == 1:
            return packets
        fetched = np.zeros_like(packets)
        for stage, tokens in zip(self._batch.stages, self._batch.tokens.T, strict=True):
            for layer_id, rows in layer_fetches(stage, tokens, self._in.mapped):
                fetched[plan.layers[layer_id]] = rows
        return fetched

    def _soma_after_stage(self, plan: StagePlan) -> int:
        """Neuron updates of a chip that does them once per stage; returns their ps per round."""
        soma = self._in.chip.core.soma
        if soma.every == "timestep":
            return 0
        core_ps = np.zeros(len(plan.targets), np.int64)  # a core updates its blocks one after another
        for layer_id, blocks in plan.layers.items():
            root = np.array([b.row_start == 0 for b in plan.targets[blocks]])  # partial sums are updated at their root
            columns = plan.target_cols[blocks][root]
            taken = ceil_div(columns, soma.lanes) * soma.update.latency.value
            np.add.at(core_ps, plan.target_server[blocks][root], taken)
            self._tally_of(layer_id).add(layer_id, "soma", "update", columns.sum() * self.found.n_rounds)
            self.found.cores.add("busy_ps", plan.target_core[blocks][root], taken * self.found.n_rounds)
            self.found.units.work("soma", plan.target_core[blocks][root], taken * self.found.n_rounds)
        return int(core_ps.max())


def _tokens_of(trace: Trace, tokens: Ints) -> Trace:
    """Some of the tokens of a trace; the trace itself, without a copy of its counts, when these are all."""
    return trace if np.array_equal(tokens, np.arange(trace.n_tokens)) else trace.take(tokens)

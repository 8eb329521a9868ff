"""The spikes of one stage: what its cores do for some tokens, counted and timed as if no packet waited for another."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.arrays import Ints
from simulator.engine.banks import accumulator_actions
from simulator.engine.batch_result import Counted
from simulator.engine.handshake import marker_ps
from simulator.engine.network.links import crossings
from simulator.engine.row_fetches import layer_fetches
from simulator.engine.row_service import accumulation
from simulator.engine.setting import Setting
from simulator.engine.spike_steps import CoreSteps, Sent, flows_of, packets_sent, run_alone
from simulator.engine.suffix_sums import suffix_actions
from simulator.engine.tally import Tally
from simulator.engine.token_sample import stand_ins
from simulator.errors import ConservationError
from simulator.mapping.capacity import ceil_div
from simulator.trace.trace import Trace
from simulator.trace.trace_program import Stage


class StageSpikes:
    """The timesteps of one stage in a batch.

    Attributes
    ----------
    stage, plan
        The stage and its plan.
    counts
        Integer [rounds, n]: spike counts of its tokens.
    """

    def __init__(
        self, stage: Stage, tokens: Ints, trace: Trace, setting: Setting, counted: Counted, tally: Tally
    ) -> None:
        """``trace`` has the ``tokens`` of the stage only; what is counted adds to ``counted`` and ``tally``."""
        assert stage.stream is not None
        self.stage, self._tokens, self._in, self._counted, self._tally = stage, tokens, setting, counted, tally
        self.plan = setting.plans.of_stage(stage)
        self.counts: NDArray[np.integer] = trace.spike_counts(stage.stream)

    def run(self) -> Ints:
        """Count everything; returns the time of each run of timesteps, int64 ps [rounds, runs]."""
        chip, encoding, plan, counted = self._in.chip, self._in.trace.encoding, self.plan, self._counted
        steps, spikes = self._alone(), self._spikes(self.counts)
        counted.spikes += spikes
        self._count_homes(spikes, steps)
        sent, marks = packets_sent(self.counts, plan, encoding, chip), self._in.markers(plan) * len(self.counts)
        self._count_packets(sent)
        self._count_packets(Sent(marks, marks, marks))
        counted.markers += int(marks.sum())
        arrived, in_packets, marked = (flows_of(some, plan).sum(axis=0) for some in (sent.spikes, sent.packets, marks))
        self._count_targets(arrived, in_packets, marked, steps.active_steps)
        return steps.step_ps

    def soma_after_stage(self) -> int:
        """Neuron updates of a chip that does them once per stage; returns their ps per round."""
        soma, plan, counted = self._in.chip.core.soma, self.plan, self._counted
        if soma.every == "timestep":
            return 0
        core_ps = np.zeros(len(plan.targets), np.int64)  # a core updates its blocks one after another
        for layer_id, blocks in plan.layers.items():
            root = np.array([b.row_start == 0 for b in plan.targets[blocks]])  # partial sums are updated at their root
            columns = plan.target_cols[blocks][root]
            taken = ceil_div(columns, soma.lanes) * soma.update.latency.value
            np.add.at(core_ps, plan.target_server[blocks][root], taken)
            self._tally.add(layer_id, "soma", "update", columns.sum() * len(self._tokens))
            counted.cores.add("busy_ps", plan.target_core[blocks][root], taken * len(self._tokens))
            counted.units.work("soma", plan.target_core[blocks][root], taken * len(self._tokens))
        return int(core_ps.max(initial=0))

    def _alone(self) -> CoreSteps:
        """What the cores take. In dense replay one token stands for all, which are alike; or a sample does."""
        chip, encoding = self._in.chip, self._in.trace.encoding
        carried = stand_ins(len(self.counts), 1 if chip.replay == "dense" else self._in.cores_sample)
        counts = self.counts if carried.all() else self.counts[carried > 0]
        steps, spikes = run_alone(counts, self.plan, encoding, chip), self._spikes(counts)
        if spikes != steps.spikes:
            raise ConservationError(f"spikes: {steps.spikes} were sent, {spikes} are in the trace")
        return steps.of_all(carried)

    def _spikes(self, counts: NDArray[np.integer]) -> int:
        """Spikes of some tokens; in dense replay every activation is sent."""
        if self._in.chip.replay == "dense":
            return int(counts.size)
        return int(self._in.trace.encoding.spikes_per_count(counts).sum())

    def _steps(self) -> int:
        """Spike timesteps over all rounds."""
        return len(self._tokens) * self._in.n_timesteps

    def _count_homes(self, spikes: int, steps: CoreSteps) -> None:
        """Count the encoder neurons of the stage."""
        stage_id, homes = self.stage.stage_id, self.plan.home_core
        self._tally.add(stage_id, "soma", "update", spikes)
        self._tally.add(stage_id, "soma", "update_idle", self._steps() * self.stage.width - spikes)
        self._tally.add(stage_id, "soma", "fire", spikes)
        self._counted.cores.add("busy_ps", homes, steps.home_busy_ps)
        self._counted.units.work("soma", homes, steps.home_soma_ps)

    def _count_packets(self, sent: Sent) -> None:
        """Count packets and the links they cross."""
        plan, counted, routes = self.plan, self._counted, self.plan.routes
        flows = flows_of(sent.packets, plan)
        if routes.multicast:
            self._tally.add_traffic(self.stage.stage_id, sent.packets, sent.flits, routes.links, routes.entries)
            counted.packet_hops += int((sent.packets * routes.links.hops).sum())
        else:
            home, target = np.nonzero(flows)
            packets, flits = flows[home, target], flows_of(sent.flits, plan)[home, target]
            links = crossings(plan.home_router[home], plan.target_router[target], self._in.placement)
            self._tally.add_traffic(self.stage.stage_id, packets, flits, links)
            counted.packet_hops += int((packets * links.hops).sum())
        out = sent.packets.sum(axis=1)
        counted.cores.add("packets_out", plan.home_core, out)
        counted.units.work("axon_out", plan.home_core, out * self._in.chip.core.axon_out.packet.latency.value)
        counted.cores.add("packets_in", plan.target_core, flows.sum(axis=0))

    def _count_targets(self, spikes: Ints, packets: Ints, marks: Ints, active_steps: Ints) -> None:
        """What the targets did for the spikes they received in packets, int64 [G], and the updates of their neurons."""
        trace, chip, plan = self._in.trace, self._in.chip, self.plan
        idle_steps = self._steps() - active_steps
        row, fetched = plan.target_row, self._fetches(spikes)
        served = {
            ("axon_in", "lookup"): spikes + marks,
            ("synapse", "word_read"): fetched * row.words,
            ("synapse", "synop"): spikes * row.synops,
        }
        for action in (accumulation(trace.encoding, chip)[0], *accumulator_actions(chip)):
            served["dendrite", action] = spikes * row.synops
        if chip.core.soma.every == "timestep":
            served["soma", "update"] = active_steps * plan.target_cols
            served["soma", "update_idle"] = idle_steps * plan.target_cols
        if trace.encoding.spec.sums_suffixes and chip.replay == "captured":
            for action, times in suffix_actions(chip).items():
                before = served.get(("dendrite", action), 0)
                served["dendrite", action] = before + times * self._steps() * plan.target_cols
        for layer_id, blocks in plan.layers.items():
            for (component, action), counts in served.items():
                self._tally.add(layer_id, component, action, counts[blocks].sum())
        updates_ps = active_steps * plan.target_update_ps + idle_steps * plan.target_idle_ps
        self._load_targets(spikes, packets, marks, fetched, updates_ps)

    def _load_targets(self, spikes: Ints, packets: Ints, marks: Ints, fetched: Ints, updates_ps: Ints) -> None:
        """The load of the target cores and their units."""
        chip, plan, cores, units = self._in.chip, self.plan, self._counted.cores, self._counted.units
        row, synops = plan.target_row, spikes * plan.target_cols
        self._counted.synops += int(synops.sum())
        cores.add("synops", plan.target_core, synops)
        cores.add("word_conflicts", plan.target_core, fetched * row.word_conflicts)
        cores.add("accumulator_conflicts", plan.target_core, spikes * row.accumulator_conflicts)
        of_spikes_ps, suffixes_ps = row.served_ps(spikes, packets), self._steps() * plan.target_suffix_ps
        busy_ps = of_spikes_ps + marks * marker_ps(chip) + updates_ps + suffixes_ps
        cores.add("busy_ps", plan.target_core, busy_ps)
        units.lockstep(plan.target_core, {unit: ps * spikes for unit, ps in row.unit_ps.items()}, of_spikes_ps)
        lookup = {"axon_in": chip.core.axon_in.lookup.latency.value}
        units.lockstep(plan.target_core, lookup, marker_ps(chip), marks)
        units.work("soma", plan.target_core, updates_ps)
        units.work("dendrite", plan.target_core, suffixes_ps)

    def _fetches(self, spikes: Ints) -> Ints:
        """Rows that each target reads, int64 [G]: one for each of its ``spikes``, or one for those of a tile."""
        if self._in.chip.core.synapse.tile == 1:
            return spikes
        fetched = np.zeros_like(spikes)
        for layer_id, rows in layer_fetches(self.stage, self._tokens, self._in.mapped):
            fetched[self.plan.layers[layer_id]] = rows
        return fetched

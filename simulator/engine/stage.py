"""Simulates one stage for tokens of one phase: counts, core load, and times that depend on no other stage."""

from __future__ import annotations

import numpy as np

from simulator.arrays import Ints
from simulator.engine.banks import accumulator_actions
from simulator.engine.batch_result import Counted, StageTimes
from simulator.engine.head_fetches import fetches_head, read_once
from simulator.engine.network.links import crossings
from simulator.engine.schedule import StageTask
from simulator.engine.setting import Setting
from simulator.engine.stage_spikes import StageSpikes
from simulator.engine.storage_traffic import dram_ps
from simulator.engine.streamed_weights import loads
from simulator.engine.transfer import Transfer, receive_ps, receive_unit_ps, reductions, transfers_before_ops
from simulator.engine.vector import op_ps, op_work
from simulator.mapping.flows import Edges
from simulator.mapping.packet_format import value_packets
from simulator.trace.trace import PHASES, Trace


def simulate_stage(task: StageTask, setting: Setting, counted: Counted) -> StageTimes:
    """Everything that a stage does for its tokens but to share the network; adds to ``counted``.

    Raises
    ------
    ConservationError
        When the spikes that were sent are not those of the trace.
    """
    return _StageWork(task, setting, counted).run()


class _StageWork:
    """A stage, and what it has done so far.

    Attributes
    ----------
    counted
        What has been counted.
    at_work
        Bool [cores]: those that take part.
    """

    def __init__(self, task: StageTask, setting: Setting, counted: Counted) -> None:
        self._stage, self._tokens, self._in = task.stage, task.tokens, setting
        self._trace = _tokens_of(setting.trace, task.tokens)
        self.counted = counted
        self._tally = self.counted.tally[PHASES[setting.trace.phases[task.tokens[0]]]]
        self.at_work = np.zeros(setting.placement.cores_total, np.bool_)
        self._channel_ps = np.zeros(len(task.tokens), np.int64)

    def run(self) -> StageTimes:
        """Collect values, do the ops, spike, reduce."""
        before, after = transfers_before_ops([self._stage], self._in.mapped), reductions([self._stage], self._in.mapped)
        for transfer in before:
            self._transfer(transfer)
        vector_ps, bursts = self._ops(), self._load()
        step_ps, soma_ps = np.zeros((len(self._tokens), 0), np.int64), 0
        if self._stage.stream is not None:
            spikes = StageSpikes(self._stage, self._tokens, self._trace, self._in, self.counted, self._tally)
            step_ps, soma_ps = spikes.run(), spikes.soma_after_stage()
            self.at_work[spikes.plan.home_core] = self.at_work[spikes.plan.target_core] = True
        for transfer in after:
            self._transfer(transfer)
        cores = np.flatnonzero(self.at_work)
        return StageTimes(self._tokens, step_ps, vector_ps, soma_ps, self._channel_ps, bursts, cores)

    def _load(self) -> Ints:
        """Count weights that are streamed when the first token of a chunk comes; returns bursts, int64 [tokens]."""
        bursts, dram = np.zeros(len(self._tokens), np.int64), self._in.chip.dram
        if dram is None or not self._in.placement.streamed:
            return bursts
        for number, of_layer in loads(self._stage, self._tokens, self._in.mapped):
            bursts[number] += sum(of_layer.values())
            for layer_id, n in of_layer.items():
                self._tally.add(layer_id, "dram", "read", n * dram.burst)
        return bursts

    def _transfer(self, transfer: Transfer) -> None:
        """Count the value packets of a transfer for all tokens."""
        for edges in transfer.parts:
            times = len(self._tokens) * transfer.rounds
            packets = value_packets(edges.values, transfer.kind, self._in.chip) * times
            self._count_values(transfer, edges, packets, int(edges.values.sum()) * times)

    def _count_values(self, transfer: Transfer, edges: Edges, packets: Ints, values: int) -> None:
        """Count value packets, one entry per edge, and the values in all of them."""
        chip, cores = self._in.chip, self.counted.cores
        router = self._in.placement.core_router
        links = crossings(router[edges.from_core], router[edges.to_core], self._in.placement)
        self._tally.add_traffic(edges.sender, packets, packets * transfer.flits, links)
        self.counted.packet_hops += int((packets * links.hops).sum())
        cores.add("packets_out", edges.from_core, packets)
        cores.add("packets_in", edges.to_core, packets)
        self._tally.add(edges.receiver, "axon_in", "lookup", packets.sum())
        if transfer.kind == "reduce":
            for action in ("reduce", *accumulator_actions(chip)):
                self._tally.add(edges.receiver, "dendrite", action, values)
        else:
            self._tally.add(edges.receiver, "memory", "write", values * chip.core.dendrite.accumulator_bits)
        sent_ps = packets * chip.core.axon_out.packet.latency.value
        cores.add("busy_ps", edges.from_core, sent_ps)
        self.counted.units.work("axon_out", edges.from_core, sent_ps)
        self.at_work[edges.from_core] = self.at_work[edges.to_core] = True
        parts, taken_ps = receive_unit_ps(transfer.kind, chip), receive_ps(transfer.kind, chip)
        cores.add("busy_ps", edges.to_core, packets * taken_ps)
        self.counted.units.lockstep(edges.to_core, parts, taken_ps, packets)

    def _ops(self) -> Ints:
        """Count the work that no layer does; returns its time for each token."""
        trace, chip, stage = self._trace, self._in.chip, self._stage
        homes = np.array([block.core for block in self._in.placement.of(stage.stage_id)], dtype=np.int64)
        stores = [self._in.stores.get(op_id, "memory") for op_id in stage.ops]
        fetches = fetches_head(stage, self._in.trace, chip.schedule)[self._tokens]
        works = [
            read_once(op, store, op_work(op, trace, chip, store, len(homes)), fetches)
            for op, store in zip((trace.op_by_id[op_id] for op_id in stage.ops), stores, strict=True)
        ]
        for op_id, work in zip(stage.ops, works, strict=True):
            for name, times in work.items():
                component, action = name.split(".")
                self._tally.add(op_id, component, action, times.sum())
            self.counted.spikes += int(work["soma.fire"].sum()) if "soma.fire" in work else 0
        channels = self._in.placement.n_chips
        self._channel_ps = sum((dram_ps(work, chip, channels) for work in works), np.zeros(trace.n_tokens, np.int64))
        self.at_work[homes] = True
        taken = np.zeros(trace.n_tokens, np.int64)
        for work in works:
            parts = op_ps(work, chip, len(homes), trace.n_tokens)
            of_op = np.maximum(np.max(list(parts.values()), axis=0), dram_ps(work, chip, channels))
            self.counted.units.lockstep(homes[:, None], parts, of_op)
            taken += of_op
        self.counted.cores.add("busy_ps", homes, taken.sum())
        return taken


def _tokens_of(trace: Trace, tokens: Ints) -> Trace:
    """Some of the tokens of a trace; the trace itself, without a copy of its counts, when these are all."""
    return trace if np.array_equal(tokens, np.arange(trace.n_tokens)) else trace.take(tokens)

"""Rounds of stages at work together: what they take as a whole, and the network that they share.

A round does not depend on any other: each of its steps starts on an idle network.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from simulator.arrays import Ints
from simulator.engine.batch_result import BatchResult, Counted, StageTimes
from simulator.engine.network.network import Network
from simulator.engine.plans import ValueStep
from simulator.engine.result import CHIP
from simulator.engine.schedule import Batch
from simulator.engine.setting import Setting
from simulator.engine.spike_steps import packets_sent, run_networked
from simulator.engine.streamed_weights import load_ps
from simulator.errors import ConservationError
from simulator.trace.trace import PHASES


def simulate_rounds(
    batch: Batch, of_stages: Sequence[StageTimes], setting: Setting, network: Network, counted: Counted
) -> BatchResult:
    """The times of a batch; ``of_stages`` is what each of its stages takes. Flits add to ``network``.

    Raises
    ------
    ConservationError
        When the packets that the network took are not those of the trace.
    """
    rounds = _Rounds(batch, of_stages, setting, network, counted)
    rounds.run()
    found = rounds.found
    parts = {name: int((found.times[name] + batch.carried * found.sampled[name]).sum()) for name in found.times}
    whole = 0 if batch.overlapping else sum(parts.values())
    counted.units.active(found.cores, whole, parts["network_ps"], parts["barrier_ps"])
    return found


class _Rounds:
    """The rounds of a batch, and how long they have taken so far."""

    def __init__(
        self, batch: Batch, of_stages: Sequence[StageTimes], setting: Setting, network: Network, counted: Counted
    ) -> None:
        self._batch, self._of, self._in, self._network = batch, of_stages, setting, network
        self._at = [stage.at(tokens) for stage, tokens in zip(of_stages, batch.tokens.T, strict=True)]
        self.found = BatchResult.idle(batch, counted, np.unique(np.concatenate([of.cores for of in of_stages])))

    def run(self) -> None:
        """Collect values, do the ops, spike, reduce."""
        stages, times = self._batch.stages, self.found.times
        if self._batch.carried.any():
            for step in self._in.plans.values(stages, self._network.carry_values):
                self._transfer(step)
        times["vector_ps"] = np.max([*(of.vector_ps[at] for of, at in self._places()), self._channel_ps()], axis=0)
        bursts = np.sum([of.bursts[at] for of, at in self._places()], axis=0)
        times["transfer_ps"] = times["transfer_ps"] + load_ps(bursts, self._in.mapped)
        spiking = [place for place, stage in enumerate(stages) if stage.stream is not None]
        if spiking:
            self._spike(spiking)
        if self._in.chip.sync.kind == "handshake":
            return
        barriers = self._in.plans.value_barriers(stages) + (self._in.n_timesteps if spiking else 0)
        foremost = PHASES[self._in.trace.phases[self._batch.tokens[0, -1]]]
        self.found.counted.tally[foremost].add(CHIP, "sync", "barrier", barriers * self.found.n_rounds)
        times["barrier_ps"] = np.full(self.found.n_rounds, barriers * self._in.barrier_ps)

    def _places(self) -> list[tuple[StageTimes, Ints]]:
        """What each stage takes, and where its tokens are in that."""
        return list(zip(self._of, self._at, strict=True))

    def _channel_ps(self) -> Ints:
        """Time of each DRAM channel for the ops of all stages, int64 [rounds]."""
        total: Ints = np.sum([of.channel_ps[at] for of, at in self._places()], axis=0)
        return total

    def _transfer(self, step: ValueStep) -> None:
        """One transfer step of the rounds whose network is simulated (they are all alike)."""
        carried, rounds = self._batch.carried, step.transfer.rounds
        times, stands_for = int((carried > 0).sum()) * rounds, int(carried.sum()) * rounds
        self._network.count_values(step.carried, times, stands_for)
        self.found.counted.cores.add("stall_ps", step.plan.receivers, step.carried.stall_ps * stands_for)
        taken = max(step.plan.sent_ps, step.carried.taken_ps) * rounds
        self.found.sampled["transfer_ps"] = self.found.sampled["transfer_ps"] + taken * (carried > 0)

    def _spike(self, spiking: list[int]) -> None:
        """The timesteps of the stages at these places, alone and with their network."""
        step_ps = np.maximum.reduce([self._of[place].step_ps[self._at[place]] for place in spiking])
        compute_ps = step_ps.sum(axis=1)
        self.found.sampled["network_ps"] = self._network_ps(spiking, compute_ps)
        self.found.times["compute_ps"] = compute_ps + max(self._of[place].soma_ps for place in spiking)

    def _network_ps(self, spiking: list[int], compute_ps: Ints) -> Ints:
        """What the network adds to each round whose network is simulated, int64 [rounds]; 0 for the others."""
        carried = self._batch.carried
        added = np.zeros_like(compute_ps)
        for weight in np.unique(carried[carried > 0]).tolist():
            some = carried == weight
            with self._network.standing_for(weight):
                added[some] = self._networked(spiking, some, weight) - compute_ps[some]
        if self._in.cores_sample is not None:
            added = np.maximum(added, 0)  # the tokens that stand for these on the cores may take longer
        return added

    def _networked(self, spiking: list[int], some: NDArray[np.bool_], weight: int) -> Ints:
        """Time of all timesteps of ``some`` rounds with the network, int64 [rounds]; each stands for ``weight``."""
        chip, trace, tokens = self._in.chip, self._in.trace, self._batch.tokens[some]
        stages = [self._batch.stages[place] for place in spiking]
        plan = self._in.plans.of_stages(stages)
        streams = [(stage.stream, tokens[:, place]) for stage, place in zip(stages, spiking, strict=True)]
        counts = np.hstack([trace.spike_counts(stream)[of] for stream, of in streams if stream is not None])
        run = run_networked(counts, plan, trace.encoding, chip, self._network)
        if not np.array_equal(run.sent, packets_sent(counts, plan, trace.encoding, chip).packets):
            raise ConservationError("packets: those that the network took are not those of the trace")
        servers = np.unique(plan.target_core)
        self.found.counted.cores.add("stall_ps", servers, weight * run.stall_ps[: len(servers)])
        return run.total_ps

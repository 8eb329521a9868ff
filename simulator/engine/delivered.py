"""What the spikes that the network delivers add up to: the sums of sampled neurons, spike by spike."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.arrays import Ints
from simulator.engine.kernels.stage_records import Events
from simulator.engine.network.network import Network
from simulator.engine.plan import StagePlan, plan_stages
from simulator.engine.spike_steps import run_networked
from simulator.errors import SpikewattError
from simulator.mapping.mapped import Mapped
from simulator.trace.trace import Trace
from simulator.trace.trace_program import Stage

DELIVERIES_MAX = 20_000_000  # each is a record of 88 bytes


def deliveries(stage: Stage, mapped: Mapped) -> tuple[StagePlan, Events]:
    """The plan of a stage, and every packet that reaches one of its targets (`stage_records.EVENT`).

    Raises
    ------
    SpikewattError
        When there may be more than `DELIVERIES_MAX`.
    """
    assert stage.stream is not None
    trace, chip = mapped.trace, mapped.chip
    plan = plan_stages([stage], mapped, deduplicate=False)
    targets_of_row = np.diff(plan.segment_ptr)[plan.segment_of_row]
    spikes = trace.encoding.spikes_per_count(trace.spike_counts(stage.stream)).sum(axis=0)
    most = int((spikes * targets_of_row).sum())
    if most > DELIVERIES_MAX:
        raise SpikewattError(
            f"{trace.where}: stage {stage.stage_id}: {most} deliveries, limit {DELIVERIES_MAX}"
            f" ({most - DELIVERIES_MAX} over); verify fewer tokens"
        )
    run = run_networked(
        trace.spike_counts(stage.stream), plan, trace.encoding, chip, Network(mapped.placement, chip), n_events=most
    )
    return plan, run.events


def delivered_sums(
    layer_id: str, events: Events, plan: StagePlan, stage: Stage, trace: Trace, weights: NDArray[np.int8], neurons: Ints
) -> Ints:
    """Sums of sampled ``neurons`` of a layer, int64 [tokens, neurons]: one weight added for each spike delivered.

    ``weights`` are int8 [n_in, neurons]. A spike of timestep t counts with its sign and the weight of t.
    """
    assert stage.stream is not None
    counts, encoding = trace.spike_counts(stage.stream), trace.encoding
    sums = np.zeros((trace.n_tokens, len(neurons)), np.int64)
    trains = np.stack([encoding.spikes_in_timestep(counts, t) for t in range(encoding.n_timesteps)])
    factor = np.array([encoding.timestep_weight(t) for t in range(encoding.n_timesteps)], np.int64)
    for number in range(plan.layers[layer_id].start, plan.layers[layer_id].stop):
        block = plan.targets[number]
        here = np.flatnonzero((block.col_start <= neurons) & (neurons < block.col_stop))
        token, timestep, row = _spikes_of(events[events["target"] == number], trains)
        value = trains[timestep, token, row] * factor[timestep]
        for column in here:
            np.add.at(sums[:, column], token, value * weights[row, column])
    return sums


def _spikes_of(packets: Events, trains: NDArray[np.int16]) -> tuple[Ints, Ints, Ints]:
    """Token, timestep and row of each spike in ``packets``: as many as a packet has, from its first row on.

    ``trains`` are int16 [T, tokens, n], what every activation sends.
    """
    _, n_tokens, n_rows = trains.shape
    fired = np.flatnonzero(trains)
    first = (packets["timestep"] * n_tokens + packets["token"]) * n_rows + packets["row"]
    ends = np.cumsum(packets["spikes"])
    within = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - packets["spikes"], packets["spikes"])
    at = fired[np.repeat(np.searchsorted(fired, first), packets["spikes"]) + within]
    return at // n_rows % n_tokens, at // (n_rows * n_tokens), at % n_rows

"""How many packets and flits the spikes of a stage make on average under each width (`mapping.packet_format`)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from simulator.config.chip import ChipConfig
from simulator.mapper.candidate_arrays import wide
from simulator.mapper.candidates import Candidates
from simulator.mapper.stage_work import Floats, StageWork
from simulator.mapping.packet_format import flits_per_spike, gathered_packets

# Gauss-Hermite rule of three points: nodes in standard deviations, and their weights.
NODES = np.array([-(3**0.5), 0.0, 3**0.5])
SHARES = np.array([1, 4, 1]) / 6


class Packing(NamedTuple):
    """float64, broadcast against [C, N, T].

    Attributes
    ----------
    packets, flits
        Packets of a spike, and its flits over those of a packet of its own; both 1 where nothing is gathered.
    held
        Share of the walk of a home core after which its first packet leaves; 0 where nothing is gathered.
    late
        Share of its packets that leave after the walk.
    """

    packets: Floats
    flits: Floats
    held: Floats
    late: Floats

    def of_a_token(self, spikes: Floats) -> tuple[Floats, Floats]:
        """Packets and flits of all spikes of a token, [C] each; ``spikes`` [1, T] are the mean of the tokens."""
        packets: Floats = (spikes * self.packets).mean(axis=1).sum(axis=1)
        flits: Floats = (spikes * self.flits).mean(axis=1).sum(axis=1)
        return packets, flits


def packing(work: StageWork, some: Candidates, spikes: Floats, chip: ChipConfig) -> Packing:
    """Means for ``spikes`` [N, T] in each timestep, which spread evenly over runs of neurons with the same targets.

    The spikes of a run vary as if its neurons fired one by one at random (binomial).
    """
    form, one = chip.noc.packet, np.ones((1, 1, 1))
    if not form.gathers or not work.layers:
        return Packing(one, one, one - 1, one - 1)
    parts = some.row_parts.max(axis=1)
    runs = some.homes + parts - np.gcd(some.homes, parts)
    of_run = np.maximum(spikes / wide(runs), 1e-9)
    packets, flits = np.empty(of_run.shape), np.empty(of_run.shape)
    for n in np.unique(runs).tolist():
        at = runs == n
        packets[at], flits[at] = _of_runs(of_run[at], -(-work.stage.width // n), work, chip)
    alone = flits_per_spike(work.trace.encoding, chip)
    of_home = wide(some.homes / runs)
    held = of_home * (one if form.bitmap else np.minimum(form.spikes / of_run, 1.0))
    return Packing(packets / of_run, flits / (of_run * alone), held, of_home * form.bitmap)


def _of_runs(spikes: Floats, neurons: int, work: StageWork, chip: ChipConfig) -> tuple[Floats, Floats]:
    """Mean packets and flits of runs of so many ``neurons``, of which ``spikes`` fire on average."""
    numbers = np.arange(neurons + 1)
    sizes = gathered_packets(numbers, np.full_like(numbers, neurons), work.trace.encoding, chip)
    deviation = np.sqrt(spikes * np.maximum(1 - spikes / neurons, 0))
    at = spikes[..., None] + deviation[..., None] * NODES
    packets, flits = (np.interp(at, numbers, size) @ SHARES for size in sizes)
    return packets, flits

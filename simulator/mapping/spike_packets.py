"""Packets of spikes that home cores send, from the counts of a trace alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.arrays import Ints
from simulator.config.chip import ChipConfig
from simulator.mapping.packet_format import flits_per_spike, gathered_packets
from simulator.trace.encoding import Encoding


@dataclass(frozen=True)
class SpikePackets:
    """Spikes, packets and their flits to one receiver, over tokens and timesteps.

    Attributes
    ----------
    spikes, packets, flits
        int64 [n]: those of each neuron; packets of neurons with the same targets stand at the first of them.
    """

    spikes: Ints
    packets: Ints
    flits: Ints


def spike_packets(counts: NDArray[np.integer], edges: Ints, encoding: Encoding, chip: ChipConfig) -> SpikePackets:
    """Packets for ``counts`` [tokens, n]; ``edges`` are the first neurons of home cores and of new targets, from 0."""
    if not chip.noc.packet.gathers:
        spikes = spikes_of_row(counts, encoding, chip).sum(axis=0, dtype=np.int64)
        return SpikePackets(spikes, spikes, spikes * flits_per_spike(encoding, chip))
    found = SpikePackets(*(np.zeros(counts.shape[1], np.int64) for _ in range(3)))
    neurons = np.diff(edges, append=counts.shape[1])
    for fired in _fired(counts, encoding, chip):
        of_runs = np.add.reduceat(fired, edges, axis=1, dtype=np.int64)
        packets, flits = gathered_packets(of_runs, neurons, encoding, chip)
        found.spikes[:] += fired.sum(axis=0)
        found.packets[edges] += packets.sum(axis=0)
        found.flits[edges] += flits.sum(axis=0)
    return found


def spikes_of_row(counts: NDArray[np.integer], encoding: Encoding, chip: ChipConfig) -> NDArray[np.integer]:
    """Spikes that each neuron sends for each token, [tokens, n]."""
    return encoding.spikes_per_count(counts) if chip.replay == "captured" else np.ones_like(counts)


def _fired(counts: NDArray[np.integer], encoding: Encoding, chip: ChipConfig) -> list[NDArray[np.bool_]]:
    """Whether each neuron sends in each timestep, [tokens, n] each; looked up by count, which is an order faster."""
    if chip.replay == "dense":
        return [np.ones(counts.shape, np.bool_)]
    low, high = int(counts.min(initial=0)), int(counts.max(initial=0))
    sends = encoding.trains(np.arange(low, high + 1)) != 0
    place = counts.astype(np.intp) - low
    return [of_count[place] for of_count in sends]

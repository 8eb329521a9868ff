"""Timesteps without barriers: the markers that home cores send, and the room that all timesteps of a token take."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.arrays import Ints
from simulator.config.chip import ChipConfig
from simulator.engine.kernels.stage_records import Scratch, scratch
from simulator.engine.plan import StagePlan


def marker_ps(chip: ChipConfig) -> int:
    """Time a target core takes for a marker: it is looked up, and that is all."""
    return chip.core.axon_in.lookup.latency.value + chip.core.overhead.value


def markers(plan: StagePlan, n_timesteps: int) -> Ints:
    """Packets of markers of each home core to each segment that it has rows of, for one token, int64 [H, S]."""
    targets = np.diff(plan.segment_ptr)
    copies = np.minimum(targets, 1) if plan.routes.multicast else targets
    return n_timesteps * _feeds(plan) * copies


def work_space(plan: StagePlan, spikes_of_row: NDArray[np.integer], marks: Ints, chip: ChipConfig) -> Scratch:
    """Room for the packets and for the deliveries of the token with the most of them, if each has one spike.

    ``spikes_of_row`` is [tokens, n], ``marks`` int64 [H, S] of one token.
    """
    targets, members = np.diff(plan.segment_ptr), np.diff(plan.with_network.segment_ptr)
    copies = np.minimum(targets, 1) if plan.routes.multicast else targets
    spikes = spikes_of_row.astype(np.int64)
    packets = int((spikes @ copies[plan.segment_of_row]).max(initial=0) + marks.sum())
    per_packet = members if plan.routes.multicast else np.minimum(targets, 1)
    delivered = int((spikes @ members[plan.segment_of_row]).max(initial=0) + (marks @ per_packet).sum())
    return scratch(packets, log_rows=delivered, deliveries=delivered, gathers=chip.noc.packet.gathers)


def work_alone(plan: StagePlan, spikes_of_row: NDArray[np.integer], n_timesteps: int, chip: ChipConfig) -> Scratch:
    """Room for the packets of the token with the most of them to the targets that are simulated without a network."""
    targets = np.diff(plan.without_network.segment_ptr)
    copies = np.minimum(targets, 1) if plan.routes.multicast else targets
    marks = n_timesteps * int((_feeds(plan) * copies).sum())
    packets = int((spikes_of_row.astype(np.int64) @ copies[plan.segment_of_row]).max(initial=0))
    return scratch(packets + marks, gathers=chip.noc.packet.gathers)


def _feeds(plan: StagePlan) -> Ints:
    """1 where a home core encodes rows of a segment, int64 [H, S]."""
    segments = np.arange(len(plan.segment_ptr) - 1)
    first = np.searchsorted(plan.segment_of_row, segments)
    last = np.searchsorted(plan.segment_of_row, segments, side="right")
    overlap = np.minimum(last, plan.home_stop[:, None]) - np.maximum(first, plan.home_start[:, None])
    return (overlap > 0).astype(np.int64)

"""Compile the engine's kernels before a simulation, so that compile time is reported apart from simulation time."""

from __future__ import annotations

import time
from functools import cache

import numpy as np

from simulator.choices import NetworkModel, SyncKind
from simulator.engine.kernels.network_records import NO_NODES
from simulator.engine.kernels.stage_records import (
    EVENT,
    Homes,
    Paths,
    Receivers,
    Senders,
    Soma,
    StageArrays,
    StageTotals,
    Targets,
    scratch,
)
from simulator.engine.kernels.timesteps import run_timesteps
from simulator.engine.kernels.value_transfer import ValuePackets, run_transfer
from simulator.engine.network.shape import Mesh, Router, RouterFamily, network_arrays


@cache
def warm_up(sync: SyncKind = "barrier", family: RouterFamily = "P", model: NetworkModel = "cycle") -> float:
    """Run the kernels that a chip needs once on one neuron, one router and one packet; returns the seconds it took.

    Kernels are compiled for a kind of synchronization and for a model of the network; P, N and R share one. Each
    combination is run once a process.
    """
    started = time.perf_counter()
    network = network_arrays(Mesh(1, 1), Router(family, 1), model)
    zero, one = np.zeros(1, np.int64), np.ones(1, np.int64)
    counts, marker_ps = np.ones((1, 1), np.int32), 1 if sync == "handshake" else None
    run_timesteps(counts, _one_neuron(), network, marker_ps, scratch(2, log_rows=2, deliveries=2), _totals())
    run_transfer(ValuePackets(zero, zero, zero, one, zero, one), 1, network, zero.copy())
    return time.perf_counter() - started


def _one_neuron() -> StageArrays:
    """A neuron that sends its spikes to a target on its own router."""
    zero, one, ptr = np.zeros(1, np.int64), np.ones(1, np.int64), np.array([0, 1], np.int64)
    senders = Senders(1, 0, Soma(1, 1, 1, 1), 1, Homes(zero, one, zero), zero, 1)
    receivers = Receivers(ptr, zero, Targets(zero, one, zero, zero))
    paths = Paths(NO_NODES, np.zeros((1, 1), np.int64), zero, zero, zero, one)
    return StageArrays(senders, 1, receivers, receivers, paths)


def _totals() -> StageTotals:
    """Nothing done yet."""
    compute, network, busy, soma, active, stall = (np.zeros(1, np.int64) for _ in range(6))
    events = np.zeros(0, EVENT).view(np.recarray)
    return StageTotals(compute, network, busy, soma, np.zeros((1, 1), np.int64), active, stall, events)

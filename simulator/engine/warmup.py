"""Compile the engine's kernels before a simulation, so that compile time is reported apart from simulation time."""

from __future__ import annotations

import time
from functools import cache
from typing import Literal, get_args

import numpy as np

from simulator.choices import NetworkModel, SyncKind
from simulator.config.chip import ChipConfig
from simulator.engine.kernels.compiled_kinds import is_compiled, note_compiled
from simulator.engine.kernels.network_records import NO_NODES
from simulator.engine.kernels.stage_records import (
    EVENT,
    CoreTotals,
    Homes,
    HomeTotals,
    NetworkTotals,
    PacketForm,
    Paths,
    Receivers,
    Senders,
    Soma,
    StageArrays,
    Targets,
    scratch,
)
from simulator.engine.kernels.timesteps import run_cores, run_network
from simulator.engine.kernels.value_transfer import ValuePackets, run_transfer
from simulator.engine.network.shape import Mesh, Router, RouterFamily, network_arrays

MODELS: tuple[tuple[RouterFamily, NetworkModel], ...] = (("P", "cycle"), ("V", "cycle"), ("P", "estimate"))

_LOADED: set[str] = set()  # kinds of chips whose kernels are in this process


def warm_up(chip: ChipConfig) -> float:
    """Compile the kernels that ``chip`` needs; returns the seconds it took, once for each kind of chip in a process.

    Kernels are compiled for a kind of synchronization and a model of the network: one for the routers P, N and R, one
    for V, one for the closed forms.
    """
    return _warm_up(*_kind(chip))


def kernels_of(chip: ChipConfig) -> Literal["loaded", "begun", "cached", "missing"]:
    """Whether the kernels that ``chip`` needs are in this process, in the cache of an earlier one, or in none.

    ``begun``: in the cache, and some kernel is in this process. The mapper carries values with one of them.
    """
    kind = "-".join(_kind(chip))
    if kind in _LOADED:
        return "loaded"
    if not is_compiled(kind):
        return "missing"
    begun = bool(_LOADED) or bool(getattr(run_transfer, "signatures", None))
    return "begun" if begun else "cached"


def warm_up_all() -> float:
    """Compile the kernels of every kind of chip; returns the seconds it took."""
    return sum(_warm_up(sync, *model) for model in MODELS for sync in get_args(SyncKind))


def _kind(chip: ChipConfig) -> tuple[SyncKind, RouterFamily, NetworkModel]:
    """What decides which kernels a chip needs."""
    if chip.noc.model != "cycle":
        return chip.sync.kind, "P", "estimate"
    return chip.sync.kind, "V" if chip.noc.router == "V" else "P", "cycle"


@cache
def _warm_up(sync: SyncKind, family: RouterFamily, model: NetworkModel) -> float:
    """Run the kernels once on one neuron, one router and one packet."""
    started = time.perf_counter()
    network = network_arrays(Mesh(1, 1), Router(family, 1), model)
    zero, one = np.zeros(1, np.int64), np.ones(1, np.int64)
    counts, marker_ps = np.ones((1, 1), np.int32), 1 if sync == "handshake" else None
    run_cores(
        counts, _one_neuron(), marker_ps, scratch(2), CoreTotals(np.zeros((1, 1), np.int64), _homes(), zero.copy())
    )
    run_network(counts, _one_neuron(), network, marker_ps, scratch(2, log_rows=2, deliveries=2), _totals())
    run_transfer(ValuePackets(zero, zero, zero, one, zero, one), 1, network, zero.copy())
    kind = "-".join((sync, family, model))
    _LOADED.add(kind)
    note_compiled(kind)
    return time.perf_counter() - started


def _one_neuron() -> StageArrays:
    """A neuron that sends its spikes to a target on its own router."""
    zero, one, ptr = np.zeros(1, np.int64), np.ones(1, np.int64), np.array([0, 1], np.int64)
    form = PacketForm(False, 1, False, 0, 0, 0, 1)
    senders = Senders(1, 0, Soma(1, 1, 1, 1), 1, Homes(zero, one, zero), zero, 1, form)
    receivers = Receivers(ptr, zero, zero, one, Targets(zero, one, zero, zero))
    paths = Paths(NO_NODES, np.zeros((1, 1), np.int64), zero, zero, zero, one)
    return StageArrays(senders, 1, 0, receivers, receivers, paths)


def _totals() -> NetworkTotals:
    """Nothing done yet."""
    events = np.zeros(0, EVENT).view(np.recarray)
    return NetworkTotals(np.zeros(1, np.int64), _homes(), np.zeros((1, 1), np.int64), np.zeros(1, np.int64), events)


def _homes() -> HomeTotals:
    return HomeTotals(np.zeros(1, np.int64), np.zeros(1, np.int64))

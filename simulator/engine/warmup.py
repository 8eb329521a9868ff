"""Compile the engine's kernels before a simulation, so that compile time is told apart from simulation time."""

from __future__ import annotations

import time
from functools import cache

import numpy as np

from simulator.engine.kernels.carry import CYCLE
from simulator.engine.kernels.closed_form_workspace import closed_workspace
from simulator.engine.kernels.core_service import LOG_FIELDS
from simulator.engine.kernels.handshake_timesteps import run_handshake
from simulator.engine.kernels.mesh_vc_workspace import noc_workspace_vc
from simulator.engine.kernels.mesh_workspace import noc_workspace
from simulator.engine.kernels.timesteps import Out, run_timesteps
from simulator.engine.kernels.value_transfer import run_transfer
from simulator.engine.network.trees import NO_NODES
from simulator.engine.scratch import scratch


@cache
def warm_up(handshake: bool = True) -> float:
    """Run every kernel once on one neuron, one router and one packet; returns the seconds it took, once a process.

    Without ``handshake`` the kernel that no barrier closes is left out, which chips with barriers never run.
    """
    started = time.perf_counter()
    zero, one = np.zeros(1, np.int64), np.ones(1, np.int64)
    ptr, targets = np.array([0, 1], np.int64), (zero, one, zero, zero)
    workspaces = (noc_workspace(1, 1, 1), noc_workspace_vc(1, 1, 1), closed_workspace(1, 1, 1))
    events = np.zeros((0, 9), np.int64)
    network = (np.zeros(5, np.int64), np.zeros(5, np.int64), CYCLE, *workspaces, 0, np.zeros(0, np.int64))

    def out() -> Out:
        sent = np.zeros((1, 1), np.int64)
        return zero.copy(), zero.copy(), np.zeros((1, 2), np.int64), sent, zero.copy(), zero.copy(), events

    counts = np.ones((1, 1), np.int32)
    routes = (NO_NODES, np.zeros((1, 1), np.int64), zero, zero, zero, one)
    segments, alone = (zero, ptr, zero), (ptr, zero, targets)
    arguments = (counts, 1, 0, (1, 1, 1, 1), 1, 1, (zero, one, zero), segments, targets, alone, routes, network)
    run_timesteps(*arguments, scratch(1), out())
    if handshake:
        run_handshake(*arguments, 1, scratch(2), np.empty((2, LOG_FIELDS), np.int64), out())
    run_transfer(zero, zero, zero, zero, one, 1, one, network, zero.copy())
    return time.perf_counter() - started

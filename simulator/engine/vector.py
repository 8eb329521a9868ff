"""The work of ops: what a chip does of each action, and how long it takes on the home cores of their stage."""

from __future__ import annotations

import numpy as np

from simulator.actions import ACTIONS, record_at
from simulator.arrays import Ints
from simulator.config.chip import ChipConfig
from simulator.config.provenance import Action
from simulator.engine.picoseconds import times_ps
from simulator.engine.spike_steps import replay_code
from simulator.engine.storage_traffic import moved_ways, sram_ps, stored_work
from simulator.mapping.storage import Store
from simulator.trace.trace import Trace
from simulator.trace.trace_program import Op


def op_work(op: Op, trace: Trace, chip: ChipConfig, store: Store = "memory", n_homes: int = 1) -> dict[str, Ints]:
    """Every action of ``op`` as ``chip`` replays the trace, int64 [tokens], with its data in ``store``.

    An op with a local stream also does the work of the neurons that encode it: ``soma.update`` and ``soma.fire`` for
    each spike, ``soma.update_idle`` for each live neuron and timestep without one.
    """
    n_timesteps = replay_code(trace.encoding, chip)[1]
    fired, neurons = None, {}
    if op.stream is not None:
        live, dense = trace.live(op.stream), chip.replay == "dense"
        fired = live if dense else trace.spikes_per_token(op.stream)
        op = op.dense() if dense or trace.encoding.multiplies else op
        neurons = {"soma.update": fired, "soma.update_idle": live * n_timesteps - fired, "soma.fire": fired}
    work = op.work(trace.contexts, n_timesteps, fired)
    if store != "memory":
        work = {name: n for name, n in work.items() if name not in [f"memory.{way}" for way in moved_ways(op)]}
        work |= stored_work(op, store, chip, n_homes, trace.contexts, n_timesteps, fired)
    return work | neurons


def op_ps(work: dict[str, Ints], chip: ChipConfig, n_homes: int, n_tokens: int) -> dict[str, Ints]:
    """Time of an op on each unit of its home cores, int64 [tokens] each; ``work`` is what it does (`op_work`).

    It is spread evenly over the vector lanes of ``n_homes`` cores, its memory traffic over their memory ports and the
    neurons of its local stream over their soma lanes. All overlap, and with what comes from DRAM: an op takes as long
    as the slowest.
    """
    compute, moved, neurons = (np.zeros(n_tokens, np.int64) for _ in range(3))
    for name, count in work.items():
        component, action = name.split(".")
        if component == "memory":
            moved += count
        elif component == "soma":
            neurons += _soma_ps(action, count, chip, n_homes)
        elif component == "vector":
            compute += times_ps(-(-count // (n_homes * chip.vector.lanes)), _action(chip, action).latency.value)
    accesses = -(-moved // (n_homes * chip.memory.word))
    return {
        "vector": compute,
        "soma": neurons,
        "memory": times_ps(accesses, chip.memory.access.value),
        "sram": np.zeros(n_tokens, np.int64) + sram_ps(work, chip, n_homes),
    }


def _soma_ps(action: str, count: Ints, chip: ChipConfig, n_homes: int) -> Ints:
    """Time of neuron updates, ``lanes`` at a time on each home core, or of spikes, one at a time."""
    soma = chip.core.soma
    if action == "fire":
        return times_ps(-(-count // n_homes), soma.fire.latency.value)
    updates: Action = getattr(soma, action)
    return times_ps(-(-count // (n_homes * soma.lanes)), updates.latency.value)


def _action(chip: ChipConfig, name: str) -> Action:
    *path, _ = ACTIONS[f"vector.{name}"].path
    action = record_at(chip, path)
    if not isinstance(action, Action):
        raise TypeError(f"{'.'.join(path)} is a {type(action).__name__}, expected an action")
    return action

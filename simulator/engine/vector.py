"""Time of the non-spiking work: the ops of a stage on the vector units of its home cores."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.config.chip import Action, ChipConfig
from simulator.trace.trace import Stage, Trace

Ints = NDArray[np.int64]


def vector_ps(stage: Stage, trace: Trace, chip: ChipConfig, n_homes: int, n_timesteps: int) -> Ints:
    """Time of all ops of ``stage`` for each token, int64 [tokens].

    Ops follow one another; each is spread evenly over the lanes of ``n_homes`` cores, and its memory traffic over their
    memory ports. Operations and accesses overlap: an op takes as long as the slower of the two. ``n_timesteps`` are
    those in which the chip replays the stream.
    """
    total = np.zeros(trace.n_tokens, np.int64)
    for op_id in stage.ops:
        op = trace.op[op_id]
        compute = np.zeros(trace.n_tokens, np.int64)
        moved = np.zeros(trace.n_tokens, np.int64)
        for name, count in op.work(trace.contexts, n_timesteps).items():
            component, action = name.split(".")
            if component == "memory":
                moved += count
            else:
                compute += -(-count // (n_homes * chip.vector.lanes)) * _action(chip, action).latency.value
        accesses = -(-moved // (n_homes * chip.memory.word))
        total += np.maximum(compute, accesses * chip.memory.access.value)
    return total


def _action(chip: ChipConfig, name: str) -> Action:
    action: Action = getattr(chip.vector, name)
    return action

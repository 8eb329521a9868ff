"""The oracle of the ops: the work of a token that no layer does, and its time on the home cores, in plain Python."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping

from simulator.config.chip import ChipConfig
from simulator.trace.trace import Trace
from simulator.trace.trace_program import Op

Work = Counter[tuple[str, str]]  # (component, action) -> times
Touches = Callable[[str, str, int, bool], tuple[str, int]]  # component, action, amount, whether all home cores share it
Fires = Callable[[int, int], bool]  # whether a spike count fires in a timestep; always, in dense replay


def op_work(op: Op, trace: Trace, token: int, n_timesteps: int, fires: Fires, touched: Touches) -> Work:
    """What an op does for one token: its own work, that of each timestep, and that of each spike of its stream.

    Each of these is one access to memory; ``touched`` says what that is counted as.
    """
    context = int(trace.contexts[token])
    work: Work = Counter()

    def add(table: Mapping[str, tuple[int, int]], shared: bool = True) -> None:
        for name, (per_token, per_position) in table.items():
            component, action = name.split(".")
            component, amount = touched(component, action, per_token + per_position * context, shared)
            work[component, action] += amount

    add(op.work_per_token)
    for _ in range(n_timesteps):
        add(op.per_timestep)
    if op.stream is None:
        return work
    live = int(trace.live(op.stream)[token])
    counts = [int(n) for n in trace.spike_counts(op.stream)[token]][:live]  # the others do not exist
    carries_count = trace.encoding.multiplies or all(fires(0, t) for t in range(n_timesteps))
    for t in range(n_timesteps):
        for count in counts:
            if fires(count, t):
                add(multiplied(op.per_spike) if carries_count else op.per_spike, shared=False)
                work["soma", "update"] += 1
                work["soma", "fire"] += 1
            else:
                work["soma", "update_idle"] += 1
    return work


def multiplied(per_spike: Mapping[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
    """What an integer does where a spike adds: it multiplies and accumulates."""
    table: dict[str, tuple[int, int]] = {}
    for name, (a, b) in per_spike.items():
        name = "vector.mac" if name == "vector.add" else name
        a_before, b_before = table.get(name, (0, 0))
        table[name] = (a_before + a, b_before + b)
    return table


def op_ps(work: Work, chip: ChipConfig, n_homes: int) -> dict[str, int]:
    """Time of one op on each unit of a home core; lanes, memory ports and encoder neurons of all work at once."""
    compute = neurons = bits = 0
    for (component, action), times in work.items():
        if component == "memory":
            bits += times
        elif component == "vector":
            turns = math.ceil(times / (n_homes * chip.vector.lanes))
            compute += turns * getattr(chip.vector, action).latency.value
        elif component == "soma":  # a neuron sends its spikes one by one, updates are done by all lanes
            turns = math.ceil(times / (n_homes * (1 if action == "fire" else chip.core.soma.lanes)))
            neurons += turns * getattr(chip.core.soma, action).latency.value
    accesses = math.ceil(bits / (n_homes * chip.memory.word))
    words = [(work["sram", "read"], chip.core.sram.read), (work["sram", "write"], chip.core.sram.write)]
    sram = sum(math.ceil(n / n_homes) * action.latency.value for n, action in words if action is not None)
    return {"vector": compute, "soma": neurons, "memory": accesses * chip.memory.access.value, "sram": sram}


def dram_ps(work: Work, chip: ChipConfig, channels: int) -> int:
    """Time of the bursts of an op over so many channels."""
    if chip.dram is None:
        return 0
    bursts = (work["dram", "read"] + work["dram", "write"]) // chip.dram.burst
    return math.ceil(bursts / channels) * chip.dram.access.value

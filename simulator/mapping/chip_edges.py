"""Where a program is cut into chips: between stages that pass little on, on as few chips as whole stages take."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simulator.arrays import Ints
from simulator.trace.trace import Trace


def passed_on(trace: Trace) -> Ints:
    """Values of a token that pass from the stages before each stage to it and those behind, int64 [S]."""
    place = {stage.stage_id: i for i, stage in enumerate(trace.stages)}
    width = {stage.stage_id: stage.width for stage in trace.stages}
    driven_by = {layer_id: i for i, stage in enumerate(trace.stages) for layer_id in stage.layers}
    passed = np.zeros(len(trace.stages), np.int64)
    for i, stage in enumerate(trace.stages):
        for layer_id in stage.sources:
            passed[driven_by[layer_id] + 1 : i + 1] += trace.layer_by_id[layer_id].n_out
        for stage_id in stage.carries:
            passed[place[stage_id] + 1 : i + 1] += width[stage_id]
    return passed


def first_cores(sizes: Sequence[int], per_chip: int, passed: Sequence[int] | None = None) -> list[int]:
    """First core of each stage of so many cores in program order, and the core behind the last.

    A stage straddles two chips only where it is larger than one. With ``passed`` (`passed_on`) chips begin where the
    most that any of them is passed is least, as long as that takes no chip more.
    """
    found = _whole_stages(sizes, per_chip)
    if passed is None or found[-1] <= per_chip:
        return found
    for most in sorted(set(passed)):
        better = _first_cores(sizes, per_chip, [n <= most for n in passed])
        if better and -(-better[-1] // per_chip) <= -(-found[-1] // per_chip):
            return better
    return found


def _whole_stages(sizes: Sequence[int], per_chip: int) -> list[int]:
    """As `first_cores`, each stage as early as it can be."""
    firsts, used = [], 0
    for n in sizes:
        left = -used % per_chip
        if left < n <= per_chip:
            used += left
        firsts.append(used)
        used += n
    return [*firsts, used]


def _first_cores(sizes: Sequence[int], per_chip: int, allowed: Sequence[bool]) -> list[int]:
    """As `first_cores`, chips beginning only at ``allowed`` stages; nothing where these do not do."""
    firsts: list[int] = []
    used, since, stage = 0, -1, 0  # since: the last allowed stage of this chip, not its first
    while stage < len(sizes):
        n, left = sizes[stage], -used % per_chip
        if left < n <= per_chip and left:
            begin = stage if allowed[stage] else since
            if begin < 0:
                return []
            used = -(-used // per_chip) * per_chip
            del firsts[begin:]
            stage, since = begin, -1
            firsts.append(used)
            used += sizes[stage]
        else:
            if allowed[stage] and left:
                since = stage
            if left < n:
                since = -1  # a stage larger than a chip: no cut before it any more
            firsts.append(used)
            used += n
        stage += 1
    return [*firsts, used]

"""Costs of every candidate of every stage as padded arrays, for a search that takes all stages at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simulator.arrays import Ints
from simulator.config.chip import ChipConfig
from simulator.mapper.candidates import Candidates, candidates
from simulator.mapper.stage_cost import CostModel
from simulator.mapper.stage_work import Floats, StageWork
from simulator.mapping.capacity import ceil_div
from simulator.mapping.chip_edges import passed_on
from simulator.mapping.kv_cache_size import homes_for_cache
from simulator.mapping.mapped import Mapped

NEVER = 1e60  # time, energy and cores of what only fills a row up


@dataclass(frozen=True)
class CostTable:
    """S stages with at most C candidates each; what only fills a row up is `NEVER` and never chosen.

    Attributes
    ----------
    some
        Candidates of each stage.
    share
        float64 [S]: share of the tokens that each stage works on.
    passed
        int64 [S]: values of a token that pass from the stages before each stage to it and those behind.
    token_ps, energy_pj, cores, barriers
        float64 [S, C]: time without barriers, dynamic energy, cores and barriers of a token.
    parts_ps
        float64 [S, C, 4]: collect, exchange, soma after the stage, reduce.
    vector_ps
        float64 [S, C].
    step_ps
        float64 [S, C, T].
    """

    some: tuple[Candidates, ...]
    share: Floats
    passed: Ints
    token_ps: Floats
    energy_pj: Floats
    cores: Floats
    barriers: Floats
    parts_ps: Floats
    vector_ps: Floats
    step_ps: Floats

    @property
    def size(self) -> int:
        """Candidates of all stages."""
        return sum(map(len, self.some))


def cost_table(
    works: Sequence[StageWork], model: CostModel, own: Mapped, pipelined: bool = False, channels: int | None = None
) -> CostTable:
    """Costs of all candidates of each stage; ``own`` says what lies in memory at each home core.

    ``channels`` are those of the DRAM, one for each chip in use; None: as many as ``own`` has chips.
    """
    found = [candidates_of(work, model.chip, own, fine=not pipelined) for work in works]
    most, n_steps = max(map(len, found)), max(work.n_steps for work in works)
    shape = len(works), most
    token, energy, cores, vector = (np.full(shape, NEVER) for _ in range(4))
    barriers, parts, steps = np.zeros(shape), np.full((*shape, 4), NEVER), np.full((*shape, n_steps), NEVER)
    for s, (work, some) in enumerate(zip(works, found, strict=True)):
        spikes = _typical(work, len(works)) if pipelined else None
        cost, n = model.cost(work, some, channels or own.placement.n_chips, spikes), len(some)
        token[s, :n], energy[s, :n], cores[s, :n] = cost.token_ps, cost.energy_pj, cost.cores
        barriers[s, :n], vector[s, :n] = cost.barriers, _of_ops(cost.vector_ps, pipelined)
        parts[s, :n] = np.stack([cost.collect_ps, cost.exchange_ps, cost.soma_ps, cost.reduce_ps], axis=1)
        steps[s, :n] = 0.0
        steps[s, :n, : work.n_steps] = cost.step_ps.mean(axis=1)
    share, passed = np.array([work.share for work in works]), passed_on(own.trace)
    return CostTable(tuple(found), share, passed, token, energy, cores, barriers, parts, vector, steps)


def candidates_of(work: StageWork, chip: ChipConfig, own: Mapped, fine: bool = False) -> Candidates:
    """Candidates of a stage whose home cores hold its neurons and its part of the memory."""
    bits = sum(item.bits for item in own.stored if item.stage == work.stage.stage_id and item.store == "memory")
    bound = 8 * (chip.memory.capacity or bits or 1)
    least = max(
        ceil_div(work.stage.width, chip.core.limits.neurons),
        homes_for_cache(work.stage, own.trace, chip),
        min(ceil_div(bits, bound), work.stage.width),
    )
    return candidates(work.stage, work.layers, least, chip, fine)


def _typical(work: StageWork, n_stages: int) -> Floats:
    """Spikes of a timestep that set the round of a pipeline, float64 [1, T]: of its stages the most are at work."""
    most: Floats = np.quantile(work.spikes, 1 - 1 / n_stages, axis=0, keepdims=True)
    return most


def _of_ops(vector_ps: Floats, pipelined: bool) -> Floats:
    """Time of ops, float64 [C]: a pipeline of many stages waits for the token with the longest context in it."""
    taken: Floats = vector_ps.max(axis=1) if pipelined else vector_ps.mean(axis=1)
    return taken

"""What each stage of a trace does on a chip whatever its widths: spikes, values, ops, prices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from simulator.arrays import Ints
from simulator.config.chip import ChipConfig
from simulator.energy.prices import find_price
from simulator.engine.head_fetches import fetches_head
from simulator.engine.spike_steps import replay_code
from simulator.engine.storage_traffic import dram_ps
from simulator.engine.vector import op_ps, op_work
from simulator.mapping.flows import exchange_rounds
from simulator.mapping.storage import Store
from simulator.trace.trace import Trace
from simulator.trace.trace_program import Layer, Op, Stage

Floats = NDArray[np.float64]
CROWDING_TOKENS = 8  # tokens whose neurons say how unevenly they fire


class PricedActions:
    """Energy of one count of each action in pJ, 0 for what another price contains or the chip does not price."""

    def __init__(self, chip: ChipConfig) -> None:
        self._chip = chip
        self._found: dict[str, float] = {}

    def __getitem__(self, name: str) -> float:
        if name not in self._found:
            price = find_price(self._chip, name)
            self._found[name] = 0.0 if price is None else price.energy_pj(1)
        return self._found[name]


@dataclass(frozen=True)
class StageWork:
    """Work of one stage for N tokens; nothing here depends on widths.

    Attributes
    ----------
    stage, layers, ops
        The stage, the layers that its stream drives and its ops.
    spikes
        float64 [N, T]: packets sent in each timestep, before they are copied for several blocks. T is 0 where the stage
        has no stream.
    arriving
        Values that one token brings to the home cores.
    exchanges
        Rounds in which the home cores exchange one number.
    share
        Share of the tokens of the trace that the stage works on.
    trace
        The N tokens that the stage works on.
    stores
        Memory of each op that is not behind the vector unit.
    fits_at
        Op whose data `auto` put into DRAM -> fewest home cores whose memory holds it.
    dense
        Whether every neuron sends in every timestep (dense replay).
    fetches
        Share of its tokens for which a head in DRAM is read; 1 where no tokens are at the stage together.
    """

    stage: Stage
    layers: tuple[Layer, ...]
    ops: tuple[Op, ...]
    spikes: Floats
    arriving: int
    exchanges: int
    share: float
    trace: Trace
    stores: dict[str, Store]
    fits_at: dict[str, int] = field(default_factory=dict)
    dense: bool = False
    fetches: float = 1.0
    _crowding: dict[int, Floats] = field(default_factory=dict, compare=False, repr=False)

    @property
    def forms_logits(self) -> bool:
        """Whether its home cores share the outputs of an LM head, and so all need its input."""
        return any(op.kind == "head" for op in self.ops)

    @cached_property
    def mean_spikes(self) -> Floats:
        """Mean over the tokens, float64 [1, T]."""
        mean: Floats = self.spikes.mean(axis=0, keepdims=True)
        return mean

    @cached_property
    def op_shapes(self) -> tuple[tuple[object, ...], ...]:
        """What the work of each op depends on; ops of different stages with the same do the same."""
        return tuple(
            (
                op.kind,
                tuple(op.work_per_token.items()),
                tuple(op.per_timestep.items()),
                op.op_id if op.stream is not None else "",
            )
            for op in self.ops
        )

    def crowding(self, parts: int) -> Floats:
        """Spikes of the part that sends most over those of a part on average, float64 [T], in so many even ranges.

        1 where nothing is sent. Narrow parts differ most: a few neurons of a stream fire far more often than the rest.
        """
        if parts not in self._crowding:
            width = self._sent_before.shape[1] - 1
            sent = np.diff(self._sent_before[:, np.arange(parts + 1) * width // parts], axis=1)
            most, mean = sent.max(axis=1).sum(axis=0), sent.mean(axis=1).sum(axis=0)
            self._crowding[parts] = np.where(mean > 0, most / np.where(mean > 0, mean, 1), 1.0)
        return self._crowding[parts]

    @cached_property
    def _sent_before(self) -> Ints:
        """Spikes of the neurons before each, of a few tokens, int64 [tokens, n + 1, T]."""
        n_tokens = self.trace.n_tokens
        tokens = np.unique(np.linspace(0, n_tokens - 1, min(CROWDING_TOKENS, n_tokens)).astype(np.int64))
        fired = np.ones((1, self.stage.width, self.n_steps), np.int64)
        if self.stage.stream is not None and not self.dense:
            counts = self.trace.spike_counts(self.stage.stream)[tokens]
            sent = [self.trace.encoding.spikes_in_timestep(counts, t) != 0 for t in range(self.n_steps)]
            fired = np.stack(sent, axis=2).astype(np.int64)
        before: Ints = np.pad(fired.cumsum(axis=1), ((0, 0), (1, 0), (0, 0)))
        return before

    @property
    def n_steps(self) -> int:
        """Timesteps of the stage."""
        return int(self.spikes.shape[1])

    def op_counts(self, op: Op, chip: ChipConfig, n_homes: int) -> dict[str, Ints]:
        """Counts of an op on ``n_homes`` cores, int64 [N] each."""
        return op_work(op, self.trace, chip, self.store(op, n_homes), n_homes)

    def store(self, op: Op, n_homes: int) -> Store:
        """Memory of the data of an op on ``n_homes`` cores."""
        if op.op_id in self.fits_at and n_homes >= self.fits_at[op.op_id]:
            return "memory"
        return self.stores.get(op.op_id, "memory")


def stage_works(
    trace: Trace,
    chip: ChipConfig,
    stores: dict[str, Store],
    whole: Trace | None = None,
    fits_at: dict[str, int] | None = None,
) -> list[StageWork]:
    """The work of every stage of ``trace`` as ``chip`` replays it, in program order.

    ``whole`` is the trace of which ``trace`` is a sample: a stage works on its share of the tokens of that one.
    ``stores`` and ``fits_at`` are those of `simulator.mapping.storage`.
    """
    width = {stage.stage_id: stage.width for stage in trace.stages}
    works = [_stage_work(stage, trace, chip, stores, width) for stage in trace.stages]
    works = [replace(work, fits_at=fits_at or {}) for work in works]
    if whole is None:
        return works
    return [
        replace(work, share=float(whole.works(work.stage).mean()), fetches=_fetches(work.stage, whole, chip))
        for work in works
    ]


def _stage_work(
    stage: Stage, trace: Trace, chip: ChipConfig, stores: dict[str, Store], width: dict[str, int]
) -> StageWork:
    works = trace.works(stage)
    working = trace if works.all() else trace.take(works)
    outputs = sum(trace.layer_by_id[layer_id].n_out for layer_id in stage.sources)
    return StageWork(
        stage=stage,
        layers=tuple(trace.layer_by_id[layer_id] for layer_id in stage.layers),
        ops=tuple(trace.op_by_id[op_id] for op_id in stage.ops),
        spikes=spikes_per_step(stage, working, chip),
        arriving=outputs + sum(width[stage_id] for stage_id in stage.carries),
        exchanges=exchange_rounds(stage, trace),
        share=float(works.mean()),
        trace=working,
        stores=stores,
        dense=chip.replay == "dense",
        fetches=_fetches(stage, trace, chip),
    )


def _fetches(stage: Stage, trace: Trace, chip: ChipConfig) -> float:
    """Share of the tokens on which a stage works that have a head in DRAM read."""
    return float(fetches_head(stage, trace, chip.schedule).sum() / max(int(trace.works(stage).sum()), 1))


def spikes_per_step(stage: Stage, trace: Trace, chip: ChipConfig) -> Floats:
    """Packets that the home cores of ``stage`` make in each timestep, float64 [tokens, T]."""
    n_steps = replay_code(trace.encoding, chip)[1]
    if stage.stream is None:
        return np.zeros((trace.n_tokens, 0))
    if chip.replay == "dense":
        return np.full((trace.n_tokens, n_steps), float(stage.width))
    counts = trace.spike_counts(stage.stream)
    low, high = int(counts.min(initial=0)), int(counts.max(initial=0))
    values = np.arange(low, high + 1)
    sends = [trace.encoding.spikes_in_timestep(values, t) != 0 for t in range(n_steps)]  # what a count sends is its own
    place = counts.astype(np.int64) - low + len(values) * np.arange(len(counts))[:, None]
    how_often = np.bincount(place.ravel(), minlength=len(counts) * len(values)).reshape(len(counts), len(values))
    sent: Floats = (how_often @ np.stack(sends, axis=1)).astype(np.float64)
    return sent


def op_times(op: Op, work: StageWork, chip: ChipConfig, n_homes: int, channels: int = 1) -> Floats:
    """Time of an op on ``n_homes`` cores, ps, float64 [N]."""
    counts = work.op_counts(op, chip, n_homes)
    parts: Sequence[Ints] = list(op_ps(counts, chip, n_homes, work.trace.n_tokens).values())
    alone = np.max(parts, axis=0)
    slowest: Floats = np.maximum(alone, dram_ps(counts, chip, channels)).astype(np.float64)
    return work.fetches * slowest + (1 - work.fetches) * alone if op.kind == "head" else slowest


def op_energy(op: Op, work: StageWork, chip: ChipConfig, n_homes: int, prices: PricedActions) -> float:
    """Energy of an op, pJ, mean over the tokens."""
    counts = work.op_counts(op, chip, n_homes)
    read = {"dram.read": work.fetches} if op.kind == "head" else {}
    return float(sum(times.mean() * prices[name] * read.get(name, 1.0) for name, times in counts.items()))

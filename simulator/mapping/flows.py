"""Who sends which values of a token to whom between timesteps: collect, exchange and reduce (`docs/DESIGN.md`).

The engine moves these values (`simulator.engine.transfer`); placements shorten their routes (`traffic`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from simulator.arrays import Ints
from simulator.mapping.capacity import ceil_div
from simulator.mapping.placement import Block
from simulator.trace.trace import Trace
from simulator.trace.trace_program import Stage

Blocks = Mapping[str, Sequence[Block]]  # layer or stage -> its blocks, in core order
EXCHANGING = ("norm", "encode")  # kinds of ops that need one number of all values of a home core


@dataclass(frozen=True)
class Edges:
    """Value packets from the blocks of one owner to those of another; E edges.

    Attributes
    ----------
    stage
        Id of the stage for whose token they travel.
    sender, receiver
        Owners: ids of layers or stages.
    from_core, to_core, values
        int64 [E]: ``values`` packets from one core to another.
    """

    stage: str
    sender: str
    receiver: str
    from_core: Ints
    to_core: Ints
    values: Ints


def collected(stage: Stage, blocks: Blocks) -> Iterator[Edges]:
    """Outputs of layers and residuals to the home cores of a stage, owner by owner.

    Element i of a vector of n goes to ``i * width // n``, so a block that starts at s takes the elements from
    ``ceil(s * n / width)`` on. The root blocks of a layer hold its outputs.
    """
    homes = blocks[stage.stage_id]
    for owner in (*stage.sources, *stage.carries):
        senders = [b for b in blocks[owner] if b.row_start == 0]
        n = max(b.col_stop for b in senders)
        edge = _ints([ceil_div(home.col_start * n, stage.width) for home in homes] + [n])
        sender, home, low, high = overlaps(
            _ints([b.col_start for b in senders]), _ints([b.col_stop for b in senders]), edge[:-1], edge[1:]
        )
        from_core, to_core = _cores(senders)[sender], _cores(homes)[home]
        yield Edges(stage.stage_id, owner, stage.stage_id, from_core, to_core, high - low)


def exchange_rounds(stage: Stage, trace: Trace) -> int:
    """How often the home cores of a stage exchange one number: once for each norm and each encoder."""
    return sum(trace.op_by_id[op_id].kind in EXCHANGING for op_id in stage.ops)


def exchanged(stage_id: str, blocks: Blocks) -> tuple[Edges, Edges]:
    """One number from every other home core to the first, and one back; no edges where there is only one."""
    cores = _cores(blocks[stage_id])
    first, others = np.full(len(cores) - 1, cores[0]), cores[1:]
    one = np.ones(len(others), np.int64)
    owners = stage_id, stage_id, stage_id
    return Edges(*owners, others, first, one), Edges(*owners, first, others, one)


def forms_logits(stage: Stage, trace: Trace) -> bool:
    """Whether an op of a stage multiplies its whole vector by the weights of an LM head."""
    return any(trace.op_by_id[op_id].kind == "head" for op_id in stage.ops)


def spread(stage_id: str, blocks: Blocks) -> Edges:
    """Every value of a stage from its home core to each other home core; no edges where there is only one.

    Home cores that share the outputs of a head all need its whole input.
    """
    homes = blocks[stage_id]
    pairs = [(sender, receiver) for sender in homes for receiver in homes if sender is not receiver]
    from_core, to_core = (_ints([pair[end].core for pair in pairs]) for end in (0, 1))
    return Edges(stage_id, stage_id, stage_id, from_core, to_core, _ints([sender.n_cols for sender, _ in pairs]))


def reduced(stage: Stage, blocks: Blocks) -> Iterator[Edges]:
    """Partial sums of the layers whose inputs are split over cores, each to the root block of its outputs."""
    for layer_id in stage.layers:
        root = {b.col_start: b.core for b in blocks[layer_id] if b.row_start == 0}
        partial = [b for b in blocks[layer_id] if b.row_start > 0]
        if partial:
            to_core, values = _ints([root[b.col_start] for b in partial]), _ints([b.n_cols for b in partial])
            yield Edges(stage.stage_id, layer_id, layer_id, _cores(partial), to_core, values)


def overlaps(start: Ints, stop: Ints, first: Ints, last: Ints) -> tuple[Ints, Ints, Ints, Ints]:
    """Pairs of ranges start..stop and first..last that overlap: index of either, and low..high of the overlap."""
    low, high = np.maximum(start[:, None], first[None, :]), np.minimum(stop[:, None], last[None, :])
    one, other = np.nonzero(high > low)
    return one, other, low[one, other], high[one, other]


def _cores(blocks: Sequence[Block]) -> Ints:
    return _ints([b.core for b in blocks])


def _ints(values: list[int]) -> Ints:
    return np.array(values, dtype=np.int64)

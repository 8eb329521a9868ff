"""Widths of a mapping: how many cores each stage, layer and op of a program takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from simulator.mapping.capacity import Cut


@dataclass(frozen=True)
class Widths:
    """Widths of a whole program; what is not named takes as few cores as the limits of a core allow.

    Attributes
    ----------
    homes
        Stage -> home cores, at least.
    cuts
        Layer -> its cut.
    op_cores
        Op -> cores of its own, where its work is not done by the home cores of its stage (`op_parts`).
    layer_cores
        Layer -> its cores at least, where it has no cut.
    share_cores
        Whether stages that take turns share cores, the blocks of each of them apart (`sharing`).
    """

    homes: Mapping[str, int] = field(default_factory=dict)
    cuts: Mapping[str, Cut] = field(default_factory=dict)
    op_cores: Mapping[str, int] = field(default_factory=dict)
    layer_cores: Mapping[str, int] = field(default_factory=dict)
    share_cores: bool = False

    def over(self, others: Widths) -> Widths:
        """These widths, and those of ``others`` for what they do not name."""
        cores = {name: n for name, n in others.layer_cores.items() if name not in self.cuts} | dict(self.layer_cores)
        cuts = {name: cut for name, cut in others.cuts.items() if name not in self.layer_cores} | dict(self.cuts)
        ops, shared = {**others.op_cores, **self.op_cores}, self.share_cores or others.share_cores
        return Widths({**others.homes, **self.homes}, cuts, ops, cores, shared)

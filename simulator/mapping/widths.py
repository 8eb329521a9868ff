"""Widths of a mapping: how many cores each stage, layer and op of a program takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from simulator.mapping.capacity import Cut


@dataclass(frozen=True)
class Widths:
    """Widths of a whole program; what is not named follows the chip file.

    Attributes
    ----------
    homes
        Stage -> home cores.
    cuts
        Layer -> its cut.
    op_cores
        Op -> cores of its own, where its work is not done by the homes of its stage.
    """

    homes: Mapping[str, int] = field(default_factory=dict)
    cuts: Mapping[str, Cut] = field(default_factory=dict)
    op_cores: Mapping[str, int] = field(default_factory=dict)

"""How far the packets of one call of the network can come: what sizes the event wheel of a large mesh."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from simulator.engine.schedule import in_rounds
from simulator.mapping.mapped import Mapped
from simulator.mapping.placement import Placement


class Box(NamedTuple):
    """Columns and rows of a mesh, both ends included."""

    left: int
    right: int
    top: int
    bottom: int

    @property
    def routers(self) -> int:
        """Routers in it."""
        return (self.right - self.left + 1) * (self.bottom - self.top + 1)


def routers_passed(mapped: Mapped) -> int:
    """Most routers that the packets of one call can pass, at most those of the mesh.

    A stage by itself keeps to the box around its cores and those that send to it, for a path takes a row and a column.
    Rings go round, and stages in the rounds of a pipeline work all at once.
    """
    trace, placement = mapped.trace, mapped.placement
    whole = placement.mesh_x * placement.mesh_y
    if mapped.chip.noc.topology == "torus" or len(in_rounds(trace, mapped.chip)):
        return whole
    boxes = _boxes(placement)
    areas = [
        _around(boxes[owner] for owner in owners if owner in boxes).routers
        for stage in trace.stages
        for owners in ((stage.stage_id, *stage.sources, *stage.carries), (stage.stage_id, *stage.layers))
    ]
    return min(whole, max(areas))


def _boxes(placement: Placement) -> dict[str, Box]:
    """Layer or stage -> the box around its cores."""
    found = {}
    for owner, blocks in placement.by_owner.items():
        x, y = placement.grid.place(placement.core_router[[block.core for block in blocks]])
        found[owner] = Box(int(x.min()), int(x.max()), int(y.min()), int(y.max()))
    return found


def _around(boxes: Iterable[Box]) -> Box:
    """The box around several."""
    left, right, top, bottom = zip(*boxes, strict=True)
    return Box(min(left), max(right), min(top), max(bottom))

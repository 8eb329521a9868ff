"""Which router is next to which, and the path of a packet between two: the oracle's meaning of mesh and torus."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

Port = tuple[int, int]
Routers = frozenset[int]
Ways = dict[int, Routers]  # output -> the routers that it leads to

LOCAL = 4
OPPOSITE = (1, 0, 3, 2)
STEP = ((1, 0), (-1, 0), (0, 1), (0, -1))


@dataclass(frozen=True)
class ReferenceTopology:
    """Routers in ``y`` rows of ``x``, numbered row by row; on a torus every row and every column closes to a ring."""

    x: int
    y: int
    torus: bool = False

    def route(self, router: int, dst: int) -> int:
        """Output that a flit to ``dst`` wants at ``router``: along x first, then along y, then the core."""
        x, y = router % self.x, router // self.x
        to_x, to_y = dst % self.x, dst // self.x
        if to_x != x:
            return 0 if self.goes_up(x, to_x, self.x) else 1
        if to_y != y:
            return 2 if self.goes_up(y, to_y, self.y) else 3
        return LOCAL

    def goes_up(self, here: int, there: int, side: int) -> bool:
        """Whether the path is in the positive direction: on a torus the shorter one, of two equal ones the positive."""
        if not self.torus:
            return there > here
        return (there - here) % side <= (here - there) % side

    def ways(self, router: int, dst: Routers) -> Ways:
        """Outputs that a flit to the routers ``dst`` wants at ``router``, each with those it leads to."""
        found: dict[int, set[int]] = defaultdict(set)
        for to in dst:
            found[self.route(router, to)].add(to)
        return {output: frozenset(routers) for output, routers in found.items()}

    def other_end(self, port: Port) -> Port:
        """Port of the neighbour at the other end of the link."""
        router, number = port
        x, y = router % self.x + STEP[number][0], router // self.x + STEP[number][1]
        return y % self.y * self.x + x % self.x, OPPOSITE[number]

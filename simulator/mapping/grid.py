"""The grid of routers and the path between two of them: a mesh, or a torus whose rows and columns are rings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.arrays import Ints


@dataclass(frozen=True)
class Grid:
    """Routers in ``y`` rows of ``x``; the router at column cx and row cy has the number ``cy * x + cx``."""

    x: int
    y: int
    torus: bool = False

    def place(self, router: Ints) -> tuple[Ints, Ints]:
        """Column and row of each router."""
        return router % self.x, router // self.x

    def router(self, x: Ints, y: Ints) -> Ints:
        """Router at each place; beyond the edge the places go round."""
        return y % self.y * self.x + x % self.x

    def steps(self, start: Ints, stop: Ints) -> tuple[Ints, Ints]:
        """Hops along x and along y between routers (broadcast against each other), negative ones in direction -x or -y.

        On a torus the path is the shorter one round each ring; of two equal ones the positive one.
        """
        (start_x, start_y), (stop_x, stop_y) = self.place(start), self.place(stop)
        return self._along(stop_x - start_x, self.x), self._along(stop_y - start_y, self.y)

    def hops(self, start: Ints, stop: Ints) -> Ints:
        """Links between routers."""
        dx, dy = self.steps(start, stop)
        return np.abs(dx) + np.abs(dy)

    def _along(self, distance: Ints, side: int) -> Ints:
        """Signed hops of each distance in one dimension."""
        if not self.torus:
            return distance
        ahead = distance % side
        return np.where(2 * ahead > side, ahead - side, ahead)

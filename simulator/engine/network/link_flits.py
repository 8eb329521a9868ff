"""Flits on every link in closed form: routes are fixed, so what a link carries follows from who sends to whom."""

from __future__ import annotations

import numpy as np

from simulator.arrays import Ints
from simulator.engine.network.links import N_PORTS
from simulator.engine.network.routes import Routes
from simulator.mapping.grid import Grid

EAST, WEST, NORTH, SOUTH, CORE = range(N_PORTS)


def unicast_flits(senders: Ints, receivers: Ints, flits: Ints, grid: Grid) -> Ints:
    """Flits on each output of packets that go from router to router, first along x, then along y; int64 [routers * 5].

    ``senders``, ``receivers`` (routers) and ``flits`` are int64 [pairs].
    """
    (x, y), (dx, dy) = grid.place(senders), grid.steps(senders, receivers)
    found = np.zeros((grid.y, grid.x, N_PORTS), np.int64)
    found[:, :, EAST] = _runs(y, x, np.maximum(dx, 0), flits, grid.y, grid.x)
    found[:, :, WEST] = _runs(y, x + np.minimum(dx, 0) + 1, np.maximum(-dx, 0), flits, grid.y, grid.x)
    column = (x + dx) % grid.x
    found[:, :, NORTH] = _runs(column, y, np.maximum(dy, 0), flits, grid.x, grid.y).T
    found[:, :, SOUTH] = _runs(column, y + np.minimum(dy, 0) + 1, np.maximum(-dy, 0), flits, grid.x, grid.y).T
    by_output = found.reshape(-1)
    np.add.at(by_output, receivers * N_PORTS + CORE, flits)
    return by_output


def tree_flits(roots: Ints, flits: Ints, tree_of: Ints, receivers: Ints, grid: Grid) -> Ints:
    """Flits on each output of packets that go along XY trees; int64 [routers * 5].

    ``roots`` (routers) and ``flits`` are int64 [trees]. Tree ``tree_of[i]`` reaches router ``receivers[i]``; both are
    int64 [members].
    """
    (x, y), (dx, dy) = grid.place(roots), grid.steps(roots[tree_of], receivers)
    arms, arm_of = np.unique(np.stack([tree_of, dx]), axis=1, return_inverse=True)
    east, west, north, south = (np.zeros(n, np.int64) for n in (len(roots), len(roots), arms.shape[1], arms.shape[1]))
    for length, of, far in ((east, tree_of, dx), (west, tree_of, -dx), (north, arm_of, dy), (south, arm_of, -dy)):
        np.maximum.at(length, of.reshape(-1), far)
    found = np.zeros((grid.y, grid.x, N_PORTS), np.int64)
    found[:, :, EAST] = _runs(y, x, east, flits, grid.y, grid.x)
    found[:, :, WEST] = _runs(y, x - west + 1, west, flits, grid.y, grid.x)
    column, row, weight = (x[arms[0]] + arms[1]) % grid.x, y[arms[0]], flits[arms[0]]
    found[:, :, NORTH] = _runs(column, row, north, weight, grid.x, grid.y).T
    found[:, :, SOUTH] = _runs(column, row - south + 1, south, weight, grid.x, grid.y).T
    by_output = found.reshape(-1)
    entered = np.unique(np.stack([tree_of, receivers]), axis=1)
    np.add.at(by_output, entered[1] * N_PORTS + CORE, flits[entered[0]])
    return by_output


def multicast_flits(flits: Ints, routes: Routes, grid: Grid) -> Ints:
    """Flits of multicast packets on each output, int64 [routers * 5]; ``flits`` int64 [H, S] go along each tree."""
    found = np.zeros(grid.x * grid.y * N_PORTS, np.int64)
    np.add.at(found, routes.outputs, np.repeat(flits.reshape(-1), np.diff(routes.output_ptr)))
    return found


def _runs(line: Ints, start: Ints, length: Ints, weight: Ints, lines: int, size: int) -> Ints:
    """Sums of ``weight`` over runs of ``length`` places from ``start`` on, in rings of ``size``; int64 [lines, size].

    A run may begin up to a ring before the first place and end up to a ring behind the last.
    """
    edges = np.zeros((lines, 3 * size + 1), np.int64)
    np.add.at(edges, (line, start + size), weight)
    np.add.at(edges, (line, start + size + length), -weight)
    over = np.cumsum(edges, axis=1)[:, :-1]
    found: Ints = over.reshape(lines, 3, size).sum(axis=1)
    return found

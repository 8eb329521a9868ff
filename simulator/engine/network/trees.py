"""Multicast trees: the XY paths from one router to many, each tree as a few rows of one table.

A tree holds the routers it touches and no more, so a table is as large as its trees, whatever the size of the mesh.
From the root a trunk runs along x; from it, in each column with members, arms run along y.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.arrays import Ints
from simulator.engine.kernels.flit import NODE_FIRST, NODE_STOP, NODE_WANTS, NODES_MAX
from simulator.engine.kernels.mesh_workspace import EJECT
from simulator.engine.kernels.network_records import NO_NODES, Indices
from simulator.engine.network.links import N_PORTS
from simulator.errors import SpikewattError
from simulator.mapping.grid import Grid

PLACES = 8  # of a node in the table, see `flit`


@dataclass(frozen=True)
class Tree:
    """One tree, its nodes numbered from 0, a parent before its children.

    Attributes
    ----------
    root
        Node at which packets enter.
    router, parent
        int64 [nodes]: router of each node, and of the node before it (its own for the root).
    behind
        int64 [nodes, 4]: node behind each output; -1 where no member is reached through it.
    node_of
        int64 [members]: node of each member, in the order given.
    """

    root: int
    router: Ints
    parent: Ints
    behind: Ints
    node_of: Ints

    @property
    def edges(self) -> tuple[Ints, Ints]:
        """Routers at both ends of every link that a packet crosses."""
        crossed = np.arange(len(self.router)) != self.root
        return self.parent[crossed], self.router[crossed]

    @property
    def outputs(self) -> Ints:
        """Outputs that a packet takes, as router * 5 + output: links, and into the tiles of its members."""
        node, output = np.nonzero(self.behind >= 0)
        into = np.unique(self.node_of)
        links, cores = self.router[node] * N_PORTS + output, self.router[into] * N_PORTS + EJECT
        return np.concatenate([links, cores])


def xy_tree(root: int, members: Ints, grid: Grid) -> Tree:
    """The tree from router ``root`` to the routers ``members`` (any order, repeats allowed), x first, then y."""
    x0, y0 = root % grid.x, root // grid.x
    dx, dy = grid.steps(np.asarray(root), members)
    left, right = max(0, -int(dx.min())), max(0, int(dx.max()))
    trunk = np.arange(-left, right + 1)
    columns, column_of = np.unique(dx, return_inverse=True)
    up, down = np.zeros(len(columns), np.int64), np.zeros(len(columns), np.int64)
    np.maximum.at(up, column_of, dy)
    np.maximum.at(down, column_of, -dy)
    n = len(trunk)
    up_start, down_start = n + np.cumsum(up) - up, n + int(up.sum()) + np.cumsum(down) - down
    arms = [_arm(columns, length, sign) for length, sign in ((up, 1), (down, -1))]
    at_x = np.concatenate([trunk, *(x for x, _ in arms)])
    at_y = np.concatenate([np.zeros(n, np.int64), *(y for _, y in arms)])

    behind = np.full((len(at_x), 4), -1, np.int64)
    east, west = np.arange(left, n - 1), np.arange(1, left + 1)
    behind[east, 0], behind[west, 1] = east + 1, west - 1
    for output, length, start in ((2, up, up_start), (3, down, down_start)):
        behind[columns[length > 0] + left, output] = start[length > 0]
        inner = np.concatenate([np.arange(s, s + n_arm - 1) for s, n_arm in zip(start, length, strict=True)])
        behind[inner.astype(np.int64), output] = inner + 1
    node_of = np.where(dy > 0, up_start[column_of] + dy - 1, down_start[column_of] - dy - 1)
    node_of = np.where(dy == 0, dx + left, node_of)
    router = grid.router(at_x + x0, at_y + y0)
    back_x = np.where(at_y == 0, np.sign(at_x), 0)
    parent = grid.router(at_x + x0 - back_x, at_y + y0 - np.sign(at_y))
    return Tree(left, router, parent, behind, node_of)


def _arm(columns: Ints, length: Ints, sign: int) -> tuple[Ints, Ints]:
    """Coordinates beyond the root of all nodes of the arms in one direction, outwards in each column."""
    steps = [np.arange(1, n + 1) for n in length]
    return np.repeat(columns, length), sign * np.concatenate(steps)


class TreeTable:
    """The trees of a stage under way, then the arrays that the kernels take.

    Attributes
    ----------
    members
        Number of each member as it was given, in the order of the nodes.
    """

    def __init__(self) -> None:
        self._rows: list[NDArray[np.uint32]] = []
        self._members: list[Ints] = []
        self._n_nodes = self._n_members = 0

    def add(self, tree: Tree, members: Ints) -> int:
        """Append a tree whose members have the numbers ``members``; returns its root in the table."""
        n = len(tree.router)
        rows = np.zeros((n, PLACES), np.int64)
        rows[:, :EJECT] = np.where(tree.behind >= 0, tree.behind + self._n_nodes, 0)
        order = np.argsort(tree.node_of, kind="stable")
        limits = np.searchsorted(tree.node_of[order], np.arange(n + 1)) + self._n_members
        rows[:, NODE_FIRST], rows[:, NODE_STOP] = limits[:-1], limits[1:]
        rows[:, NODE_WANTS] = (tree.behind >= 0) @ (1 << np.arange(EJECT))
        rows[:, NODE_WANTS] |= (limits[1:] > limits[:-1]).astype(np.int64) << EJECT
        self._rows.append(rows.astype(np.uint32))
        self._members.append(members[order])
        root = self._n_nodes + tree.root
        self._n_nodes += n
        self._n_members += len(members)
        if self._n_nodes > NODES_MAX:
            raise SpikewattError(
                f"multicast: the trees of a stage have {self._n_nodes} nodes, expected at most {NODES_MAX};"
                " give the stage fewer home cores or take a chip with unicast"
            )
        return root

    @property
    def nodes(self) -> Indices:
        """The table: uint32 [nodes * 8]."""
        return np.concatenate(self._rows).reshape(-1) if self._rows else NO_NODES

    @property
    def members(self) -> Ints:
        """int64 [members]: their numbers, grouped by tree and node."""
        return np.concatenate(self._members) if self._members else np.zeros(0, np.int64)

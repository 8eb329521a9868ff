"""Where the spikes of a stage go: each to its targets one by one, or once along a tree to all of them.

With multicast a packet enters the tile of its targets once and every core with a target in its set takes it there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.arrays import Ints
from simulator.engine.kernels.network_records import NO_NODES, Indices
from simulator.engine.network.links import Crossings, crossings
from simulator.engine.network.trees import TreeTable, xy_tree
from simulator.mapping.placement import Placement


@dataclass(frozen=True)
class Routes:
    """Routes of H home cores to S segments with G targets; a member is a target at the end of a path.

    Attributes
    ----------
    nodes
        Table of all trees (`simulator.engine.network.trees`); of no length: each packet goes to one target.
    root
        int64 [H, S]: root of the tree from each home core to each segment; -1 where it has no row of the segment.
    member_target, member_server, member_service_ps
        int64 [members]: target, its core as the kernel numbers it, its time for a packet. Without trees, members are
        the targets in order.
    links
        Links that one packet of each home core to each segment crosses, int64 [H, S]; nothing without trees.
    entries
        int64 [H, S]: tiles it enters.
    output_ptr, outputs
        int64 [H * S + 1], [...]: outputs (router * 5 + output) that it takes, in CSR form; nothing without trees.
    """

    nodes: Indices
    root: Ints
    member_target: Ints
    member_server: Ints
    member_service_ps: Ints
    links: Crossings
    entries: Ints
    output_ptr: Ints
    outputs: Ints

    @property
    def multicast(self) -> bool:
        """Whether one packet serves all targets of its segment."""
        return len(self.nodes) > 0


def unicast_routes(n_homes: int, n_segments: int, server: Ints, service_ps: Ints) -> Routes:
    """Each packet goes to one target."""
    none = np.zeros((n_homes, n_segments), np.int64)
    outputs = np.zeros(n_homes * n_segments + 1, np.int64), np.zeros(0, np.int64)
    links = Crossings(none, none, none)
    return Routes(NO_NODES, none - 1, np.arange(len(server)), server, service_ps, links, none, *outputs)


def multicast_routes(
    home_router: Ints,
    home_rows: list[range],
    segment_rows: list[range],
    segment_targets: list[Ints],
    target_router: Ints,
    server: Ints,
    service_ps: Ints,
    placement: Placement,
) -> Routes:
    """One tree from each home core to the targets of each segment that it has rows of."""
    shape = (len(home_rows), len(segment_rows))
    table, root, grid = TreeTable(), np.full(shape, -1, np.int64), placement.grid
    counts = np.zeros((4, *shape), np.int64)
    outputs = [np.zeros(0, np.int64)] * len(root.reshape(-1))
    for home, segment in np.ndindex(shape):
        rows, members = segment_rows[segment], segment_targets[segment]
        overlap = range(max(rows.start, home_rows[home].start), min(rows.stop, home_rows[home].stop))
        if len(overlap) and len(members):
            tree = xy_tree(int(home_router[home]), target_router[members], grid)
            root[home, segment] = table.add(tree, members)
            crossed = crossings(*tree.edges, placement)
            sums = [int(links.sum()) for links in (crossed.hop_x, crossed.hop_y, crossed.chip_hop)]
            counts[:, home, segment] = *sums, len(np.unique(tree.node_of))
            outputs[home * len(segment_rows) + segment] = tree.outputs
    target = table.members
    links = Crossings(counts[0], counts[1], counts[2])
    ptr = np.cumsum([0, *map(len, outputs)])
    of_members = target, server[target], service_ps[target]
    return Routes(table.nodes, root, *of_members, links, counts[3], ptr, np.concatenate(outputs))

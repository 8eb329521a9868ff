"""The target cores of a stage as the kernel serves them: of cores that do the same at the same time, one is enough.

Two cores whose blocks take the spikes of the same rows, in the same time each, and to which every packet comes in the
same cycle, are never apart. Of those on one tile this holds with multicast, since a packet enters a tile once; without
a network it holds wherever they are. A layer of a large model fills hundreds of such cores.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.arrays import Ints


@dataclass(frozen=True)
class Servers:
    """M targets that stand for all G targets of a stage.

    Attributes
    ----------
    kept
        int64 [M]: the targets that stand for themselves and their twins, ascending.
    stand_in
        int64 [G]: place among ``kept`` of the target that stands for each.
    segment_ptr, segment_target
        int64 [S+1], [...]: the kept targets of each segment, in CSR form.
    server
        int64 [M]: number of the core of each kept target among their cores.
    """

    kept: Ints
    stand_in: Ints
    segment_ptr: Ints
    segment_target: Ints
    server: Ints


def merge_twins(server: Ints, place: Ints, times_ps: Ints, segment_ptr: Ints, segment_target: Ints) -> Servers:
    """Keep one core of those at the same place whose targets, in order, have the same segments and times.

    Parameters
    ----------
    server
        int64 [G]: core of each target.
    place
        int64 [G]: cores at different places are never twins.
    times_ps
        int64 [G, times]: all times of a target.
    segment_ptr, segment_target
        int64 [S+1], [...]: targets of each segment of rows.
    """
    n_segments = len(segment_ptr) - 1
    of_segment = np.zeros((len(server), n_segments), np.int64)
    of_segment[segment_target, np.repeat(np.arange(n_segments), np.diff(segment_ptr))] = 1
    alike = np.unique(np.column_stack([place, times_ps, of_segment]), axis=0, return_inverse=True)[1].reshape(-1)
    by_core: dict[int, list[int]] = {}
    for target, core in enumerate(server.tolist()):
        by_core.setdefault(core, []).append(target)
    first: dict[tuple[int, ...], list[int]] = {}  # work of a core -> targets of the first core with it
    stands = np.empty(len(server), np.int64)
    for targets in by_core.values():
        stands[targets] = first.setdefault(tuple(alike[targets].tolist()), targets)
    kept, stand_in = np.unique(stands, return_inverse=True)
    here = stands[segment_target] == segment_target
    kept_before = np.concatenate([[0], np.cumsum(here)])
    return Servers(
        kept=kept,
        stand_in=stand_in.reshape(-1).astype(np.int64),
        segment_ptr=kept_before[segment_ptr].astype(np.int64),
        segment_target=stand_in.reshape(-1)[segment_target[here]].astype(np.int64),
        server=np.unique(server[kept], return_inverse=True)[1].reshape(-1).astype(np.int64),
    )

"""The target cores of a stage as the kernel serves them: cores with the same work at the same time are simulated once.

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
    """M targets that represent all G targets of a stage.

    Attributes
    ----------
    representatives
        int64 [M]: the targets that are simulated, ascending.
    representative_of
        int64 [G]: place among ``representatives`` of the target that represents each.
    segment_ptr, segment_target
        int64 [S+1], [...]: the representatives of each segment, in CSR form.
    place
        int64 [...]: place of each of these among all targets of its segment.
    server
        int64 [M]: number of the core of each representative among their cores.
    """

    representatives: Ints
    representative_of: Ints
    segment_ptr: Ints
    segment_target: Ints
    place: Ints
    server: Ints


def deduplicate_cores(server: Ints, place: Ints, times_ps: Ints, segment_ptr: Ints, segment_target: Ints) -> Servers:
    """Deduplicate cores that behave identically: same place, same segments and service times, in order.

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
    return _servers(stands, server, segment_ptr, segment_target)


def slowest_cores(server: Ints, times_ps: Ints, segment_ptr: Ints, segment_target: Ints, one_by_one: bool) -> Servers:
    """The cores that may be the last to end a timestep without a network; the others are never behind them.

    A core with one target is never behind another one that takes the spikes of the same rows, each of them as late or
    later, and is as slow or slower in everything. A spike that is sent to its targets ``one_by_one`` comes later to
    those behind in its segment. Parameters as in `deduplicate_cores`, whose twins are left out too.
    """
    alike = deduplicate_cores(
        server, server if one_by_one else np.zeros_like(server), times_ps, segment_ptr, segment_target
    )
    stands = alike.representatives[alike.representative_of]
    n_segments = len(segment_ptr) - 1
    of_segment = np.zeros((len(server), n_segments), np.bool_)
    of_segment[segment_target, np.repeat(np.arange(n_segments), np.diff(segment_ptr))] = True
    alone = alike.representatives[np.bincount(server)[server[alike.representatives]] == 1]
    rows = np.unique(of_segment[alone], axis=0, return_inverse=True)[1].reshape(-1)
    ascending = alone if one_by_one else alone[np.lexsort(times_ps[alone].T)]
    group_of = dict(zip(alone.tolist(), rows.tolist(), strict=True))
    groups = np.array([group_of[target] for target in ascending.tolist()], np.int64)
    for group in range(len(set(group_of.values()))):
        left = ascending[groups == group]
        while len(left):
            behind = (times_ps[left] <= times_ps[left[-1]]).all(axis=1)
            stands[np.isin(stands, left[behind])] = left[-1]
            left = left[~behind]
    return _servers(stands, server, segment_ptr, segment_target)


def _servers(stands: Ints, server: Ints, segment_ptr: Ints, segment_target: Ints) -> Servers:
    """The servers that are simulated; ``stands`` int64 [G] is the target that stands for each."""
    representatives, representative_of = np.unique(stands, return_inverse=True)
    here = stands[segment_target] == segment_target
    kept_before = np.concatenate([[0], np.cumsum(here)])
    place = np.arange(len(segment_target)) - np.repeat(segment_ptr[:-1], np.diff(segment_ptr))
    return Servers(
        representatives=representatives,
        representative_of=representative_of.reshape(-1).astype(np.int64),
        segment_ptr=kept_before[segment_ptr].astype(np.int64),
        segment_target=representative_of.reshape(-1)[segment_target[here]].astype(np.int64),
        place=place[here].astype(np.int64),
        server=np.unique(server[representatives], return_inverse=True)[1].reshape(-1).astype(np.int64),
    )

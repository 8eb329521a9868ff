"""Compiled steps of the home cores: which neurons fire, and the packets they send.

`simulator.engine.oracle.reference_cores` says the same in plain Python.
"""

from __future__ import annotations

from typing import NamedTuple

from simulator.arrays import Ints
from simulator.compiled import ZERO, step, subroutine
from simulator.engine.kernels.stage_records import MARKER, Counts, Packets, Scratch, StageArrays, StageTotals

# How a count turns into packets: timestep by timestep (a graded count in its only one), bit by bit of its size or
# of its two's complement, once as it is (dense replay), or once in a timestep that tells its size.
UNARY, BITWISE, DENSE, TWOS, NESTED = 0, 1, 2, 3, 4
# Firing of a code (`simulator.trace.codes`) -> its number here.
FIRINGS: dict[str, int] = {"unary": UNARY, "bits": BITWISE, "twos": TWOS, "nested": NESTED}


class Emission(NamedTuple):
    """How far a home core is: packets so far, when its soma and its axons are done, spikes."""

    n: int
    soma_ps: int
    out_ps: int
    spikes: int


class HomeRanges(NamedTuple):
    """int64 [H]: range of each home in the packets by home, ``head`` used up by the merge; room for its heap."""

    head: Ints
    stop: Ints
    heap: Ints


@step
def fires(count: int, timestep: int, n_timesteps: int, code: int) -> bool:
    """Whether an activation with this count sends a packet in this timestep."""
    if code == DENSE:
        return True
    if code == TWOS:
        return (count >> timestep) & 1 == 1
    size = -count if count < 0 else count
    if code == BITWISE:
        return (size >> timestep) & 1 == 1
    if code == NESTED:
        return size == n_timesteps - timestep
    return size > timestep


@subroutine
def emit_run(
    counts: Counts,
    first: int,
    n_steps: int,
    marker_ps: int | None,
    stage: StageArrays,
    ranges: HomeRanges,
    work: Scratch,
    totals: StageTotals,
) -> tuple[int, int, int]:
    """All homes update their neurons and send, for ``n_steps`` timesteps without a pause from ``first`` on.

    Without barriers (``marker_ps``) a home ends each timestep with markers. Returns (packets, when the last home is
    done, spikes).
    """
    n = ZERO
    emitted_ps = ZERO
    spikes = ZERO
    for home in range(len(ranges.head)):
        ranges.head[home] = n
        done = Emission(n, ZERO, ZERO, spikes)
        for now in range(n_steps):
            done = emit_home(counts, home, first + now, now, stage, done, work.emitted)
            if marker_ps is not None:
                done = emit_markers(home, now, stage, done, work.emitted)
        n, spikes = done.n, done.spikes
        ranges.stop[home] = n
        totals.home_busy_ps[home] += max(done.soma_ps, done.out_ps)
        totals.home_soma_ps[home] += done.soma_ps
        emitted_ps = max(emitted_ps, done.soma_ps, done.out_ps)
    return n, emitted_ps, spikes


@step
def emit_home(
    counts: Counts, home: int, timestep: int, now: int, stage: StageArrays, done: Emission, emitted: Packets
) -> Emission:
    """Encoder neurons of one home core in order: update, fire, one packet per target or one to all of them.

    A group of lanes takes the idle time when none of it fires. ``now`` is the timestep as the run numbers it.
    """
    senders, soma = stage.senders, stage.senders.soma
    n, soma_ps, out_ps, spikes = done
    stop = senders.homes.stop[home]
    for group in range(senders.homes.start[home], stop, soma.lanes):
        end = min(group + soma.lanes, stop)
        fired = 0
        for row in range(group, end):
            if fires(counts[row], timestep, senders.n_timesteps, senders.code):
                fired += 1
        if fired == 0:
            soma_ps += soma.idle_ps
            continue
        soma_ps += soma.update_ps + fired * soma.fire_ps
        spikes += fired
        for row in range(group, end):
            if fires(counts[row], timestep, senders.n_timesteps, senders.code):
                so_far = Emission(n, soma_ps, out_ps, spikes)
                n, out_ps = send(row, senders.segment_of_row[row], home, now, stage, so_far, emitted)
    return Emission(n, soma_ps, out_ps, spikes)


@step
def emit_markers(home: int, now: int, stage: StageArrays, done: Emission, emitted: Packets) -> Emission:
    """One marker to each receiver of each segment that the home has rows of, behind all its spikes of the timestep."""
    senders = stage.senders
    n, soma_ps, out_ps, spikes = done
    out_ps = max(out_ps, soma_ps)
    before = -1
    for row in range(senders.homes.start[home], senders.homes.stop[home]):
        segment = senders.segment_of_row[row]
        if segment != before:
            before = segment
            n, out_ps = send(MARKER, segment, home, now, stage, Emission(n, soma_ps, out_ps, spikes), emitted)
    return Emission(n, soma_ps, out_ps, spikes)


@step
def send(
    row: int, segment: int, home: int, now: int, stage: StageArrays, done: Emission, emitted: Packets
) -> tuple[int, int]:
    """Send a row, or a marker, to the targets of a segment; returns (packets so far, when the axons are done)."""
    receivers = stage.with_network
    multicast = len(stage.paths.nodes) > 0
    n, out_ps = done.n, done.out_ps
    first, stop = receivers.ptr[segment], receivers.ptr[segment + 1]
    for k in range(first, min(stop, first + 1) if multicast else stop):
        out_ps = max(out_ps, done.soma_ps) + stage.senders.packet_ps
        emitted.ready_ps[n] = out_ps
        emitted.step[n] = now
        emitted.row[n] = row
        emitted.home[n] = home
        emitted.to[n] = segment if multicast else receivers.target_of[k]
        n += 1
    return n, out_ps


@subroutine
def merge_homes(ranges: HomeRanges, cycle_ps: int, work: Scratch) -> None:
    """Put the packets of all homes into the order of (injection cycle, home core, sequence).

    A binary heap holds the next packet of each home as cycle x homes + home: a pipeline has hundreds of homes.
    """
    emitted, packets, heap, n_homes = work.emitted, work.packets, ranges.heap, len(ranges.head)
    n_open = 0
    for home in range(n_homes):
        if ranges.head[home] < ranges.stop[home]:
            heap[n_open] = -(-emitted.ready_ps[ranges.head[home]] // cycle_ps) * n_homes + home
            n_open += 1
    for top in range(n_open // 2 - 1, -1, -1):
        sift_down(heap, top, n_open)
    n = 0
    while n_open > 0:
        home = heap[0] % n_homes
        p = ranges.head[home]
        packets.ready_ps[n] = emitted.ready_ps[p]
        packets.step[n] = emitted.step[p]
        packets.row[n] = emitted.row[p]
        packets.home[n] = emitted.home[p]
        packets.to[n] = emitted.to[p]
        work.cycle[n] = heap[0] // n_homes
        ranges.head[home] = p + 1
        n += 1
        if p + 1 < ranges.stop[home]:
            heap[0] = -(-emitted.ready_ps[p + 1] // cycle_ps) * n_homes + home
        else:
            n_open -= 1
            heap[0] = heap[n_open]
        sift_down(heap, 0, n_open)


@step
def sift_down(heap: Ints, top: int, n: int) -> None:
    """Let the key at ``top`` of a heap of ``n`` sink until none below it is smaller."""
    key = heap[top]
    child = 2 * top + 1
    while child < n:
        if child + 1 < n and heap[child + 1] < heap[child]:
            child += 1
        if heap[child] >= key:
            break
        heap[top] = heap[child]
        top = child
        child = 2 * top + 1
    heap[top] = key

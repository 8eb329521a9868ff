"""Compiled steps of the home cores: which neurons fire, and the packets they send.

`simulator.engine.oracle.reference_cores` says the same in plain Python.
"""

from __future__ import annotations

from typing import NamedTuple

from simulator.arrays import Ints
from simulator.compiled import ZERO, step
from simulator.engine.kernels.stage_records import MARKER, Counts, Packets, Receivers, StageArrays

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
    """int64 [H]: range of each home core in the packets by home core; int64 [n]: room for what is known of its rows.

    Attributes
    ----------
    first, stop
        The ranges.
    fired
        Rows of a home core that fire.
    walked_ps
        When each group of its lanes has been updated.
    """

    first: Ints
    stop: Ints
    fired: Ints
    walked_ps: Ints


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


@step
def emit_home(
    counts: Counts,
    home: int,
    timestep: int,
    now: int,
    stage: StageArrays,
    receivers: Receivers,
    done: Emission,
    emitted: Packets,
    fired: Ints,
) -> Emission:
    """Encoder neurons of one home core in order: update, fire, one packet per target or one to all of them.

    A group of lanes takes the idle time when none of it fires. ``now`` is the timestep as the run numbers it.
    """
    senders, soma = stage.senders, stage.senders.soma
    n, soma_ps, out_ps, spikes = done
    start, stop = senders.homes.start[home], senders.homes.stop[home]
    n_fired = fired_rows(counts, start, stop, timestep, senders.n_timesteps, senders.code, fired)
    group, k = ZERO, ZERO
    while k < n_fired:
        of_row = fired[k] - start if soma.lanes == 1 else (fired[k] - start) // soma.lanes
        end, first = start + (of_row + 1) * soma.lanes, k
        while k < n_fired and fired[k] < end:
            k += 1
        soma_ps += (of_row - group) * soma.idle_ps + soma.update_ps + (k - first) * soma.fire_ps
        group = of_row + 1
        for i in range(first, k):
            so_far = Emission(n, soma_ps, out_ps, spikes)
            n, out_ps = send(fired[i], senders.segment_of_row[fired[i]], home, now, stage, receivers, so_far, emitted)
    n_groups = (stop - start + soma.lanes - 1) // soma.lanes
    return Emission(n, soma_ps + (n_groups - group) * soma.idle_ps, out_ps, spikes + n_fired)


@step
def fired_rows(counts: Counts, start: int, stop: int, timestep: int, n_timesteps: int, code: int, fired: Ints) -> int:
    """Write the rows that fire into ``fired``; returns how many. Every row is written, so that nothing is guessed."""
    n = ZERO
    if code == UNARY:
        for row in range(start, stop):
            fired[n] = row
            n += abs(counts[row]) > timestep
        return n
    for row in range(start, stop):
        fired[n] = row
        n += fires(counts[row], timestep, n_timesteps, code)
    return n


@step
def emit_markers(
    home: int, now: int, stage: StageArrays, receivers: Receivers, done: Emission, emitted: Packets
) -> Emission:
    """One marker to each receiver of each segment of which the home core has rows, after its spikes of the timestep."""
    senders = stage.senders
    n, soma_ps, out_ps, spikes = done
    out_ps = max(out_ps, soma_ps)
    before = -1
    for row in range(senders.homes.start[home], senders.homes.stop[home]):
        segment = senders.segment_of_row[row]
        if segment != before:
            before = segment
            so_far = Emission(n, soma_ps, out_ps, spikes)
            n, out_ps = send(MARKER, segment, home, now, stage, receivers, so_far, emitted)
    return Emission(n, soma_ps, out_ps, spikes)


@step
def send(
    row: int,
    segment: int,
    home: int,
    now: int,
    stage: StageArrays,
    receivers: Receivers,
    done: Emission,
    emitted: Packets,
) -> tuple[int, int]:
    """Send a row, or a marker, to the targets of a segment; returns (packets so far, when the axons are done).

    Only packets to ``receivers`` are written down; those to the others leave as well.
    """
    multicast = len(stage.paths.nodes) > 0
    n, packet_ps = done.n, stage.senders.packet_ps
    begins_ps = max(done.out_ps, done.soma_ps)
    first, stop = receivers.ptr[segment], receivers.ptr[segment + 1]
    for k in range(first, min(stop, first + 1) if multicast else stop):
        emitted.ready_ps[n] = begins_ps + (receivers.place[k] + 1) * packet_ps
        emitted.step[n] = now
        emitted.row[n] = row
        emitted.home[n] = home
        emitted.to[n] = segment if multicast else receivers.target_of[k]
        n += 1
    copies = receivers.copies[segment]
    return n, begins_ps + copies * packet_ps if copies > 0 else done.out_ps

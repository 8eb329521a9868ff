"""Compiled steps that make the queue of packets of a run: what all home cores send, in the order of the network."""

from __future__ import annotations

from simulator.arrays import Ints
from simulator.compiled import ZERO, step, subroutine
from simulator.engine.kernels.emission import Emission, HomeRanges, emit_home, emit_markers
from simulator.engine.kernels.gathering import emit_gathered, note_size
from simulator.engine.kernels.stage_records import (
    DIGIT_BITS,
    Counts,
    HomeTotals,
    Packets,
    Receivers,
    Scratch,
    StageArrays,
)

DIGIT_MASK = (1 << DIGIT_BITS) - 1


@subroutine
def emit_run(
    counts: Counts,
    first: int,
    n_steps: int,
    marker_ps: int | None,
    stage: StageArrays,
    receivers: Receivers,
    ranges: HomeRanges,
    emitted: Packets,
    totals: HomeTotals,
) -> tuple[int, int, int]:
    """All home cores update their neurons and send, for ``n_steps`` timesteps without a pause from ``first`` on.

    Without barriers (``marker_ps``) a home core ends each timestep with markers. Returns (packets to ``receivers``,
    when the last home core is done, spikes).
    """
    n = ZERO
    emitted_ps = ZERO
    spikes = ZERO
    for home in range(len(ranges.first)):
        ranges.first[home] = n
        done = Emission(n, ZERO, ZERO, spikes)
        for now in range(n_steps):
            if stage.senders.form.gathers:
                done = emit_gathered(counts, home, first + now, now, stage, receivers, done, emitted, ranges)
            else:
                done = emit_home(counts, home, first + now, now, stage, receivers, done, emitted, ranges.fired)
            if marker_ps is not None:
                before = done.n
                done = emit_markers(home, now, stage, receivers, done, emitted)
                if stage.senders.form.gathers:
                    note_size(before, done.n, 1, 1, emitted)
        n, spikes = done.n, done.spikes
        ranges.stop[home] = n
        totals.busy_ps[home] += max(done.soma_ps, done.out_ps)
        totals.soma_ps[home] += done.soma_ps
        emitted_ps = max(emitted_ps, done.soma_ps, done.out_ps)
    return n, emitted_ps, spikes


@subroutine
def order_packets(n: int, n_homes: int, ranges: HomeRanges, cycle_ps: int, work: Scratch) -> None:
    """Put the packets of all home cores into the order of (injection cycle, home core, sequence).

    Those of each home core are in order already, one core after another, so a stable sort by cycle is enough: by the
    digits of the cycle, the lowest first (LSD radix sort; Knuth, The Art of Computer Programming 3, 5.2.5).
    """
    emitted, packets, keys, order = work.emitted, work.packets, work.keys, work.sorted
    most = ZERO
    per_ps = 1.0 / cycle_ps
    for p in range(n):
        cycle = cycle_at(emitted.ready_ps[p], cycle_ps, per_ps)
        keys[p] = cycle
        order[p] = p
        most = max(most, cycle)
    shift = ZERO
    here, there = order, work.sorted_next
    while n_homes > 1 and most >> shift > 0:
        sort_digit(n, shift, keys, here, there, work.buckets)
        here, there = there, here
        shift += DIGIT_BITS
    for k in range(n):
        p = here[k]
        packets.ready_ps[k] = emitted.ready_ps[p]
        packets.step[k] = emitted.step[p]
        packets.row[k] = emitted.row[p]
        packets.home[k] = emitted.home[p]
        packets.to[k] = emitted.to[p]
        work.cycle[k] = keys[p]
    for k in range(min(n, len(packets.spikes))):
        packets.spikes[k] = emitted.spikes[here[k]]
        packets.flits[k] = emitted.flits[here[k]]


@step
def cycle_at(ready_ps: int, cycle_ps: int, per_ps: float) -> int:
    """First cycle that begins at ``ready_ps`` or later. A product finds it at a tenth of the cost of a division."""
    cycle = int(ready_ps * per_ps)
    while cycle * cycle_ps < ready_ps:
        cycle += 1
    while (cycle - 1) * cycle_ps >= ready_ps:
        cycle -= 1
    return cycle


@step
def sort_digit(n: int, shift: int, keys: Ints, here: Ints, there: Ints, buckets: Ints) -> None:
    """Sort the packets ``here`` by one digit of their keys into ``there``, those of one digit as they are."""
    buckets[:] = 0
    for k in range(n):
        buckets[(keys[here[k]] >> shift) & DIGIT_MASK] += 1
    begin = ZERO
    for digit in range(len(buckets)):
        size = buckets[digit]
        buckets[digit] = begin
        begin += size
    for k in range(n):
        p = here[k]
        digit = (keys[p] >> shift) & DIGIT_MASK
        there[buckets[digit]] = p
        buckets[digit] += 1

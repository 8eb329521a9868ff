"""Compiled steps of home cores that gather spikes: lists and bitmaps of neighbours with the same targets.

`simulator.engine.oracle.reference_packets` says the same in plain Python.
"""

from __future__ import annotations

from typing import NamedTuple

from simulator.compiled import ZERO, step, subroutine
from simulator.engine.kernels.emission import Emission, HomeRanges, fired_rows, send
from simulator.engine.kernels.stage_records import Counts, PacketForm, Packets, Receivers, Soma, StageArrays


class Run(NamedTuple):
    """Neurons of a home core with the same targets, and their places among those that fire.

    Attributes
    ----------
    neurons
        How many there are.
    first, stop
        Range of the neurons among those that fire.
    end_ps
        When the last of them has been updated.
    """

    neurons: int
    first: int
    stop: int
    end_ps: int


@subroutine
def emit_gathered(
    counts: Counts,
    home: int,
    timestep: int,
    now: int,
    stage: StageArrays,
    receivers: Receivers,
    done: Emission,
    emitted: Packets,
    ranges: HomeRanges,
) -> Emission:
    """As `emission.emit_home`, with several spikes in a packet."""
    senders, lanes = stage.senders, stage.senders.soma.lanes
    start, stop = senders.homes.start[home], senders.homes.stop[home]
    n_fired = fired_rows(counts, start, stop, timestep, senders.n_timesteps, senders.code, ranges.fired)
    n, soma_ps, out_ps, spikes = done
    soma_ps = walk(start, stop, n_fired, senders.soma, soma_ps, ranges)
    row, first = start, ZERO
    while row < stop:
        segment = senders.segment_of_row[row]
        end, k = row, first
        while end < stop and senders.segment_of_row[end] == segment:
            end += 1
        while k < n_fired and ranges.fired[k] < end:
            k += 1
        run = Run(end - row, first, k, ranges.walked_ps[(end - 1 - start) // lanes])
        so_far = Emission(n, soma_ps, out_ps, spikes)
        n, out_ps = send_run(run, segment, home, now, stage, receivers, so_far, emitted, ranges)
        row, first = end, k
    return Emission(n, soma_ps, out_ps, spikes + n_fired)


@step
def walk(start: int, stop: int, n_fired: int, soma: Soma, soma_ps: int, ranges: HomeRanges) -> int:
    """Write when each group of lanes has been updated into ``ranges.walked_ps``; returns when all have."""
    k = ZERO
    for group in range((stop - start + soma.lanes - 1) // soma.lanes):
        end, first = start + (group + 1) * soma.lanes, k
        while k < n_fired and ranges.fired[k] < end:
            k += 1
        soma_ps += soma.idle_ps if k == first else soma.update_ps + (k - first) * soma.fire_ps
        ranges.walked_ps[group] = soma_ps
    return soma_ps


@step
def send_run(
    run: Run,
    segment: int,
    home: int,
    now: int,
    stage: StageArrays,
    receivers: Receivers,
    done: Emission,
    emitted: Packets,
    ranges: HomeRanges,
) -> tuple[int, int]:
    """Send the spikes of a run; returns (packets so far, when the axons are done)."""
    form, start, lanes = stage.senders.form, stage.senders.homes.start[home], stage.senders.soma.lanes
    n, _, out_ps, spikes = done
    first = run.first
    while first < run.stop:
        size, flits, ready_ps = run.stop - first, ZERO, run.end_ps
        if first == run.first and form.bitmap and is_shorter(size, run.neurons, form):
            flits = bitmap_flits(size, run.neurons, form)
        else:
            size = min(size, form.spikes)
            flits = list_flits(size, form)
            if size == form.spikes and not form.bitmap:
                ready_ps = ranges.walked_ps[(ranges.fired[first + size - 1] - start) // lanes]
        before, so_far = n, Emission(n, ready_ps, out_ps, spikes)
        n, out_ps = send(ranges.fired[first], segment, home, now, stage, receivers, so_far, emitted)
        note_size(before, n, size, flits, emitted)
        first += size
    return n, out_ps


@step
def note_size(first: int, stop: int, spikes: int, flits: int, emitted: Packets) -> None:
    """Write down spikes and flits of the packets ``first`` to ``stop``."""
    for p in range(first, stop):
        emitted.spikes[p] = spikes
        emitted.flits[p] = flits


@step
def list_flits(spikes: int, form: PacketForm) -> int:
    """Flits of a packet that lists so many spikes."""
    bits = form.header_bits + (spikes - 1) * form.address_bits + spikes * form.payload_bits
    return (max(bits, 1) + form.flit_bits - 1) // form.flit_bits


@step
def bitmap_flits(spikes: int, neurons: int, form: PacketForm) -> int:
    """Flits of a packet with a bit for each neuron of a run."""
    return (form.header_bits + neurons + spikes * form.payload_bits + form.flit_bits - 1) // form.flit_bits


@step
def is_shorter(spikes: int, neurons: int, form: PacketForm) -> bool:
    """Whether a bitmap has fewer flits than the lists of a run, or as many as several lists."""
    full, left = spikes // form.spikes, spikes % form.spikes
    packets, flits = full, full * list_flits(form.spikes, form)
    if left > 0:
        packets += 1
        flits += list_flits(left, form)
    as_bitmap = bitmap_flits(spikes, neurons, form)
    return as_bitmap < flits or (as_bitmap == flits and packets > 1)

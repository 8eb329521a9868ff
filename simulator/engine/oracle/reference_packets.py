"""The oracle of spikes that leave together: lists of addresses and bitmaps (`noc.packet` of the chip file).

A home core gathers the spikes of neighbours with the same targets, its *run*, in the order of its neurons. A packet
leaves when it lists as many spikes as it has room for, or when the last neuron of the run has been updated. With
bitmaps the core looks at all spikes of the run before any of them leaves. One packet with a bit for each neuron of the
run goes in place of the lists where it has fewer flits, or as many as several lists.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import groupby

from simulator.config.chip import ChipConfig
from simulator.mapping.placement import Block
from simulator.trace.encoding import Encoding

Rows = tuple[int, ...]


class SpikeFormat:
    """Flits of the packets of spikes of one chip and code."""

    def __init__(self, encoding: Encoding, chip: ChipConfig) -> None:
        self.form, self.flit_bits = chip.noc.packet, chip.noc.flit_bits
        carries_count = chip.replay == "dense" or encoding.multiplies
        self.payload = len(f"{encoding.levels:b}") + encoding.signed if carries_count else encoding.payload_bits
        number_axons = math.ceil(math.log2(chip.core.limits.axons_in))
        self.address = number_axons if self.form.address is None else self.form.address

    def of_list(self, spikes: int) -> int:
        """The header, which has the first address, the other addresses, and what each spike carries; at least one."""
        bits = self.form.header + sum(self.address for _ in range(spikes - 1)) + spikes * self.payload
        return max(1, math.ceil(bits / self.flit_bits))

    def of_bitmap(self, spikes: int, neurons: int) -> int:
        """The header, a bit for each neuron, and what each spike carries."""
        return math.ceil((self.form.header + neurons + spikes * self.payload) / self.flit_bits)

    def lists(self, spikes: list[int]) -> list[tuple[Rows, int]]:
        """The packets that list ``spikes``, each as (rows, flits): all full but the last."""
        most = self.form.spikes
        parts = [tuple(spikes[at : at + most]) for at in range(0, len(spikes), most)]
        return [(part, self.of_list(len(part))) for part in parts]

    def at_the_end(self, spikes: list[int], neurons: int) -> list[tuple[Rows, int]]:
        """What leaves when the last of the ``neurons`` of a run has been updated, each as (rows, flits)."""
        lists = self.lists(spikes)
        if self.form.bitmap and spikes:
            flits = self.of_bitmap(len(spikes), neurons)
            if (flits, 1) < (sum(n for _, n in lists), len(lists)):
                return [(tuple(spikes), flits)]
        return lists


class Gathering:
    """The spikes of a home core that have not left yet; its neurons come by in order."""

    def __init__(self, runs: list[range], form: SpikeFormat) -> None:
        self.form, self.waiting = form, list[int]()
        self.run_of = {row: run for run in runs for row in run}

    def updated(self, row: int, fires: bool) -> Iterator[tuple[Rows, int]]:
        """What leaves when a neuron has been updated, each as (rows, flits)."""
        run = self.run_of[row]
        if fires:
            self.waiting.append(row)
        if len(self.waiting) == self.form.form.spikes and not self.form.form.bitmap:
            yield from self.leave(run)
        if row == run[-1]:
            yield from self.leave(run)

    def leave(self, run: range) -> Iterator[tuple[Rows, int]]:
        """All that wait leave."""
        yield from self.form.at_the_end(self.waiting, len(run))
        self.waiting = []


def runs_of(home: Block, receivers: list[list[list[Block]]]) -> list[range]:
    """The neurons of a home core cut where their targets change; ``receivers`` are those of each."""
    runs, first = [], home.col_start
    for _, same in groupby(receivers):
        runs.append(range(first, first + len(list(same))))
        first = runs[-1].stop
    return runs

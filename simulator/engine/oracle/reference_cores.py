"""The oracle of the cores: what home cores send in a timestep, what targets do with it, and what that counts."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from simulator.config.provenance import Action
from simulator.engine.oracle.reference_network import Delivery, Packet, ReferenceChipNetwork
from simulator.engine.oracle.reference_packets import Gathering, SpikeFormat, runs_of
from simulator.engine.oracle.reference_reuse import SharedRows, add_suffixes
from simulator.mapping.mapped import Mapped
from simulator.mapping.placement import Block
from simulator.trace.codes import Firing
from simulator.trace.trace_program import Stage

# When a count fires in timestep t of T, by the firing of its code (`simulator.trace.codes`).
FIRES: dict[Firing, Callable[[int, int, int], bool]] = {
    "unary": lambda count, t, n_timesteps: abs(count) > t,
    "bits": lambda count, t, n_timesteps: bool(abs(count) >> t & 1),
    "twos": lambda count, t, n_timesteps: bool(count >> t & 1),
}


@dataclass(frozen=True)
class Event:
    """One delivery of a spike packet in its token and timestep."""

    stage: str
    token: int
    timestep: int
    delivery: Delivery


@dataclass
class ReferenceResult:
    """Counts per (layer, component, action), spike packets; start and end of each token.

    Of each core busy and stall ps, slots lost in bank conflicts, and the time and the barriers of the stages it takes
    part in; of each (core, unit) busy and stall ps.
    """

    counts: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    events: list[Event] = field(default_factory=list)
    busy_ps: Counter[int] = field(default_factory=Counter)
    stall_ps: Counter[int] = field(default_factory=Counter)
    active_ps: Counter[int] = field(default_factory=Counter)
    barrier_ps: Counter[int] = field(default_factory=Counter)
    unit_busy_ps: Counter[tuple[int, str]] = field(default_factory=Counter)
    unit_stall_ps: Counter[tuple[int, str]] = field(default_factory=Counter)
    word_conflicts: Counter[int] = field(default_factory=Counter)
    accumulator_conflicts: Counter[int] = field(default_factory=Counter)
    start_ps: dict[int, int] = field(default_factory=dict)
    end_ps: dict[int, int] = field(default_factory=dict)


class ReferenceCores:
    """The cores of a mapped trace, and what they have done so far."""

    def __init__(self, mapped: Mapped) -> None:
        self.trace, self.chip, self.placement, self.stored = mapped.trace, mapped.chip, mapped.placement, mapped.stored
        self.found = ReferenceResult()
        self.network = ReferenceChipNetwork(mapped.placement, mapped.chip)
        self.shared_rows = SharedRows(self)
        self.spike_format = SpikeFormat(self.trace.encoding, self.chip)
        self._runs: dict[Block, list[range]] = {}

    def count(self, layer: str, component: str, action: str, times: int = 1) -> None:
        """Note that an action was done."""
        self.found.counts[layer, component, action] += times

    def work(self, core: int, unit: str, ps: int) -> None:
        """Note that a unit of a core worked for so long."""
        self.found.unit_busy_ps[core, unit] += ps

    def lockstep(self, core: int, parts: dict[str, int], taken: int) -> None:
        """Units of a core work side by side; one that is done, if it had anything to do, waits until all are."""
        for unit, ps in parts.items():
            self.work(core, unit, ps)
            self.found.unit_stall_ps[core, unit] += taken - ps if ps else 0

    def blocks(self, owner: str) -> list[Block]:
        """Blocks of a layer or stage."""
        return [block for block in self.placement.blocks if block.owner == owner]

    def n_timesteps(self) -> int:
        """Timesteps in which the chip replays a stream."""
        return 1 if self.chip.replay == "dense" else self.trace.encoding.n_timesteps

    def counts_of(self, stage: Stage, token: int) -> list[int]:
        """Spike counts of a stage's stream for one token."""
        assert stage.stream is not None
        return [int(n) for n in self.trace.spike_counts(stage.stream)[token]]

    def fires(self, count: int, t: int) -> bool:
        """Whether an activation with this spike count sends a packet in timestep t."""
        if self.chip.replay == "dense":
            return True
        if self.nested():  # the whole train in one packet, the largest count first
            return abs(count) == self.n_timesteps() - t
        return FIRES[self.trace.encoding.spec.firing](count, t, self.n_timesteps())

    def fires_at_home(self, count: int, t: int) -> bool:
        """The same for a local stream, whose trains are never nested."""
        return abs(count) > t if self.nested() else self.fires(count, t)

    def nested(self) -> bool:
        """Whether a unary train is sent as one packet, and its sums are sums over suffixes."""
        return self.chip.core.synapse.reuse == "nested" and self.chip.replay == "captured"

    def emit(
        self, home: Block, stage: Stage, t: int, counts: list[int], soma_ps: int = 0, out_ps: int = 0
    ) -> tuple[list[Packet], int, int]:
        """Encoder neurons of one core in order, a group of lanes at a time.

        ``soma_ps`` and ``out_ps`` are when its soma and its axons begin; returns the packets and when the two are done.
        """
        soma, packets = self.chip.core.soma, []
        gathering = Gathering(self.runs(home, stage), self.spike_format)
        for first in range(home.col_start, home.col_stop, soma.lanes):
            group = range(first, min(first + soma.lanes, home.col_stop))
            fired = [row for row in group if self.fires(counts[row], t)]
            taken = soma.update.latency.value if fired else soma.update_idle.latency.value
            taken += len(fired) * soma.fire.latency.value
            soma_ps += taken
            self.work(home.core, "soma", taken)
            self.count(home.owner, "soma", "update", len(fired))
            self.count(home.owner, "soma", "update_idle", len(group) - len(fired))
            self.count(home.owner, "soma", "fire", len(fired))
            leaving = [packet for row in group for packet in gathering.updated(row, row in fired)]
            for rows, flits in leaving:
                for receivers in self.receivers(stage, rows[0]):
                    out_ps = max(out_ps, soma_ps) + self.chip.core.axon_out.packet.latency.value
                    packet = Packet(home, rows, out_ps, flits, multicast=self.chip.noc.multicast)
                    packet.deliveries += [Delivery(packet, block, self.service_ps(block, rows)) for block in receivers]
                    packets.append(packet)
        return packets, soma_ps, out_ps

    def runs(self, home: Block, stage: Stage) -> list[range]:
        """The neurons of a home core cut where their targets change."""
        if home not in self._runs:
            rows = range(home.col_start, home.col_stop)
            self._runs[home] = runs_of(home, [self.receivers(stage, row) for row in rows])
        return self._runs[home]

    def receivers(self, stage: Stage, row: int) -> list[list[Block]]:
        """Receivers of each packet with a spike of this row: one each, or with multicast all of one packet."""
        targets = [b for i in stage.layers for b in self.blocks(i) if b.row_start <= row < b.row_stop]
        if self.chip.noc.multicast:
            return [targets] if targets else []
        return [[target] for target in targets]

    def accumulate(self) -> tuple[str, Action]:
        """What a dendrite does for each weight: a multiply-accumulate where packets carry counts."""
        dendrite = self.chip.core.dendrite
        if self.trace.encoding.multiplies and self.chip.replay == "captured":
            assert dendrite.multiply_accumulate is not None
            return "multiply_accumulate", dendrite.multiply_accumulate
        return "accumulate", dendrite.accumulate

    def shape(self, block: Block) -> tuple[int, int]:
        """(SRAM words, native synapses) of one row of a layer's block."""
        bits = self.trace.layer_by_id[block.owner].weight_bits
        words = math.ceil(block.n_cols * bits / self.chip.core.sram.word)
        return words, block.n_cols * math.ceil(bits / self.chip.core.synapse.weight_bits)

    def service_ps(self, block: Block, rows: tuple[int, ...]) -> int:
        """Slowest unit of the pipeline for each row of a spike packet, one after another, plus the overhead."""
        return sum(max(self.unit_ps(block, row).values()) for row in rows) + self.chip.core.overhead.value

    def unit_ps(self, block: Block, row: int) -> dict[str, int]:
        """Time of each unit of the pipeline for one spike of a row."""
        core = self.chip.core
        turns = len(self.turns(block))
        read_ps = (core.synapse.word_interval or core.synapse.word_read.latency).value
        packets, fetches = self.shared_rows.share(block)
        fetch_ps = -(-read_ps * sum(self.word_slots(block, row)) * fetches // packets)
        update_ps = self.accumulator_ps() * sum(self.accumulator_slots(block))
        return {
            "axon_in": core.axon_in.lookup.latency.value,
            "synapse": max(fetch_ps, core.synapse.synop.latency.value * turns),
            "dendrite": max(update_ps, self.accumulate()[1].latency.value * turns),
        }

    def accumulator_ps(self) -> int:
        """Time for which one accumulator keeps its bank: it is read and written back, or lies in a register."""
        dendrite = self.chip.core.dendrite
        if dendrite.accumulators == "registers":
            return 0
        assert dendrite.accumulator_read is not None
        assert dendrite.accumulator_write is not None
        return dendrite.accumulator_read.latency.value + dendrite.accumulator_write.latency.value

    def accumulator_slots(self, block: Block) -> list[int]:
        """Slots of each turn of the lanes: as many as the bank has to serve that serves most accumulators of it.

        Neurons of a core lie in the banks in turn, those of its blocks one after another. All native synapses of a
        weight go to one accumulator.
        """
        banks = self.chip.core.dendrite.accumulator_banks or self.chip.core.synapse.lanes
        first = sum(b.n_cols for b in self.before(block))
        return [max(Counter((first + neuron) % banks for neuron, _ in turn).values()) for turn in self.turns(block)]

    def word_slots(self, block: Block, row: int) -> list[int]:
        """Slots per turn for the SRAM words of a row: words needed in this turn that were not read before.

        Words of a core lie in the banks in turn: its blocks one after another, in these the rows.
        """
        words = self.shape(block)[0]
        first = sum(b.n_rows * self.shape(b)[0] for b in self.before(block)) + (row - block.row_start) * words
        slots, read = [], 0
        for turn in self.turns(block):
            needed = math.ceil(turn[-1][1] / self.chip.core.sram.word)
            banks = Counter((first + word) % self.chip.core.sram.banks for word in range(read, needed))
            slots.append(max(banks.values(), default=0))
            read = needed
        return slots

    def turns(self, block: Block) -> list[list[tuple[int, int]]]:
        """Native synapses of a row, as many in each turn as there are lanes: (neuron, end of its bits in the row)."""
        width, native = self.trace.layer_by_id[block.owner].weight_bits, self.chip.core.synapse.weight_bits
        ends = [min(native * (i + 1), width) for i in range(math.ceil(width / native))]
        synapses = [(neuron, neuron * width + end) for neuron in range(block.n_cols) for end in ends]
        lanes = self.chip.core.synapse.lanes
        return [synapses[at : at + lanes] for at in range(0, len(synapses), lanes)]

    def before(self, block: Block) -> list[Block]:
        """Blocks of layers that lie in the memories of a core before this one."""
        there = [b for b in self.placement.blocks if b.core == block.core and b.role == "layer"]
        return there[: there.index(block)]

    def count_served(self, block: Block, rows: tuple[int, ...], token: int) -> None:
        """What a target core does for one packet of spikes; units that are done with a row wait for the slowest."""
        parts: Counter[str] = Counter()
        for row in rows:
            self.count_row(block, row, token)
            parts.update(self.unit_ps(block, row))
        self.lockstep(block.core, parts, self.service_ps(block, rows))

    def count_row(self, block: Block, row: int, token: int) -> None:
        """What a target core does for one spike of a row."""
        fetches = self.shared_rows.fetches(block, row, token)
        words, synops = self.shape(block)
        layer = block.owner
        self.count(layer, "axon_in", "lookup")
        self.count(layer, "synapse", "word_read", words if fetches else 0)
        self.count(layer, "synapse", "synop", synops)
        self.count(layer, "dendrite", self.accumulate()[0], synops)
        self.count_accumulators(layer, synops)
        if fetches:
            self.found.word_conflicts[block.core] += sum(max(n - 1, 0) for n in self.word_slots(block, row))
        if self.chip.core.dendrite.accumulators == "sram":
            self.found.accumulator_conflicts[block.core] += sum(n - 1 for n in self.accumulator_slots(block))

    def count_accumulators(self, layer: str, times: int) -> None:
        """Accumulators that were read and written back, where they lie in a memory."""
        if self.chip.core.dendrite.accumulators == "sram":
            self.count(layer, "dendrite", "accumulator_read", times)
            self.count(layer, "dendrite", "accumulator_write", times)

    def update(self, block: Block, received: bool) -> int:
        """Neurons of a target at the end of a timestep: sums over suffixes, updates if the chip does them in each."""
        soma, added = self.chip.core.soma, add_suffixes(self, block) if self.nested() else 0
        if soma.every == "stage":
            return added
        action = soma.update if received else soma.update_idle
        taken = math.ceil(block.n_cols / soma.lanes) * action.latency.value
        self.count(block.owner, "soma", "update" if received else "update_idle", block.n_cols)
        self.found.busy_ps[block.core] += taken
        self.work(block.core, "soma", taken)
        return added + taken

    def carry(self, packets: list[Packet]) -> int:
        """Sort packets by (cycle, core, sequence), let the network deliver them, count senders' axons and links.

        Returns the time before which the network is not done.
        """
        for p in packets:
            p.cycle = math.ceil(p.ready_ps / self.chip.noc.cycle.value)
            self.count(p.sender.owner, "axon_out", "packet")
            self.work(p.sender.core, "axon_out", self.chip.core.axon_out.packet.latency.value)
            self.count(p.sender.owner, "noc", "local", p.flits * len(self.network.routers(p)))
            for router, direction in self.network.links(p):
                self.count(p.sender.owner, "noc", self.network.kind(router, direction), p.flits)
        packets.sort(key=lambda p: (p.cycle, p.sender.core))  # stable: the sequence decides last
        return self.network.deliver(packets)

    def serve(self, packets: list[Packet]) -> dict[int, int]:
        """Cores serve packets in order of arrival; returns when each core is free."""
        free: dict[int, int] = {}
        deliveries = [delivery for p in packets for delivery in p.deliveries]
        for d in sorted(deliveries, key=lambda d: d.arrival_ps):
            core = d.receiver.core
            d.start_ps = max(d.taken_ps, free.get(core, 0))
            d.done_ps = d.start_ps + d.service_ps
            free[core] = d.done_ps
            self.found.busy_ps[core] += d.service_ps
        return free

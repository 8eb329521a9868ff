"""The oracle: the whole simulation in plain Python, written to be read; the compiled engine equals it event for event.

It shares nothing with the engine but the records, the cut of layers into blocks and the oracle of the network
(`reference_noc`); the ops are in `reference_ops`, the schedule in `reference_schedule`. Time passes in rounds, in each
of which one stage or several work, each on one token: one stage at a time when tokens are sequential, as many as there
are tokens in the chip when they are pipelined. What the stages of a round do, they do together; a round is

1. values arrive at its home cores (`collect`), and where there are several of these, they tell each other one number
   per norm and per encoder (`exchange`);
2. its ops run on the vector units of the home cores; an op may be driven by the spikes of a stream of its own, which
   fire there and are sent nowhere;
3. in each timestep the home cores update their neurons one by one and send a packet for each spike and target core, the
   network carries the packets, the target cores serve them in order of arrival and update their neurons;
4. partial sums travel to the block that holds the first rows (`reduce`).

Timesteps, collects and reductions each end with a barrier. Every step starts with an idle network, and ends when the
last of the stages is done.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise

from simulator.config.chip import Action, ChipConfig
from simulator.engine.reference_network import Delivery, Packet, ReferenceChipNetwork
from simulator.engine.reference_ops import op_ps, op_work
from simulator.engine.reference_schedule import Active, chunk_of, rounds
from simulator.mapping.placement import Block, Placement
from simulator.trace.trace import PHASES, Stage, Trace


@dataclass(frozen=True)
class Event:
    """One delivery of a spike packet in its token and timestep."""

    stage: str
    token: int
    timestep: int
    delivery: Delivery


@dataclass
class ReferenceResult:
    """Counts per (layer, component, action), spike packets, busy and stall ps per core; start and end of each token."""

    counts: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    events: list[Event] = field(default_factory=list)
    busy_ps: Counter[int] = field(default_factory=Counter)
    stall_ps: Counter[int] = field(default_factory=Counter)
    start_ps: dict[int, int] = field(default_factory=dict)
    end_ps: dict[int, int] = field(default_factory=dict)

    @property
    def token_ps(self) -> list[int]:
        """Time of each token in the chip."""
        return [self.end_ps[token] - self.start_ps[token] for token in sorted(self.end_ps)]


def reference_simulate(trace: Trace, chip: ChipConfig, placement: Placement) -> ReferenceResult:
    """Replay ``trace`` round by round; slow, for small cases."""
    oracle = _Oracle(trace, chip, placement)
    found, now = oracle.found, 0
    for active in rounds(trace, chip.schedule):
        ended = now + oracle.round(active)
        for stage, token in active:
            found.start_ps.setdefault(token, now)
            if stage is trace.stages[-1]:
                found.end_ps[token] = ended
        now = ended
    found.stall_ps = oracle.network.stall_ps
    return found


class _Oracle:
    def __init__(self, trace: Trace, chip: ChipConfig, placement: Placement) -> None:
        self.trace, self.chip, self.placement = trace, chip, placement
        self.found = ReferenceResult()
        self.network = ReferenceChipNetwork(placement, chip)

    def count(self, layer: str, component: str, action: str, times: int = 1) -> None:
        """Note that an action was done."""
        self.found.counts[layer, component, action] += times

    def blocks(self, owner: str) -> list[Block]:
        """Blocks of a layer or stage."""
        return [block for block in self.placement.blocks if block.owner == owner]

    # ---------------------------------------------------------------- a round

    def round(self, active: Active) -> int:
        """All steps of the stages at work, each on its token; returns the time in ps."""
        stages = [stage for stage, _ in active]
        taken = self.collect(stages) + self.exchange(stages)
        taken += max(self.ops(stage, token) for stage, token in active)
        taken += self.load(active)
        spiking = [(stage, token) for stage, token in active if stage.stream is not None]
        for t in range(self.n_timesteps() if spiking else 0):
            taken += self.timestep(spiking, t) + self.barrier()
        taken += max([self.soma_after_stage(stage) for stage, _ in spiking], default=0)
        return taken + self.reduce(stages)

    def n_timesteps(self) -> int:
        """Timesteps in which the chip replays a stream."""
        return 1 if self.chip.replay == "dense" else self.trace.encoding.n_timesteps

    def barrier(self) -> int:
        """One barrier: linear in the tiles in use between the points of the chip file, constant outside them."""
        self.count("chip", "sync", "barrier")
        used = len({int(self.placement.core_router[block.core]) for block in self.placement.blocks})
        points = self.chip.sync.barrier.latency
        if used <= points[0].tiles:
            return points[0].value
        for low, high in pairwise(points):
            if used <= high.tiles:
                part = (used - low.tiles) / (high.tiles - low.tiles)
                return round(low.value + part * (high.value - low.value))
        return points[-1].value

    def ops(self, stage: Stage, token: int) -> int:
        """The work of no layer: ops one after another, each spread evenly over all home cores."""
        homes = self.blocks(stage.stage_id)
        taken = 0
        for op_id in stage.ops:
            work = op_work(self.trace.op[op_id], self.trace, token, self.n_timesteps(), self.fires)
            for (component, action), times in work.items():
                self.count(op_id, component, action, times)
            taken += op_ps(work, self.chip, len(homes))
        for home in homes:
            self.found.busy_ps[home.core] += taken
        return taken

    def load(self, active: Active) -> int:
        """Streamed weights, when the first token of a chunk comes; one channel per chip; returns the time of all."""
        dram, total = self.chip.dram, 0
        if dram is None:
            return 0
        for stage, token in active:
            chunk = chunk_of(self.trace, token, self.chip.schedule.chunk)
            for layer_id in stage.layers if token == chunk[0] else ():
                if layer_id in self.placement.streamed:
                    bursts = sum(len(self.bursts(block, stage, chunk)) for block in self.blocks(layer_id))
                    self.count(layer_id, "dram", "read", bursts * dram.burst)
                    total += bursts
        return math.ceil(total / self.placement.n_chips) * dram.access.value

    def bursts(self, block: Block, stage: Stage, chunk: list[int]) -> set[int]:
        """Numbers of the bursts that hold a bit of a row that a token of the chunk wants: every row, or any spike's."""
        assert self.chip.dram is not None
        row_bits = self.shape(block)[0] * self.chip.core.sram.word
        every = self.chip.dram.fetch == "all" or self.chip.replay == "dense"
        counts = [self.counts_of(stage, token) for token in chunk]
        return {
            bit // self.chip.dram.burst
            for row in range(block.row_start, block.row_stop)
            if every or any(of_token[row] != 0 for of_token in counts)
            for bit in range((row - block.row_start) * row_bits, (row - block.row_start + 1) * row_bits)
        }

    # ---------------------------------------------------------------- a timestep

    def timestep(self, active: Active, t: int) -> int:
        """Homes send, the network carries, targets serve and update; returns the time until all are done."""
        packets: list[Packet] = []
        end = 0
        for stage, token in active:
            counts = self.counts_of(stage, token)
            for home in self.blocks(stage.stage_id):
                sent, emitted = self.emit(home, stage, t, counts)
                packets += sent
                end = max(end, emitted)
                self.found.busy_ps[home.core] += emitted
        end = max(end, self.carry(packets))
        free = self.serve(packets)
        for block in [b for stage, _ in active for layer_id in stage.layers for b in self.blocks(layer_id)]:
            received = [d for p in packets for d in p.deliveries if d.receiver is block]
            free[block.core] = free.get(block.core, 0) + self.update(block, bool(received))
            end = max(end, free[block.core])
        token_of = {stage.stage_id: token for stage, token in active}
        for p in packets:
            for delivery in p.deliveries:
                self.count_served(delivery.receiver, token_of[p.sender.owner])
                self.found.events.append(Event(p.sender.owner, token_of[p.sender.owner], t, delivery))
        return end

    def counts_of(self, stage: Stage, token: int) -> list[int]:
        """Spike counts of a stage's stream for one token."""
        assert stage.stream is not None
        return [int(n) for n in self.trace.counts(stage.stream)[token]]

    def fires(self, count: int, t: int) -> bool:
        """Whether an activation with this spike count sends a packet in timestep t."""
        if self.chip.replay == "dense":
            return True
        if self.trace.encoding.code == "bitwise":
            return bool(abs(count) >> t & 1)
        if self.trace.encoding.code == "bitwise_twos":
            return bool(count >> t & 1)
        if self.trace.encoding.code == "graded":
            return count != 0
        return abs(count) > t

    def emit(self, home: Block, stage: Stage, t: int, counts: list[int]) -> tuple[list[Packet], int]:
        """Encoder neurons of one core in order, a group of lanes at a time; returns packets and the end of its work."""
        soma = self.chip.core.soma
        soma_ps = out_ps = 0
        packets = []
        for first in range(home.col_start, home.col_stop, soma.lanes):
            group = range(first, min(first + soma.lanes, home.col_stop))
            fired = [row for row in group if self.fires(counts[row], t)]
            soma_ps += soma.update.latency.value if fired else soma.update_idle.latency.value
            soma_ps += len(fired) * soma.fire.latency.value
            self.count(home.owner, "soma", "update", len(fired))
            self.count(home.owner, "soma", "update_idle", len(group) - len(fired))
            self.count(home.owner, "soma", "fire", len(fired))
            for row in fired:
                for receivers in self.receivers(stage, row):
                    out_ps = max(out_ps, soma_ps) + self.chip.core.axon_out.packet.latency.value
                    packet = Packet(home, row, out_ps, self.spike_flits(), multicast=self.chip.noc.multicast)
                    packet.deliveries += [Delivery(packet, block, self.service_ps(block)) for block in receivers]
                    packets.append(packet)
        return packets, max(soma_ps, out_ps)

    def receivers(self, stage: Stage, row: int) -> list[list[Block]]:
        """Receivers of each packet that a spike of this row sends: one each, or with multicast all in one packet."""
        targets = [b for i in stage.layers for b in self.blocks(i) if b.row_start <= row < b.row_stop]
        if self.chip.noc.multicast:
            return [targets] if targets else []
        return [[target] for target in targets]

    def spike_flits(self) -> int:
        """Flits of a spike packet: one, or as many as the count fills that it carries."""
        encoding = self.trace.encoding
        carries_count = self.chip.replay == "dense" or encoding.code == "graded"
        bits = len(f"{encoding.levels:b}") + (encoding.code != "binary") if carries_count else 1
        return math.ceil(bits / self.chip.noc.flit_bits)

    def accumulate(self) -> tuple[str, Action]:
        """What a dendrite does for each weight: a multiply-accumulate where packets carry counts."""
        dendrite = self.chip.core.dendrite
        if self.trace.encoding.code == "graded" and self.chip.replay == "captured":
            assert dendrite.multiply_accumulate is not None
            return "multiply_accumulate", dendrite.multiply_accumulate
        return "accumulate", dendrite.accumulate

    def shape(self, block: Block) -> tuple[int, int]:
        """(SRAM words, native synapses) of one row of a layer's block."""
        bits = self.trace.layer[block.owner].weight_bits
        words = math.ceil(block.n_cols * bits / self.chip.core.sram.word)
        return words, block.n_cols * math.ceil(bits / self.chip.core.synapse.weight_bits)

    def service_ps(self, block: Block) -> int:
        """Slowest stage of the pipeline for one spike packet, plus the overhead."""
        core = self.chip.core
        words, synops = self.shape(block)
        turns = math.ceil(synops / core.synapse.lanes)
        stages = (
            core.axon_in.lookup.latency.value,
            math.ceil(core.synapse.word_read.latency.value * words * len(self.fetching()) / self.trace.n_tokens),
            core.synapse.synop.latency.value * turns,
            self.accumulate()[1].latency.value * turns,
        )
        return max(stages) + core.overhead.value

    def fetching(self) -> list[int]:
        """Tokens that read weights: in a dense replay the first of each tile of a prompt, and each generated one."""
        tokens = list(range(self.trace.n_tokens))
        if self.chip.replay == "captured":
            return tokens
        prompt = [token for token in tokens if PHASES[self.trace.phases[token]] == "prefill"]
        first = prompt[:: self.chip.core.synapse.tile]
        return [token for token in tokens if token in first or token not in prompt]

    def count_served(self, block: Block, token: int) -> None:
        """What a target core does for one spike packet."""
        words, synops = self.shape(block)
        layer = block.owner
        self.count(layer, "axon_in", "lookup")
        self.count(layer, "synapse", "word_read", words if token in self.fetching() else 0)
        self.count(layer, "synapse", "synop", synops)
        self.count(layer, "dendrite", self.accumulate()[0], synops)

    def update(self, block: Block, received: bool) -> int:
        """Neurons of a target at the end of a timestep, on a chip that updates them in each."""
        soma = self.chip.core.soma
        if soma.every == "stage":
            return 0
        action = soma.update if received else soma.update_idle
        taken = math.ceil(block.n_cols / soma.lanes) * action.latency.value
        self.count(block.owner, "soma", "update" if received else "update_idle", block.n_cols)
        self.found.busy_ps[block.core] += taken
        return taken

    def soma_after_stage(self, stage: Stage) -> int:
        """Neurons of the blocks that hold the sums, on a chip that updates them once per stage."""
        soma = self.chip.core.soma
        core_ps: Counter[int] = Counter()  # a core updates its blocks one after another
        for layer_id in stage.layers if soma.every == "stage" else ():
            for block in self.blocks(layer_id):
                if block.row_start == 0:
                    taken = math.ceil(block.n_cols / soma.lanes) * soma.update.latency.value
                    self.count(layer_id, "soma", "update", block.n_cols)
                    self.found.busy_ps[block.core] += taken
                    core_ps[block.core] += taken
        return max(core_ps.values(), default=0)

    # ---------------------------------------------------------------- network and cores

    def carry(self, packets: list[Packet]) -> int:
        """Sort packets by (cycle, core, sequence), let the network deliver them, count senders' axons and links.

        Returns the time before which the network is not done.
        """
        for p in packets:
            p.cycle = math.ceil(p.ready_ps / self.chip.noc.cycle.value)
            self.count(p.sender.owner, "axon_out", "packet")
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

    # ---------------------------------------------------------------- values between timesteps

    def transfer(self, values: list[tuple[Block, Block]], kind: str) -> int:
        """One packet per (sender, receiver), senders one packet at a time; returns when the last is in."""
        if not values:
            return 0
        core = self.chip.core
        flits = math.ceil(core.dendrite.accumulator_bits / self.chip.noc.flit_bits)
        work = core.dendrite.reduce.latency.value if kind == "reduce" else 0
        service = max(core.axon_in.lookup.latency.value, work) + core.overhead.value
        sent_ps: Counter[int] = Counter()
        packets = []
        for sender, receiver in values:
            sent_ps[sender.core] += core.axon_out.packet.latency.value
            packet = Packet(sender, 0, sent_ps[sender.core], flits)
            packet.deliveries.append(Delivery(packet, receiver, service))
            packets.append(packet)
            self.count(receiver.owner, "axon_in", "lookup")
            if kind == "reduce":
                self.count(receiver.owner, "dendrite", "reduce")
            else:
                self.count(receiver.owner, "memory", "write", core.dendrite.accumulator_bits)
        for number, busy in sent_ps.items():
            self.found.busy_ps[number] += busy
        carried = self.carry(packets)
        return max(carried, *self.serve(packets).values(), *sent_ps.values())

    def collect(self, stages: list[Stage]) -> int:
        """Outputs of the source layers and carried residuals travel to the home, element i of n to element i*w//n."""
        values = []
        for stage in stages:
            for layer_id in stage.sources:
                roots = [b for b in self.blocks(layer_id) if b.row_start == 0]
                values += self.elements(roots, self.trace.layer[layer_id].n_out, stage)
            for carried in stage.carries:
                blocks = self.blocks(carried)
                values += self.elements(blocks, blocks[-1].col_stop, stage)
        return self.transfer(values, "collect") + self.barrier() if values else 0

    def elements(self, blocks: list[Block], n: int, stage: Stage) -> list[tuple[Block, Block]]:
        """(sender, receiver) of each element of a vector of ``n`` on its way to the home of a stage."""
        return [(b, self.home_of(i * stage.width // n, stage)) for b in blocks for i in range(b.col_start, b.col_stop)]

    def home_of(self, element: int, stage: Stage) -> Block:
        """The home block that holds an element of the stage's vector."""
        return next(b for b in self.blocks(stage.stage_id) if b.col_start <= element < b.col_stop)

    def exchange(self, stages: list[Stage]) -> int:
        """Home cores gather one number at the first of them and get one back, for each norm and each encoder."""
        taken = done = 0
        while needing := [stage for stage in stages if self.exchanges(stage) > done]:
            homes = [self.blocks(stage.stage_id) for stage in needing]
            taken += self.transfer([(b, first) for first, *others in homes for b in others], "exchange")
            taken += self.transfer([(first, b) for first, *others in homes for b in others], "exchange")
            done += 1
        return taken

    def exchanges(self, stage: Stage) -> int:
        """How often the home of a stage exchanges numbers; a single core never does."""
        if len(self.blocks(stage.stage_id)) == 1:
            return 0
        return sum(self.trace.op[op_id].kind in ("norm", "encode") for op_id in stage.ops)

    def reduce(self, stages: list[Stage]) -> int:
        """Partial sums of rows that are not the first travel to the block that holds the first."""
        values = []
        for layer_id in (layer_id for stage in stages for layer_id in stage.layers):
            blocks = self.blocks(layer_id)
            for block in blocks:
                if block.row_start > 0:
                    root = next(b for b in blocks if b.row_start == 0 and b.col_start == block.col_start)
                    values += [(block, root)] * block.n_cols
        return self.transfer(values, "reduce") + self.barrier() if values else 0

"""The oracle: the whole simulation in plain Python, written to be read; the compiled engine equals it event for event.

It shares nothing with the engine but the records, the cut of layers into blocks and the oracle of the network
(`reference_noc`); the cores are in `reference_cores`, the ops in `reference_ops`, the schedule in `reference_schedule`.
Time passes in rounds, in each of which one stage or several work, each on one token: one stage at a time when tokens
are sequential, as many as there are tokens in the chip when they are pipelined. What the stages of a round do, they do
together; a round is

1. values arrive at its home cores (`collect`), and where there are several of these, they tell each other one number
   per norm and per encoder (`exchange`); those of an LM head send each other its whole input (`inputs_of_heads`);
2. its ops run on the vector units of the home cores; an op may be driven by the spikes of a stream of its own, which
   fire there and are sent nowhere;
3. in each timestep the home cores update their neurons one by one and send packets of spikes (`reference_packets`) to
   each target core, the network carries these, the target cores serve them in order of arrival and update neurons;
4. partial sums travel to the block that holds the first rows (`reduce`).

Timesteps, collects and reductions each end with a barrier, or without any (`reference_handshake`). Every step starts
with an idle network, and ends when the last of the stages is done.
"""

from __future__ import annotations

import math
from collections import Counter
from itertools import accumulate, pairwise

from simulator.engine.oracle import reference_handshake
from simulator.engine.oracle.reference_cores import Event, ReferenceCores, ReferenceResult
from simulator.engine.oracle.reference_flow import Spans, flow
from simulator.engine.oracle.reference_network import Delivery, Packet, value_packets
from simulator.engine.oracle.reference_ops import Work, dram_ps, op_ps, op_work
from simulator.engine.oracle.reference_schedule import Active, chunk_of, ways, works
from simulator.engine.oracle.reference_storage import channel_ps, store_of, touches
from simulator.mapping.mapped import Mapped
from simulator.mapping.placement import Block
from simulator.trace.trace_program import Stage


def reference_simulate(mapped: Mapped) -> ReferenceResult:
    """Replay a mapped trace round by round; slow, for small cases."""
    oracle, now = _Oracle(mapped), 0
    found = oracle.found
    for tokens, rounds, overlap in ways(mapped.trace, mapped.chip):
        taken = [oracle.counted_round(active, overlap) for active in rounds]
        if overlap:
            of_stages = {(stage.stage_id, token): ps for [(stage, token)], ps in zip(rounds, taken, strict=True)}
            spans = flow(mapped.trace, tokens, of_stages)
            at = [(token, *spans[stage.stage_id, token]) for [(stage, token)] in rounds]
            oracle.under_way(spans)
        else:
            edges = list(accumulate(taken, initial=0))
            at = [(token, edges[i], edges[i + 1]) for i, active in enumerate(rounds) for _, token in active]
        for token, start, end in at:
            found.start_ps.setdefault(token, now + start)
            found.end_ps[token] = now + end  # of the last stage that works on it
        now += max(end for _, _, end in at)
    found.stall_ps = oracle.network.stall_ps
    return found


class _Oracle(ReferenceCores):
    """The steps of a round, on the cores and their network."""

    def under_way(self, spans: Spans) -> None:
        """For how long any of the stages that each core takes part in is under way; stages may overlap."""
        of_core: dict[int, list[tuple[int, int]]] = {}
        for (stage_id, _), span in spans.items():
            for core in self.taking_part([next(s for s in self.trace.stages if s.stage_id == stage_id)]):
                of_core.setdefault(core, []).append(span)
        for core, of_stages in of_core.items():
            reached = 0
            for start, end in sorted(of_stages):
                self.found.active_ps[core] += max(0, end - max(start, reached))
                reached = max(reached, end)

    def counted_round(self, active: Active, overlap: bool) -> int:
        """A round, and for how long the cores of its stages take part in it, unless rounds overlap; returns the ps."""
        before = self.found.counts["chip", "sync", "barrier"]
        taken = self.round(active)
        barriers = self.found.counts["chip", "sync", "barrier"] - before
        for core in self.taking_part([stage for stage, _ in active]):
            self.found.active_ps[core] += 0 if overlap else taken
            self.found.barrier_ps[core] += barriers * self.barrier_ps()
        return taken

    def round(self, active: Active) -> int:
        """All steps of the stages at work, each on its token; returns the time in ps."""
        stages = [stage for stage, _ in active]
        taken = self.collect(stages) + self.exchange(stages) + self.inputs_of_heads(stages)
        taken += max(self.channel_ps(active), *(self.ops(stage, token) for stage, token in active))
        taken += self.load(active)
        spiking = [(stage, token) for stage, token in active if stage.stream is not None]
        if spiking:
            taken += self.timesteps(spiking)
        taken += max([self.soma_after_stage(stage) for stage, _ in spiking], default=0)
        return taken + self.reduce(stages)

    def taking_part(self, stages: list[Stage]) -> set[int]:
        """Cores of stages: home cores, cores of the layers that they drive, and those that send values to them."""
        owners = [(stage.stage_id, *stage.layers, *stage.carries) for stage in stages]
        blocks = [block for of_stage in owners for owner in of_stage for block in self.blocks(owner)]
        sources = [b for stage in stages for layer_id in stage.sources for b in self.blocks(layer_id)]
        return {block.core for block in (*blocks, *(b for b in sources if b.row_start == 0))}

    def timesteps(self, spiking: Active) -> int:
        """All timesteps of the stages at work, closed by barriers or by handshakes."""
        if self.chip.sync.kind == "handshake":
            return reference_handshake.timesteps(self, spiking)
        return sum(self.timestep(spiking, t) + self.barrier() for t in range(self.n_timesteps()))

    def barrier(self) -> int:
        """One barrier. Under handshakes there is none: a core knows how many values it waits for."""
        if self.chip.sync.kind == "handshake":
            return 0
        self.count("chip", "sync", "barrier")
        return self.barrier_ps()

    def barrier_ps(self) -> int:
        """Its time: linear in the tiles in use between the points of the chip file, constant outside them."""
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
        for op_id, work in zip(stage.ops, self.works(stage, token), strict=True):
            for (component, action), times in work.items():
                self.count(op_id, component, action, times)
            parts = op_ps(work, self.chip, len(homes))
            of_op = max(*parts.values(), dram_ps(work, self.chip, self.placement.n_chips))
            taken += of_op
            for home in homes:
                self.found.busy_ps[home.core] += of_op
                self.lockstep(home.core, parts, of_op)
        return taken

    def works(self, stage: Stage, token: int) -> list[Work]:
        """What each op of a stage does for a token."""
        ops = [self.trace.op_by_id[op_id] for op_id in stage.ops]
        places = [store_of(op, stage, self.trace, self.stored) for op in ops]
        together = [at for at in chunk_of(self.trace, token, self.chip.schedule) if works(self.trace, stage, at)]
        shared = self.chip.schedule.kind == "sequential" and token != together[0]  # its weights have been read
        n_homes = len(self.blocks(stage.stage_id))
        touched = [touches(*at, self.chip, n_homes, shared) for at in zip(ops, places, strict=True)]
        return [
            op_work(op, self.trace, token, self.n_timesteps(), self.fires_at_home, counted)
            for op, counted in zip(ops, touched, strict=True)
        ]

    def channel_ps(self, active: Active) -> int:
        """Time of each DRAM channel while the stages at work do their ops."""
        return channel_ps([self.works(*at) for at in active], self.chip, self.placement.n_chips)

    def load(self, active: Active) -> int:
        """Streamed weights, when the first token of a chunk comes; one channel per chip; returns the time of all."""
        dram, total = self.chip.dram, 0
        if dram is None:
            return 0
        for stage, token in active:
            together = chunk_of(self.trace, token, self.chip.schedule)
            chunk = [member for member in together if works(self.trace, stage, member)]
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
        """Home cores send, the network carries, targets serve and update; returns the time until all are done."""
        packets: list[Packet] = []
        end = 0
        for stage, token in active:
            counts = self.counts_of(stage, token)
            for home in self.blocks(stage.stage_id):
                sent, soma_ps, out_ps = self.emit(home, stage, t, counts)
                packets += sent
                end = max(end, soma_ps, out_ps)
                self.found.busy_ps[home.core] += max(soma_ps, out_ps)
        end = max(end, self.carry(packets))
        free = self.serve(packets)
        for block in [b for stage, _ in active for layer_id in stage.layers for b in self.blocks(layer_id)]:
            received = [d for p in packets for d in p.deliveries if d.receiver is block]
            free[block.core] = free.get(block.core, 0) + self.update(block, bool(received))
            end = max(end, free[block.core])
        token_of = {stage.stage_id: token for stage, token in active}
        for p in packets:
            for delivery in p.deliveries:
                self.count_served(delivery.receiver, p.rows, token_of[p.sender.owner])
                self.found.events.append(Event(p.sender.owner, token_of[p.sender.owner], t, delivery))
        return end

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
                    self.work(block.core, "soma", taken)
                    core_ps[block.core] += taken
        return max(core_ps.values(), default=0)

    # ---------------------------------------------------------------- values between timesteps

    def transfer(self, values: list[tuple[Block, Block]], kind: str) -> int:
        """Packets of one size with values of a sender to a receiver, one packet after another; returns the time of all.

        A packet has as many places as the chip file says, one where numbers are exchanged; the last may be part empty.
        """
        if not values:
            return 0
        core, form = self.chip.core, self.chip.noc.packet
        places = 1 if kind == "exchange" else form.values
        flits = math.ceil((form.header + places * core.dendrite.accumulator_bits) / self.chip.noc.flit_bits)
        work = places * (max(core.dendrite.reduce.latency.value, self.accumulator_ps()) if kind == "reduce" else 0)
        parts = {"axon_in": core.axon_in.lookup.latency.value, "dendrite": work}
        service = max(parts.values()) + core.overhead.value
        sent_ps: Counter[int] = Counter()
        packets = []
        for (sender, receiver), carried in value_packets(values, places):
            sent_ps[sender.core] += core.axon_out.packet.latency.value
            packet = Packet(sender, (), sent_ps[sender.core], flits)
            packet.deliveries.append(Delivery(packet, receiver, service))
            packets.append(packet)
            self.lockstep(receiver.core, parts, service)
            self.count(receiver.owner, "axon_in", "lookup")
            if kind == "reduce":
                self.count(receiver.owner, "dendrite", "reduce", carried)
                self.count_accumulators(receiver.owner, carried)
            else:
                self.count(receiver.owner, "memory", "write", carried * core.dendrite.accumulator_bits)
        for number, busy in sent_ps.items():
            self.found.busy_ps[number] += busy
        arrived = self.carry(packets)
        return max(arrived, *self.serve(packets).values(), *sent_ps.values())

    def collect(self, stages: list[Stage]) -> int:
        """Outputs of source layers and carried residuals travel to the home cores, element i of n to element i*w//n."""
        values = []
        for stage in stages:
            for layer_id in stage.sources:
                roots = [b for b in self.blocks(layer_id) if b.row_start == 0]
                values += self.elements(roots, self.trace.layer_by_id[layer_id].n_out, stage)
            for carried in stage.carries:
                blocks = self.blocks(carried)
                values += self.elements(blocks, blocks[-1].col_stop, stage)
        return self.transfer(values, "collect") + self.barrier() if values else 0

    def elements(self, blocks: list[Block], n: int, stage: Stage) -> list[tuple[Block, Block]]:
        """(sender, receiver) of each element of a vector of ``n`` that travels to the home cores of a stage."""
        return [(b, self.home_of(i * stage.width // n, stage)) for b in blocks for i in range(b.col_start, b.col_stop)]

    def home_of(self, element: int, stage: Stage) -> Block:
        """The block of a home core that holds an element of the stage's vector."""
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

    def inputs_of_heads(self, stages: list[Stage]) -> int:
        """All home cores of a head get its whole input; each tells the first one its largest logit."""
        heads = [s for s in stages if any(self.trace.op_by_id[op_id].kind == "head" for op_id in s.ops)]
        homes = [self.blocks(stage.stage_id) for stage in heads]
        inputs = [
            (sender, to) for of in homes for sender in of for to in of if to != sender for _ in range(sender.n_cols)
        ]
        largest = [(other, first) for first, *others in homes for other in others]
        return self.transfer(inputs, "spread") + self.transfer(largest, "exchange")

    def exchanges(self, stage: Stage) -> int:
        """How often the home cores of a stage exchange numbers; a single core never does."""
        if len(self.blocks(stage.stage_id)) == 1:
            return 0
        return sum(self.trace.op_by_id[op_id].kind in ("norm", "encode") for op_id in stage.ops)

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

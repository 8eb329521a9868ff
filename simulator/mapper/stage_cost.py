"""Closed-form time and energy of one stage under many widths at once, from the engine's own closed pieces.

Units: times in ps, energies in pJ, float64. A timestep takes as long as the slowest of three: its home cores (soma,
axons), its targets (rows of weights, then their neurons) and the links that its packets share.
"""

from __future__ import annotations

import numpy as np

from simulator.arrays import Ints
from simulator.config.chip import ChipConfig
from simulator.engine.banks import accumulator_actions
from simulator.engine.plan import soma_ps
from simulator.engine.row_fetches import stage_fetches
from simulator.engine.row_service import accumulation, row_service
from simulator.engine.suffix_sums import suffix_actions, suffix_ps
from simulator.engine.transfer import receive_ps
from simulator.mapper.candidate_arrays import block_columns, crowding_of, floats, most_of_layers, wide
from simulator.mapper.candidates import Candidates
from simulator.mapper.cost_of_stage import StageCost
from simulator.mapper.packing import Packing, packing
from simulator.mapper.placed_links import FULL_LINK, SpikeWay
from simulator.mapper.stage_work import Floats, PricedActions, StageWork, op_energy, op_times
from simulator.mapping.capacity import ceil_div
from simulator.mapping.packet_format import flits_per_spike, value_flits, value_packets, values_together
from simulator.mapping.placements.link_cost import ROUTER_CYCLES

EXIT_LINKS = 2  # of a tile that packets leave by at once, on a snake of tiles


class CostModel:
    """Costs of stages of one trace on one chip; what stages of one shape share is worked out once.

    ``uses_dram`` says whether anything lies in DRAM, which then draws its standby power.
    """

    def __init__(self, chip: ChipConfig, uses_dram: bool = False) -> None:
        self.chip, self.uses_dram = chip, uses_dram
        self.prices = PricedActions(chip)
        self._rows: dict[object, tuple[Floats, Floats, Floats]] = {}
        self._ops: dict[object, tuple[Floats, float]] = {}

    def cost(
        self,
        work: StageWork,
        some: Candidates,
        channels: int,
        spikes: Floats | None = None,
        way: SpikeWay | None = None,
    ) -> StageCost:
        """Cost of ``work`` under every candidate; ``spikes`` [N, T] in place of the mean over the tokens [1, T].

        ``channels`` are those of the DRAM: one for each chip in use. ``way`` is known where the stage has its cores.
        """
        spikes = work.mean_spikes if spikes is None else spikes
        vector_ps, op_pj = self._of_ops(work, some, channels)
        energy_pj, hop_pj = self._energy(work, some)
        soma = self.chip.core.soma
        after = ceil_div(block_columns(work, some), soma.lanes) * soma.update.latency.value
        return StageCost(
            collect_ps=self._collect(work, some),
            exchange_ps=self._exchange(work, some),
            vector_ps=vector_ps,
            step_ps=self._steps(work, some, spikes, way),
            soma_ps=most_of_layers(after) if soma.every == "stage" else np.zeros(len(some)),
            reduce_ps=self._reduce(work, some),
            energy_pj=energy_pj + op_pj,
            hop_pj=hop_pj,
            barriers=most_of_layers(some.row_parts > 1).astype(np.int64) + work.n_steps + int(work.arriving > 0),
            cores=some.cores,
        )

    def hops(self, cores: Ints) -> Floats:
        """Mean links between two of so many cores, which fill tiles one after another."""
        grid = self.chip.chip
        tiles = ceil_div(cores, grid.cores_per_tile)
        across = np.minimum(tiles, grid.tiles_x)
        hops: Floats = (across + ceil_div(tiles, across) - 2 * (tiles == 1)) / 3
        return hops

    def _latency(self, cores: Ints) -> Floats:
        """Time of a flit alone between two cores of a stage."""
        noc = self.chip.noc
        per_hop = ROUTER_CYCLES[noc.router] + (noc.extra_cycles_x + noc.extra_cycles_y) / 2
        latency: Floats = (2 + ROUTER_CYCLES[noc.router] + per_hop * self.hops(cores)) * noc.cycle.value
        return latency

    def _collect(self, work: StageWork, some: Candidates) -> Floats:
        """Outputs and residuals to the home cores: the table of one core, or the port that its tile shares."""
        if not work.arriving:
            return np.zeros(len(some))
        on_tile = np.minimum(some.homes, self.chip.chip.cores_per_tile)
        port = on_tile * value_flits("collect", self.chip) * self.chip.noc.cycle.value
        each = np.maximum(receive_ps("collect", self.chip), port)
        taken: Floats = (
            value_packets(-(-work.arriving // some.homes), "collect", self.chip) * each
            + self._latency(some.cores)
            + self._packet_ps
        )
        return taken

    def _exchange(self, work: StageWork, some: Candidates) -> Floats:
        """One number of every home core to the first, and back."""
        others = some.homes - 1
        gather = np.maximum(others * receive_ps("exchange", self.chip), self._packet_ps)
        spread = others * self._packet_ps + receive_ps("exchange", self.chip)
        latency = 2 * self._latency(some.homes) + self._packet_ps
        taken: Floats = np.where(others > 0, work.exchanges * (gather + spread + latency), 0.0)
        return taken + (self._of_head(work, some) if work.forms_logits else 0.0)

    def _of_head(self, work: StageWork, some: Candidates) -> Floats:
        """The input of a head to all its home cores, and their largest logits to the first."""
        others = some.homes - 1
        packets = others * value_packets(-(-work.stage.width // some.homes), "spread", self.chip)
        on_tile = np.minimum(some.homes, self.chip.chip.cores_per_tile)
        port = on_tile * value_flits("spread", self.chip) * self.chip.noc.cycle.value
        each = np.maximum(max(receive_ps("spread", self.chip), self._packet_ps), port)
        gather = np.maximum(others * receive_ps("exchange", self.chip), self._packet_ps)
        latency = 2 * (self._latency(some.homes) + self._packet_ps)
        taken: Floats = np.where(others > 0, packets * each + gather + latency, 0.0)
        return taken

    def _reduce(self, work: StageWork, some: Candidates) -> Floats:
        """Partial sums to the blocks that hold the first rows."""
        values = (some.row_parts - 1) * block_columns(work, some)
        each = max(receive_ps("reduce", self.chip), value_flits("reduce", self.chip) * self.chip.noc.cycle.value)
        most = value_packets(most_of_layers(values), "reduce", self.chip)
        return np.where(most > 0, most * each + self._latency(some.cores) + self._packet_ps, 0.0)

    @property
    def _packet_ps(self) -> int:
        return int(self.chip.core.axon_out.packet.latency.value)

    def _of_rows(self, work: StageWork, some: Candidates) -> tuple[Floats, Floats, Floats]:
        """Time of a row, [C, L], time of the neurons after a timestep, [C, L], words of a row in all blocks, [C, L]."""
        shapes = tuple((layer.n_out, layer.weight_bits) for layer in work.layers)
        packets, fetches = stage_fetches(work.stage, work.trace, self.chip)
        key = (shapes, some.col_parts.tobytes(), packets, fetches)
        if key not in self._rows:
            columns = block_columns(work, some)
            bits = np.tile(np.array([layer.weight_bits for layer in work.layers], np.int64), (len(some), 1))
            shared = np.full(columns.size, packets), np.full(columns.size, fetches)
            row = row_service(columns.ravel(), bits.ravel(), *shared, work.trace.encoding, self.chip)
            update = soma_ps(columns.ravel(), self.chip)[0]
            update = update + suffix_ps(columns.ravel(), work.trace.encoding, self.chip)
            shape = columns.shape
            words = row.words.reshape(shape) * some.col_parts
            each = row.ps.reshape(shape), update.reshape(shape), words
            self._rows[key] = floats(each[0]), floats(each[1]), floats(each[2])
        return self._rows[key]

    def _steps(self, work: StageWork, some: Candidates, spikes: Floats, way: SpikeWay | None) -> Floats:
        """Time of every timestep, float64 [C, N, T]."""
        if not work.n_steps:
            return np.zeros((len(some), len(spikes), 0))
        row_ps, update_ps, _ = self._of_rows(work, some)
        packed = packing(work, some, spikes, self.chip)
        fullest = crowding_of(work, some.row_parts) / some.row_parts  # [T, C, L]
        rows = np.moveaxis(spikes[:, :, None, None] * fullest, 2, 0)  # [C, N, T, L]
        shared_ps = self.chip.core.overhead.value * (1 - packed.packets)  # per spike, of an overhead for a packet
        last_ps, first_ps = self._homes(work, some, spikes, packed)
        late = np.maximum(1 - some.homes[:, None] / some.row_parts, 0)  # part of the walk before the last row part
        each_ps, neurons_ps = row_ps[:, None, None, :] - shared_ps[..., None], update_ps[:, None, None, :]
        served = rows * each_ps + neurons_ps + last_ps[..., None] * late[:, None, None]
        latency = wide(self._latency(some.cores)) if way is None else way.latency_ps
        last_packet = each_ps / packed.packets[..., None] + neurons_ps
        tail, moved = last_packet.max(axis=3), spikes * packed.flits
        links = self._links(work, some, moved) / FULL_LINK if way is None else moved * way.port_ps
        served_ps: Floats = served.max(axis=3)
        taken: Floats = np.maximum(np.maximum(last_ps, links) + tail, first_ps + served_ps) + latency
        return taken

    def _homes(self, work: StageWork, some: Candidates, spikes: Floats, packed: Packing) -> tuple[Floats, Floats]:
        """When the busiest home core has sent its last packet, and each its first to all targets, float64 [C, N, T].

        The copies of a packet leave one after another, so the last target waits for those to all others.
        """
        soma, width = self.chip.core.soma, work.stage.width
        neurons = wide(-(-width // some.homes))
        rate = np.minimum(spikes / width * np.moveaxis(crowding_of(work, some.homes), 1, 0)[:, None], 1.0)
        groups = np.ceil(neurons / soma.lanes)
        active = groups * (1 - (1 - rate) ** np.minimum(soma.lanes, neurons))
        update, idle, fire = (action.latency.value for action in (soma.update, soma.update_idle, soma.fire))
        walk = active * update + (groups - active) * idle + neurons * rate * fire
        copies = 1.0 if self.chip.noc.multicast else wide(some.col_parts.sum(axis=1))
        send = neurons * rate * copies * self._packet_ps * packed.packets
        until = np.minimum(groups, groups / np.maximum(active, 1e-9)) - 1
        first = until * idle + update + fire * np.maximum(1.0, neurons * rate / np.maximum(active, 1.0))
        held = packed.held * walk
        last = np.maximum(walk + packed.late * send, held + send)
        return last + self._packet_ps, np.maximum(first, held) + np.maximum(copies, 1) * self._packet_ps

    def _links(self, work: StageWork, some: Candidates, spikes: Floats) -> Floats:
        """When the links out of tiles of home cores, and the port into a tile of targets, have moved all packets."""
        grid, noc = self.chip.chip, self.chip.noc
        flit_ps = flits_per_spike(work.trace.encoding, self.chip) * noc.cycle.value
        if noc.multicast:
            return np.zeros((len(some), 1, 1)) + spikes * flit_ps
        tiles = ceil_div(some.homes, grid.cores_per_tile)
        out = some.col_parts.sum(axis=1) / (EXIT_LINKS * tiles)
        into = np.minimum(some.blocks, grid.cores_per_tile) / some.row_parts.min(axis=1, initial=1)
        links: Floats = spikes * wide(np.maximum(out, into) * flit_ps)
        return links

    def _of_ops(self, work: StageWork, some: Candidates, channels: int) -> tuple[Floats, Floats]:
        """Time [C, N] and energy [C] of the ops."""
        widths, place = np.unique(some.homes, return_inverse=True)
        time, energy = np.zeros((len(widths), work.trace.n_tokens)), np.zeros(len(widths))
        for op in range(len(work.ops)):
            for at, n in enumerate(widths.tolist()):
                taken, cost = self._op(work, op, n, channels)
                time[at] += taken
                energy[at] += cost
        return time[place], energy[place]

    def _op(self, work: StageWork, place: int, n_cores: int, channels: int) -> tuple[Floats, float]:
        op = work.ops[place]
        key = (work.op_shapes[place], work.store(op, n_cores), n_cores, channels, work.share)
        if key not in self._ops:
            self._ops[key] = (
                op_times(op, work, self.chip, n_cores, channels),
                op_energy(op, work, self.chip, n_cores, self.prices),
            )
        return self._ops[key]

    def _energy(self, work: StageWork, some: Candidates) -> tuple[Floats, Floats]:
        """Dynamic energy of a token without that of its ops, [C], and the part of it that is on links, [C]."""
        chip, price, spikes = self.chip, self.prices, float(work.mean_spikes.sum())
        sent, moved = packing(work, some, work.mean_spikes, chip).of_a_token(work.mean_spikes)
        exchanged = work.exchanges * 2 * (some.homes - 1)
        reduced = sum((some.row_parts[:, i] - 1) * layer.n_out for i, layer in enumerate(work.layers))
        copies = some.col_parts.sum(axis=1)
        packets = sent * (np.minimum(copies, 1) if chip.noc.multicast else copies)
        inputs = (some.homes - 1) * work.stage.width * work.forms_logits
        exchanged = exchanged + (some.homes - 1) * work.forms_logits
        values = (
            exchanged
            + inputs / values_together("spread", chip)
            + (work.arriving + reduced) / values_together("collect", chip)
        )  # packets of them
        tiles = ceil_div(some.cores, chip.chip.cores_per_tile)
        entered = moved * (np.minimum(copies, tiles) if chip.noc.multicast else copies)
        flits = entered * flits_per_spike(work.trace.encoding, chip) + values * value_flits("collect", chip)
        links = flits * self.hops(some.cores)
        hop_pj = links * (price["noc.hop_x"] + price["noc.hop_y"]) / 2
        reduce_pj = price["dendrite.reduce"] + sum(price[f"dendrite.{name}"] for name in accumulator_actions(chip))
        energy = (
            (packets + values) * price["axon_out.packet"]
            + (spikes * copies + values) * price["axon_in.lookup"]
            + flits * price["noc.local"]
            + (work.arriving + exchanged + inputs) * chip.core.dendrite.accumulator_bits * price["memory.write"]
            + reduced * reduce_pj
            + self._synapses(work, some)
            + self._somas(work, some)
        )
        return energy + hop_pj, hop_pj

    def _synapses(self, work: StageWork, some: Candidates) -> Floats:
        """Weights read, synapses and accumulates of a token, pJ."""
        if not work.layers:
            return np.zeros(len(some))
        chip, price, spikes = self.chip, self.prices, float(work.mean_spikes.sum())
        packets, fetches = stage_fetches(work.stage, work.trace, chip)
        words = self._of_rows(work, some)[2].sum(axis=1) * fetches / packets
        name = accumulation(work.trace.encoding, chip)[0]
        each = price["synapse.synop"] + sum(price[f"dendrite.{act}"] for act in (name, *accumulator_actions(chip)))
        synops = sum(layer.n_out * ceil_div(layer.weight_bits, chip.core.synapse.weight_bits) for layer in work.layers)
        total: Floats = spikes * (words * price["synapse.word_read"] + synops * each)
        if work.trace.encoding.spec.sums_suffixes and chip.replay == "captured":
            sums = work.n_steps * (some.row_parts * np.array([layer.n_out for layer in work.layers])).sum(axis=1)
            total = total + sums * sum(price[f"dendrite.{act}"] * n for act, n in suffix_actions(chip).items())
        return total

    def _somas(self, work: StageWork, some: Candidates) -> Floats:
        """Updates of encoders and of targets, pJ."""
        price, spikes = self.prices, float(work.mean_spikes.sum())
        if not work.n_steps:
            return np.zeros(len(some))
        idle = work.n_steps * work.stage.width - spikes
        homes = spikes * (price["soma.update"] + price["soma.fire"]) + idle * price["soma.update_idle"]
        outputs = np.array([layer.n_out for layer in work.layers])
        if self.chip.core.soma.every == "stage":
            return np.full(len(some), homes + outputs.sum() * price["soma.update"])
        neurons = (some.row_parts * outputs).sum(axis=1)
        quiet = float((work.spikes < 0.5).mean()) * work.n_steps
        of_targets = (work.n_steps - quiet) * price["soma.update"] + quiet * price["soma.update_idle"]
        total: Floats = homes + neurons * of_targets
        return total

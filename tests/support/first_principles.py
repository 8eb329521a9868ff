"""An estimate of a pipelined prompt on loihi-like from first principles: counts of a trace, times and prices typed in.

It shares no code with the engine, the mapper or the ledger. Inputs are the program and the spike counts of a trace, and
which rows and columns of a layer lie on which core. Numbers are those of `chip_configs/loihi-like.yaml` (Davies 2018,
Boyle 2025, and its assumptions), in ns and pJ. Values wait for each other only behind links between chips
(`chip_crossings`): those that cross one, and those that share a queue or an output with them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from chip_crossings import Crossings, Output, Place, outputs
from numpy.typing import NDArray

from simulator.mapping.mapped import Mapped
from simulator.mapping.placement import Block
from simulator.trace.trace_program import Stage

Floats = NDArray[np.float64]
LOOKUP, SYNOP, PACKET, FIRE, CYCLE = 16.0, 3.5, 5.1, 30.0, 1.35
CHIP_INTERVAL, CHIP_EXTRA = 222, 59  # cycles of a link between chips
UPDATE, IDLE = 8.4, 5.3
VECTOR_NS = {"add": 5.0, "mul": 5.0, "compare": 5.0, "mac": 10.0, "exp": 55.0, "div": 45.0}
VECTOR_PJ = {"add": 11.6, "mul": 11.6, "compare": 11.6, "mac": 23.2, "exp": 127.6, "div": 104.4}
MEMORY_NS, MEMORY_BITS, DRAM_NS, DRAM_BITS = 5.0, 64, 100.0, 512
SYNOP_PJ, UPDATE_PJ, IDLE_PJ, HOP_X, HOP_Y, LOCAL, CHIP_PJ, BARRIER_PJ = 23.6, 81.0, 52.0, 3.0, 4.0, 1.7, 832.0, 224.0
MEMORY_PJ, DRAM_PJ, STATIC_W, VALUE_BITS = 0.0368, 46.3, 0.104, 24
BARRIERS = ((1, 113.0), (32, 465.0), (8192, 14_300.0), (24_576, 16_200.0))  # tiles, ns
EXCHANGING = ("norm", "encode")
SOURCE = -1  # in place of an output: the queue of what the cores of a router send
Values = tuple[int, int, float]  # from a core to a core, so many


class Estimate:
    """Times in ns and energies in pJ of all tokens of a prompt, one token entering the pipeline in each round.

    Attributes
    ----------
    time
        compute, transfer, vector, barrier -> ns of all rounds.
    energy
        Component of the ledger -> pJ.
    """

    def __init__(self, mapped: Mapped) -> None:
        self._trace, self._at = mapped.trace, mapped.placement
        self._dram = {item.owner for item in mapped.stored if item.store == "dram"}
        self._contexts = mapped.trace.positions.astype(np.float64) + 1
        self.energy: dict[str, float] = defaultdict(float)
        self.time: dict[str, float] = defaultdict(float)
        self._chips = mapped.placement.n_chips
        self._crossed: dict[tuple[Sent, ...], float] = {}
        self._run()

    def _run(self) -> None:
        """Every stage by itself, then the rounds: in each of their steps the slowest stage at work."""
        stages, n = self._trace.stages, self._trace.n_tokens
        works = [self._trace.works(stage) for stage in stages]
        steps = [self._steps(stage, work) for stage, work in zip(stages, works, strict=True)]
        vector = [self._ops(stage, work) for stage, work in zip(stages, works, strict=True)]
        collects = [self._values(stage, work) for stage, work in zip(stages, works, strict=True)]
        tiles = len({int(self._at.core_router[block.core]) for block in self._at.blocks})
        barrier = float(np.interp(tiles, *zip(*BARRIERS, strict=True)))
        for now in range(n + len(stages) - 1):
            here = [s for s in range(len(stages)) if 0 <= now - s < n and works[s][now - s]]
            spiking = [s for s in here if stages[s].stream is not None]
            if spiking:
                self.time["compute"] += float(np.max([steps[s][now - s] for s in spiking], axis=0).sum())
            if here:
                self.time["vector"] += max(vector[s][now - s] for s in here)
            moved = [collects[s] for s in here]
            self.time["transfer"] += self._move_ns([m.collect for m in moved])
            self.time["transfer"] += _exchange_ns(moved) + self._move_ns([m.reduce for m in moved])
            n_barriers = (
                any(m.collect.values for m in moved)
                + any(m.reduce.values for m in moved)
                + self._n_steps * bool(spiking)
            )
            self.time["barrier"] += n_barriers * barrier
            self.energy["sync"] += n_barriers * BARRIER_PJ

    def static_pj(self, total_ns: float) -> float:
        """Static power over a time."""
        return self._chips * STATIC_W * total_ns * 1e3

    @property
    def _n_steps(self) -> int:
        return self._trace.encoding.n_timesteps

    def _steps(self, stage: Stage, works: NDArray[np.bool_]) -> Floats:
        """Time of each timestep of each token, [tokens, T], and what its spikes cost."""
        found = np.zeros((len(works), self._n_steps))
        if stage.stream is None:
            return found
        counts = np.abs(self._trace.spike_counts(stage.stream).astype(np.int64)) * works[:, None]
        homes = self._at.of(stage.stage_id)
        targets = [block for layer_id in stage.layers for block in self._at.of(layer_id)]
        copies = np.zeros(stage.width)
        for block in targets:
            copies[block.row_start : block.row_stop] += 1
        for t in range(self._n_steps):
            fires = counts > t
            sent = np.zeros(len(works))
            for home in homes:
                some = fires[:, home.col_start : home.col_stop]
                n, size = some.sum(axis=1), home.col_stop - home.col_start
                walk = n * (UPDATE + FIRE) + (size - n) * IDLE
                sent = np.maximum(sent, np.maximum(walk, some @ copies[home.col_start : home.col_stop] * PACKET))
                self._soma(int(n[works].sum()), int(works.sum()) * size - int(n[works].sum()))
            slowest = sent.copy()
            for block in targets:
                got = fires[:, block.row_start : block.row_stop].sum(axis=1)
                columns = block.col_stop - block.col_start
                row = max(LOOKUP, columns * SYNOP)
                busy = np.where(got > 0, np.maximum(sent + row, got * row), 0.0)
                slowest = np.maximum(slowest, busy + columns * np.where(got > 0, UPDATE, IDLE))
                active = int((got[works] > 0).sum())
                self._soma(active * columns, (int(works.sum()) - active) * columns)
                self.energy["synapse"] += float(got.sum()) * columns * SYNOP_PJ
            found[:, t] = slowest * works
        for home in homes:
            for block in targets:
                low, high = max(home.col_start, block.row_start), min(home.col_stop, block.row_stop)
                if low < high:
                    self._packets(home.core, block.core, float(counts[:, low:high].sum()))
        return found

    def _soma(self, updates: int, idle: int) -> None:
        self.energy["soma"] += updates * UPDATE_PJ + idle * IDLE_PJ

    def _ops(self, stage: Stage, works: NDArray[np.bool_]) -> Floats:
        """Time of the ops of each token, [tokens], and their energy."""
        n_homes, total = len(self._at.of(stage.stage_id)), np.zeros(len(works))
        for op_id in stage.ops:
            op = self._trace.op_by_id[op_id]
            done: Counter[str] = Counter()
            units = {name: np.zeros(len(works)) for name in ("vector", "memory", "dram")}
            for table, times in ((op.work_per_token, 1), (op.per_timestep, self._n_steps)):
                for action, (fixed, growing) in table.items():
                    unit, name = action.split(".")
                    amount = (fixed + growing * self._contexts) * times * works
                    if unit == "vector":
                        units["vector"] += amount / n_homes * VECTOR_NS[name]
                        self.energy["vector"] += float(amount.sum()) * VECTOR_PJ[name]
                    elif op_id in self._dram and (op.kind == "kv_cache" or name == "read"):  # tables are read alone
                        units["dram"] += amount / DRAM_BITS / self._chips * DRAM_NS
                        self.energy["dram"] += float(amount.sum()) * DRAM_PJ
                    elif unit == "memory":
                        units["memory"] += amount / n_homes / MEMORY_BITS * MEMORY_NS
                        self.energy["memory"] += float(amount.sum()) * MEMORY_PJ
                    done[unit] += 1
            assert set(done) <= {"vector", "memory"}, op.kind  # nothing of an op is forgotten
            total += np.max(list(units.values()), axis=0)
        return total

    def _values(self, stage: Stage, works: NDArray[np.bool_]) -> Moved:
        """Values of a token that travel for a stage, and what they cost."""
        homes, n = self._at.of(stage.stage_id), int(works.sum())
        collect: list[Values] = []
        for owner in (*stage.sources, *stage.carries):
            senders = [block for block in self._at.of(owner) if block.row_start == 0]
            width = max(block.col_stop for block in senders)
            for home in homes:
                first, last = (-(-edge * width // stage.width) for edge in (home.col_start, home.col_stop))
                for block in senders:
                    values = min(last, block.col_stop) - max(first, block.col_start)
                    if values > 0:
                        collect.append((block.core, home.core, float(values)))
        rounds = sum(self._trace.op_by_id[op_id].kind in EXCHANGING for op_id in stage.ops)
        rounds = rounds if len(homes) > 1 else 0
        reduce = [
            (block.core, _root(self._at.of(layer_id), block).core, float(block.col_stop - block.col_start))
            for layer_id in stage.layers
            for block in self._at.of(layer_id)
            if block.row_start > 0
        ]
        numbers = [(home.core, homes[0].core, 2.0 * rounds) for home in homes[1:]]
        for sender, receiver, values in (*collect, *reduce, *numbers):
            self._packets(sender, receiver, values * n)
        written = sum(values for _, _, values in (*collect, *numbers))
        self.energy["memory"] += n * written * VALUE_BITS * MEMORY_PJ
        self.energy["dendrite"] += n * sum(values for _, _, values in reduce) * SYNOP_PJ
        return Moved(self._transfer(collect), self._transfer(reduce), rounds, len(homes))

    def _packets(self, sender: int, receiver: int, n: float) -> None:
        """So many packets of one flit from a core to another: their links, and the core's own at the end."""
        (x0, y0), (x1, y1) = self._xy(sender), self._xy(receiver)
        chips_x = abs(x1 // self._at.tiles_x - x0 // self._at.tiles_x)
        chips_y = abs(y1 // self._at.tiles_y - y0 // self._at.tiles_y)
        on_chip = (abs(x1 - x0) - chips_x) * HOP_X + (abs(y1 - y0) - chips_y) * HOP_Y
        self.energy["noc"] += n * (on_chip + (chips_x + chips_y) * CHIP_PJ + LOCAL)

    def _transfer(self, values: Sequence[Values]) -> Transfer:
        """Values with where they pass, and what they pass that others cross a link between chips from or through."""
        place, sent, crossed = Counter[int](), [], set[Output]()
        for sender, receiver, n in values:
            start, stop = self._xy(sender), self._xy(receiver)
            passed = frozenset({(start, SOURCE), *outputs(start, stop)})
            sent.append(Sent(place[sender], sender, int(n), start, stop, passed))
            if self._chip_of(start) != self._chip_of(stop):
                crossed |= passed
            place[sender] += int(n)
        return Transfer(values, tuple(sent), frozenset(crossed))

    def _move_ns(self, moved: Sequence[Transfer]) -> float:
        """The busiest sender or receiver, or the last value of those that wait behind links between chips."""
        sent: Counter[int] = Counter()
        got: Counter[int] = Counter()
        for transfer in moved:
            for sender, receiver, n in transfer.values:
                sent[sender] += n
                got[receiver] += n
        if not got:
            return 0.0
        return max(PACKET * max(sent.values()) + LOOKUP, LOOKUP * max(got.values()), self._cross_ns(moved))

    def _cross_ns(self, moved: Sequence[Transfer]) -> float:
        """The last of the values that cross a link between chips, or share a queue or an output with one that does."""
        crossed = frozenset[Output]().union(*(transfer.crossed for transfer in moved))
        waiting = tuple(s for transfer in moved for s in transfer.sent if not s.passed.isdisjoint(crossed))
        if waiting not in self._crossed:
            flits = sorted((s.place + i, s.core, s.start, s.stop) for s in waiting for i in range(s.n))
            links = Crossings((self._at.tiles_x, self._at.tiles_y), CHIP_INTERVAL, CHIP_EXTRA)
            self._crossed[waiting] = links.cycles((start, stop) for _, _, start, stop in flits) * CYCLE
        return self._crossed[waiting]

    def _chip_of(self, router: Place) -> Place:
        return router[0] // self._at.tiles_x, router[1] // self._at.tiles_y

    def _xy(self, core: int) -> tuple[int, int]:
        router = int(self._at.core_router[core])
        return router % self._at.mesh_x, router // self._at.mesh_x


class Sent(NamedTuple):
    """So many values of a core to a router, their place among all that the core sends, and the outputs they pass."""

    place: int
    core: int
    n: int
    start: Place
    stop: Place
    passed: frozenset[Output]


class Transfer(NamedTuple):
    """Values that travel in one step, and the outputs and queues of those that cross from chip to chip."""

    values: Sequence[Values]
    sent: tuple[Sent, ...]
    crossed: frozenset[Output]


class Moved(NamedTuple):
    """Values that travel for a stage, and how often its home cores exchange a number."""

    collect: Transfer
    reduce: Transfer
    rounds: int
    n_homes: int


def _root(blocks: Sequence[Block], block: Block) -> Block:
    """The block that adds up the columns of ``block``."""
    return next(b for b in blocks if b.row_start == 0 and b.col_start == block.col_start)


def _exchange_ns(moved: Sequence[Moved]) -> float:
    """Every home core of a stage sends a number to the first, which sends one back: as often as a stage asks most."""
    each = max((m.n_homes - 1 for m in moved if m.rounds), default=0)
    way = PACKET + LOOKUP + 8 * CYCLE
    gather, spread = max(0, each - 1) * LOOKUP + way, max(0, each - 1) * PACKET + way
    return max((m.rounds for m in moved), default=0) * (gather + spread) if each else 0.0

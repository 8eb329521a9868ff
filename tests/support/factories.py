"""Hand-made records for tests: a chip, a trace and a complete `Run` of a 2-block toy model, no engine needed.

`make_run()` is the one most tests want. Its SimResult is made by plain arithmetic from the trace (not by the engine):
the numbers are plausible and hang together (stage parts add up, counts follow the spikes, links and cores exist on the
mesh), yet claim nothing about timing. Everything is deterministic in `seed`.

Toy model: 2 blocks, width 16, feed-forward 32, 4 tokens, ternary spikes with 3 levels. Toy chip: 2 x 4 tiles of 2
cores; two chips side by side, so the mesh is 4 x 4 routers and some links cross from chip to chip.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from simulator.config.chip import ChipConfig
from simulator.energy.cmos45 import cmos45_all
from simulator.energy.ledger import build_ledger
from simulator.engine.pipeline_units import UnitLoad
from simulator.engine.result import CHIP, CountRow, SimResult
from simulator.engine.steady import Steady
from simulator.engine.timing import SPAN_COLUMNS, token_frame
from simulator.mapping.grid import Grid
from simulator.mapping.mapped import Mapped
from simulator.mapping.placement import Block, Placement
from simulator.report.notebook import NotebookRun
from simulator.report.run import DenseTwin
from simulator.trace.check import check_trace
from simulator.trace.encoding import Encoding
from simulator.trace.trace import Trace
from simulator.trace.trace_program import Layer, Op, Stage, Stream

D_MODEL, D_FFN, VOCABULARY = 16, 32, 24


def price(value: str, grade: str = "assumed", source: str = "toy", **more: Any) -> dict[str, Any]:
    """An energy, a delay or a power as the chip file writes it."""
    return {"value": value, "source": source, "grade": grade, **more}


def action(energy: str, latency: str, grade: str = "assumed") -> dict[str, Any]:
    return {"energy": price(energy, grade), "latency": price(latency, grade)}


def chip_fields() -> dict[str, Any]:
    """The toy chip as nested dicts, to be changed and passed to `ChipConfig.model_validate`."""
    return {
        "name": "toy",
        "summary": "A toy chip for tests",
        "sources": {"toy": "made up for tests", "davies": "M. Davies et al., Loihi, IEEE Micro 2018, Table 2"},
        "technology": {"node_nm": 14, "voltage": 0.75},
        "chip": {
            "tiles_x": 2,
            "tiles_y": 4,
            "cores_per_tile": 2,
            "max_chips": 4,
            "static_power": price("2 mW", "measured", "davies"),
        },
        "noc": {
            "flit_bits": "32 bit",
            "cycle": price("2 ns"),
            "hop_x": price("3 pJ", "pre-silicon", "davies"),
            "hop_y": price("4 pJ", "pre-silicon", "davies"),
            "local": price("1.7 pJ", "pre-silicon", "davies", low="1 pJ", high="2 pJ"),
            "chip_link": {
                "extra_cycles": 10,
                "hop": price("50 pJ", "assumed"),
                "source": "toy",
                "grade": "assumed",
            },
        },
        "core": {
            "sram": make_sram(),
            "limits": {"axons_in": 64, "neurons": 64},
            "overhead": price("1 ns"),
            "axon_in": {"lookup": action("5 pJ", "2 ns")},
            "synapse": {
                "weight_bits": "8 bit",
                "lanes": 4,
                "word_read": action("10 pJ", "1 ns", "scaled"),
                "synop": {
                    "energy": {"included_in": "dendrite.accumulate", "source": "davies", "grade": "pre-silicon"},
                    "latency": price("1 ns"),
                },
            },
            "dendrite": {
                "accumulator_bits": "24 bit",
                "accumulate": action("23.6 pJ", "3 ns", "pre-silicon"),
                "multiply_accumulate": action("31 pJ", "4 ns"),
                "reduce": action("2 pJ", "1 ns"),
                "accumulator_read": action("0.7 pJ", "1 ns"),
                "accumulator_write": action("0.9 pJ", "2 ns"),
            },
            "soma": {
                "every": "timestep",
                "lanes": 1,
                "update": action("81 pJ", "8 ns", "pre-silicon"),
                "update_idle": action("52 pJ", "5 ns", "pre-silicon"),
                "fire": action("20 pJ", "3 ns"),
            },
            "axon_out": {"packet": action("11 pJ", "5 ns", "published-model")},
        },
        "vector": {
            "lanes": 2,
            "add": action("0.1 pJ", "1 ns"),
            "mul": action("0.4 pJ", "1 ns"),
            "mac": action("0.5 pJ", "1 ns"),
            "compare": action("0.1 pJ", "1 ns"),
            "exp": action("2 pJ", "4 ns"),
            "div": action("3 pJ", "6 ns"),
        },
        "memory": {
            "word": "64 bit",
            "access": price("2 ns"),
            "read": price("0.2 pJ", "scaled"),
            "write": price("0.25 pJ", "scaled"),
        },
        "sync": {
            "barrier": {
                "source": "davies",
                "grade": "pre-silicon",
                "latency": [{"tiles": 1, "value": "113 ns"}, {"tiles": 32, "value": "465 ns"}],
                "energy": price("30 pJ"),
            }
        },
        "schedule": {"kind": "sequential", "logits": "all"},
    }


def make_dram(burst: str = "512 bit", fetch: str = "all") -> dict[str, Any]:
    """A memory off the chip as the chip file writes it: 10 ns a burst, 4 pJ a bit read, 6 pJ a bit written."""
    return {"burst": burst, "access": price("10 ns"), "read": price("4 pJ"), "write": price("6 pJ"), "fetch": fetch}


def make_sram(capacity: str = "4 KiB", word: str = "64 bit") -> dict[str, Any]:
    """The synaptic memory of a core as the chip file writes it; the vector unit reads a word in 3 ns, writes in 5."""
    return {"capacity": capacity, "word": word, "read": action("7 pJ", "3 ns"), "write": action("9 pJ", "5 ns")}


def make_chip(**changes: Any) -> ChipConfig:
    """The toy chip with some fields changed: dotted path with ``__`` for the dot -> new value.

    ``make_chip(vector__add__energy__value="7 pJ")``.
    """
    fields = chip_fields()
    for path, value in changes.items():
        *above, last = path.split("__")
        record = fields
        for key in above:
            record = record[key]
        record[last] = value
    return ChipConfig.model_validate(fields)


def _block_stages(i: int) -> tuple[list[Stream], list[Layer], list[Op], list[Stage]]:
    """Streams, layers, ops and stages of block ``i`` (ids as in the shipped traces)."""
    b = f"blocks.{i}"
    widths = {"attn_in": D_MODEL, "attn_out": D_MODEL, "mlp_in": D_MODEL, "mlp_hidden": D_FFN}
    streams = [Stream(f"{b}.{name}", n) for name, n in widths.items()]
    shape = {"q": ("attn_in", D_MODEL), "k": ("attn_in", 8), "v": ("attn_in", 8), "o": ("attn_out", D_MODEL)}
    shape |= {"gate": ("mlp_in", D_FFN), "up": ("mlp_in", D_FFN), "down": ("mlp_hidden", D_MODEL)}
    layers = [Layer(f"{b}.{k}", k, widths[s], n_out, 8, f"{b}.{s}") for k, (s, n_out) in shape.items()]
    norm = {"vector.mac": (D_MODEL, 0), "vector.mul": (2 * D_MODEL, 0), "vector.div": (1, 0)}
    encode = {"vector.compare": (4 * D_MODEL, 0), "vector.mul": (D_MODEL, 0)}
    ops = [
        Op(f"{b}.norm_attn", "norm", norm),
        Op(f"{b}.encode_attn_in", "encode", encode),
        Op(f"{b}.kv_cache", "kv_cache", {"memory.read": (0, 128), "memory.write": (128, 0)}),
        Op(f"{b}.qk", "qk", {"vector.mac": (0, D_MODEL)}),
        Op(f"{b}.softmax", "softmax", {"vector.exp": (0, 2), "vector.add": (0, 2), "vector.div": (0, 2)}),
        Op(f"{b}.pv", "pv", {"vector.mac": (0, D_MODEL)}),
        Op(f"{b}.residual_attn", "residual", {"vector.add": (D_MODEL, 0)}),
        Op(f"{b}.norm_mlp", "norm", norm),
        Op(f"{b}.silu", "silu", {"vector.exp": (D_FFN, 0), "vector.div": (D_FFN, 0), "vector.mul": (D_FFN, 0)}),
    ]
    before = (f"blocks.{i - 1}.down",) if i else ()

    def stage(name: str, first: int, last: int, kinds: str, sources: tuple[str, ...]) -> Stage:
        ids = tuple(op.op_id for op in ops[first:last])
        return Stage(f"{b}.{name}", widths[name], ids, f"{b}.{name}", tuple(f"{b}.{k}" for k in kinds.split()), sources)

    stages = [
        stage("attn_in", 0, 2, "q k v", before),
        stage("attn_out", 2, 6, "o", (f"{b}.q", f"{b}.k", f"{b}.v")),
        stage("mlp_in", 6, 8, "gate up", (f"{b}.o",)),
        stage("mlp_hidden", 8, 9, "down", (f"{b}.gate", f"{b}.up")),
    ]
    return streams, layers, ops, stages


def make_trace(n_blocks: int = 2, n_tokens: int = 4, seed: int = 0, levels: int = 3) -> Trace:
    """A checked ternary trace of the toy model; most counts are 0 or 1."""
    parts = [_block_stages(i) for i in range(n_blocks)]
    streams, layers, ops, stages = (tuple(x for part in parts for x in part[k]) for k in range(4))
    weights = D_MODEL * VOCABULARY
    head = Op("lm_head", "head", {"vector.mac": (weights, 0), "memory.read": (8 * weights, 0)})
    last = Stage("head", D_MODEL, ("lm_head",), None, (), (f"blocks.{n_blocks - 1}.down",))
    rng = np.random.default_rng(seed)
    odds = np.array([0.55, 0.3, 0.1, 0.05])[: levels + 1]
    counts = {
        s.stream_id: (
            rng.choice(len(odds), (n_tokens, s.n), p=odds / odds.sum()) * rng.choice([-1, 1], (n_tokens, s.n))
        ).astype(np.int8)
        for s in streams
    }
    trace = Trace(
        name="toy-trace",
        encoding=Encoding("ternary", levels),
        streams=streams,
        layers=layers,
        ops=(*ops, head),
        stages=(*stages, last),
        positions=np.arange(n_tokens, dtype=np.int64),
        phases=np.zeros(n_tokens, np.uint8),
        origin={"model": "toy", "text": "made up", "seed": seed},
        load_counts=counts.__getitem__,
        content_hash="0123456789abcdef" * 4,
    )
    check_trace(trace)
    return trace


def make_placement(trace: Trace, chip: ChipConfig) -> Placement:
    """One block per layer and per home, in program order, on consecutive cores; chips side by side in x."""
    layer = trace.layer_by_id
    blocks: list[Block] = []
    for stage in trace.stages:
        blocks.append(Block(len(blocks), "home", stage.stage_id, 0, 0, 0, stage.width, 0))
        for layer_id in stage.layers:
            n_in, n_out = layer[layer_id].n_in, layer[layer_id].n_out
            blocks.append(Block(len(blocks), "layer", layer_id, 0, n_in, 0, n_out, n_in * n_out))
    grid = chip.chip
    n_chips = -(-len(blocks) // grid.n_cores)
    mesh_x, mesh_y = grid.tiles_x * n_chips, grid.tiles_y
    routers = []
    for core in range(n_chips * grid.n_cores):
        which, tile = core // grid.n_cores, core % grid.n_cores // grid.cores_per_tile
        routers.append(tile // grid.tiles_x * mesh_x + which * grid.tiles_x + tile % grid.tiles_x)
    return Placement(
        tuple(blocks),
        n_chips,
        n_chips,
        1,
        Grid(mesh_x, mesh_y, chip.noc.topology == "torus"),
        np.array(routers, dtype=np.int64),
    )


def _stream_spikes(trace: Trace, stage: Stage) -> int:
    return 0 if stage.stream is None else int(trace.encoding.spikes_per_count(trace.spike_counts(stage.stream)).sum())


def make_counts(trace: Trace) -> tuple[CountRow, ...]:
    """Counts by plain arithmetic: each op, the encoder and network of each stage, each layer, the barriers."""
    rows: list[CountRow] = []
    for stage in trace.stages:
        for op_id in stage.ops:
            op = trace.op_by_id[op_id]
            work = op.work(trace.contexts, trace.encoding.n_timesteps)
            rows += [CountRow(op_id, *action.split("."), int(n.sum())) for action, n in work.items()]
        if stage.stream is None:
            continue
        spikes = _stream_spikes(trace, stage)
        packets, neurons = spikes * len(stage.layers), stage.width * trace.n_tokens * trace.encoding.n_timesteps
        actions = {("soma", "update"): spikes, ("soma", "update_idle"): neurons - spikes, ("soma", "fire"): spikes}
        actions |= {("axon_out", "packet"): packets, ("noc", "hop_x"): packets, ("noc", "hop_y"): 2 * packets}
        actions |= {("noc", "local"): packets, ("noc", "chip_hop"): packets // 5}
        rows += [CountRow(stage.stage_id, *key, n) for key, n in actions.items()]
        for layer_id in stage.layers:
            n_out = trace.layer_by_id[layer_id].n_out
            rows.append(CountRow(layer_id, "axon_in", "lookup", spikes))
            rows.append(CountRow(layer_id, "synapse", "word_read", spikes * -(-n_out // 8)))
            rows.append(CountRow(layer_id, "synapse", "synop", spikes * n_out))
            rows.append(CountRow(layer_id, "dendrite", "accumulate", spikes * n_out))
    rows.append(CountRow(CHIP, "sync", "barrier", trace.n_tokens * trace.encoding.n_timesteps * len(trace.streams)))
    return tuple(row for row in rows if row.count > 0)


def _stages(trace: Trace) -> pd.DataFrame:
    rows = []
    for stage in trace.stages:
        spikes = _stream_spikes(trace, stage)
        parts = [3_000 * spikes, 500 * spikes, 1_000 * stage.width, 2_000 * stage.width * len(stage.ops)]
        parts.append(200_000 * trace.encoding.n_timesteps * trace.n_tokens if stage.stream else 0)
        rows.append((stage.stage_id, *parts, sum(parts)))
    columns = ["stage", "compute_ps", "network_ps", "transfer_ps", "vector_ps", "barrier_ps", "total_ps"]
    return pd.DataFrame(rows, columns=columns)


def _cores(trace: Trace, chip: ChipConfig, placement: Placement) -> pd.DataFrame:
    spikes = {stage.stage_id: _stream_spikes(trace, stage) for stage in trace.stages}
    rows = []
    for b in placement.blocks:
        router = int(placement.core_router[b.core])
        stream = trace.layer_by_id[b.owner].stream if b.role == "layer" else b.owner
        received, synops = (spikes[stream], spikes[stream] * b.n_cols) if b.role == "layer" else (0, 0)
        busy = 1_000 * synops + 2_000 * b.n_cols * trace.n_tokens
        sent = spikes[stream] if b.role == "home" else 0
        place = (b.core, b.core // chip.chip.n_cores, router, router % placement.mesh_x, router // placement.mesh_x)
        rows.append((*place, b.role, b.owner, b.n_rows, b.n_cols, b.sram_bytes, busy, received, sent, synops, 0, 0, 0))
    columns = "core chip router x y role owner rows neurons sram_bytes busy_ps packets_in packets_out synops"
    columns += " stall_ps word_conflicts accumulator_conflicts"
    return pd.DataFrame(rows, columns=columns.split())


def _units(cores: pd.DataFrame, placement: Placement, total_ps: int) -> pd.DataFrame:
    """Half the busy time of a core is that of its dendrite, or at a home of its soma, which axon_in then waits for."""
    load = UnitLoad.idle(placement)
    load.active_ps[0] = total_ps
    for unit, some in (("dendrite", cores["role"] == "layer"), ("soma", cores["role"] == "home")):
        busy = cores.loc[some, "busy_ps"].to_numpy() // 2
        load.lockstep(cores.loc[some, "core"].to_numpy(), {unit: busy, "axon_in": busy // 4}, busy)
    return load.frame(placement, total_ps)


def _links(chip: ChipConfig, placement: Placement, flits: int) -> pd.DataFrame:
    rows = []
    for router in range(placement.mesh_x * placement.mesh_y):
        x, y = router % placement.mesh_x, router // placement.mesh_x
        for direction, dx, dy in (("+x", 1, 0), ("-x", -1, 0), ("+y", 0, 1), ("-y", 0, -1)):
            if not (0 <= x + dx < placement.mesh_x and 0 <= y + dy < placement.mesh_y):
                continue
            crosses = (x + dx) // chip.chip.tiles_x != x // chip.chip.tiles_x
            rows.append((router, x, y, direction, crosses, flits // (1 + x + 2 * y + (dx + dy < 0))))
    return pd.DataFrame(rows, columns=["router", "x", "y", "direction", "crosses_chip", "flits"])


def make_result(trace: Trace, chip: ChipConfig, placement: Placement) -> SimResult:
    """A SimResult that hangs together, made by arithmetic on the trace; see the module's first lines."""
    counts = make_counts(trace)
    stages = _stages(trace)
    total_ps = int(stages["total_ps"].sum())
    share = trace.contexts / trace.contexts.sum()
    latencies = np.floor(total_ps * share).astype(np.int64)
    latencies[-1] += total_ps - latencies.sum()
    ends = np.cumsum(latencies)
    packets = sum(row.count for row in counts if row.action == "packet")
    cores = _cores(trace, chip, placement)
    return SimResult(
        action_counts=counts,
        stages=stages,
        tokens=token_frame(trace, ends - latencies, ends),
        cores=cores,
        units=_units(cores, placement, total_ps),
        links=_links(chip, placement, packets),
        total_ps=total_ps,
        spikes=sum(_stream_spikes(trace, stage) for stage in trace.stages),
        synops=sum(row.count for row in counts if row.action == "accumulate"),
        packets=packets,
        packet_hops=sum(row.count for row in counts if row.action in ("hop_x", "hop_y")),
        markers=0,
        n_chips=placement.n_chips,
        cores_total=placement.cores_total,
        tiles_used=placement.tiles_used,
        static_ps=total_ps * placement.n_chips,
        warnings=("embedding lookup happens outside the chip",),
        elapsed={"compile_s": 1.25, "simulate_s": 0.5},
        phase_counts={"prefill": counts, "decode": ()},
        phase_ps={"prefill": total_ps, "decode": 0},
        spans=pd.DataFrame([], columns=list(SPAN_COLUMNS)),
        steady=Steady(total_ps / trace.n_tokens, None),
    )


def make_run(
    trace: Trace | None = None, chip: ChipConfig | None = None, *, dense: bool = True, allow_uncosted: bool = False
) -> NotebookRun:
    """A complete Run of the toy model on the toy chip (or of what is given), with or without a dense twin."""
    trace = trace if trace is not None else make_trace()
    chip = chip if chip is not None else make_chip()
    placement = make_placement(trace, chip)
    result = make_result(trace, chip, placement)
    ledger = build_ledger(result, chip, allow_uncosted)
    twin = DenseTwin("dense-int8-45nm", 0.4 * ledger.total_pj, result.total_ps // 3, trace.n_tokens, 0.25, 1.5, 45)
    return NotebookRun(
        mapped=Mapped.at(trace, chip, placement),
        result=result,
        ledger=ledger,
        cmos45=cmos45_all(trace),
        dense=twin if dense else None,
        command="spikewatt run --chip toy --trace toy-trace",
        warnings=("weights are 8 bit wide, the trace was captured at 8",),
    )

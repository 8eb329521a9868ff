"""The compiled engine against the plain-Python oracle: every packet, every count, every picosecond."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from factories import action, make_chip, make_dram, make_sram, make_trace
from hypothesis import assume, given
from hypothesis import strategies as st
from local_stream import with_local_stream
from profiles import examples
from tiny_model import write_tiny_model

from simulator.config.chip import ChipConfig, Schedule
from simulator.engine.engine import replay
from simulator.engine.network.network import Network
from simulator.engine.oracle.reference import reference_simulate
from simulator.engine.oracle.reference_cores import ReferenceResult
from simulator.engine.plan import plan_stages
from simulator.engine.result import SimResult
from simulator.engine.schedule import schedule_batches
from simulator.engine.spike_steps import run_networked
from simulator.errors import ConfigError, SpikewattError
from simulator.mapping.mapped import Mapped
from simulator.mapping.place import map_trace
from simulator.mapping.placements import PLACEMENTS
from simulator.mapping.strategies import STRATEGIES
from simulator.mapping.widths import Widths
from simulator.model.attention_rule import SPIKING
from simulator.model.capture import capture
from simulator.model.encoder import encoding_for
from simulator.model.generation import Decode
from simulator.model.preset import as_preset
from simulator.trace.codes import CODES
from simulator.trace.synthetic import synthetic_trace
from simulator.trace.trace import Trace
from simulator.trace.trace_program import ClosedForm, Op

MANY_EVENTS = 100_000


def engine_events(mapped: Mapped) -> list[tuple[object, ...]]:
    trace, chip = mapped.trace, mapped.chip
    network = Network(mapped.placement, chip)
    events: list[tuple[object, ...]] = []
    for batch in schedule_batches(trace, chip):
        spiking = [(s, at) for s, at in zip(batch.stages, batch.tokens.T, strict=True) if s.stream is not None]
        if not spiking:
            continue
        stages = [stage for stage, _ in spiking]
        plan = plan_stages(stages, mapped, deduplicate=False)
        counts = np.hstack([trace.spike_counts(stage.stream)[tokens] for stage, tokens in spiking])
        run = run_networked(counts, plan, trace.encoding, chip, network, n_events=MANY_EVENTS)
        first_row = np.cumsum([0, *(stage.width for stage in stages)])
        for round_, t, row, spikes, flits, home, target, *times in run.events.tolist():
            which = int(np.searchsorted(first_row, row, side="right")) - 1
            stage, tokens = spiking[which]
            cores = plan.homes[home].core, plan.targets[target].core
            packet = row - int(first_row[which]), spikes, flits
            events.append((stage.stage_id, int(tokens[round_]), t, *packet, *cores, *times))
    return events


def oracle_events(found: ReferenceResult) -> list[tuple[object, ...]]:
    events = []
    for event in found.events:
        d, p = event.delivery, event.delivery.packet
        times = (p.ready_ps, d.delivered_cycle, d.start_ps, d.done_ps)
        packet = p.rows[0], len(p.rows), p.flits
        events.append((event.stage, event.token, event.timestep, *packet, p.sender.core, d.receiver.core, *times))
    return events


def assert_equal_to_oracle(trace: Trace, chip: ChipConfig, widths: Widths | None = None) -> None:
    mapped = map_trace(trace, chip, widths)
    found = reference_simulate(mapped)
    result = replay(mapped, refuse_overload=False)
    assert {(r.owner, r.component, r.action): r.count for r in result.action_counts} == {
        k: n for k, n in found.counts.items() if n
    }
    assert result.tokens["latency_ps"].tolist() == [end - found.start_ps[i] for i, end in sorted(found.end_ps.items())]
    assert result.tokens["start_ps"].tolist() == [found.start_ps[token] for token in range(trace.n_tokens)]
    assert result.total_ps == max(found.end_ps.values()) == result.stages["total_ps"].sum()
    assert result.total_ps == sum(result.phase_ps.values())
    assert result.cores["stall_ps"].tolist() == [found.stall_ps[core] for core in result.cores["core"]]
    assert result.cores["busy_ps"].tolist() == [found.busy_ps[core] for core in result.cores["core"]]
    assert_units_equal_to_oracle(result, found)
    for conflicts in ("word_conflicts", "accumulator_conflicts"):
        assert result.cores[conflicts].tolist() == [getattr(found, conflicts)[core] for core in result.cores["core"]]
    # the oracle goes token by token, the engine stage by stage: the same packets in another order of stages
    assert sorted(engine_events(mapped)) == sorted(oracle_events(found))


def assert_units_equal_to_oracle(result: SimResult, found: ReferenceResult) -> None:
    units = result.units
    of_unit = list(zip(units["core"], units["unit"], strict=True))
    assert units["busy_ps"].tolist() == [found.unit_busy_ps[key] for key in of_unit]
    assert units["stall_ps"].tolist() == [found.unit_stall_ps[key] for key in of_unit]
    active = units[["busy_ps", "stall_ps", "wait_ps"]].sum(axis=1)
    assert active.tolist() == [found.active_ps[core] for core, _ in of_unit]
    assert set(units[["busy_ps", "stall_ps", "idle_ps"]].sum(axis=1)) == {result.total_ps}
    assert (units[["busy_ps", "stall_ps", "wait_ps", "idle_ps"]] >= 0).all(axis=None)
    assert units["barrier_ps"].tolist() == [found.barrier_ps[core] for core, _ in of_unit]
    assert (units["wait_ps"] >= units["network_ps"] + units["barrier_ps"]).all()


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("every", ["timestep", "stage"])
def test_a_chain_of_layers_in_every_code_and_with_both_somas(code, every):
    trace = synthetic_trace("poisson", [9, 7, 5], code=code, levels=3, tokens=2, seed=3)
    assert_equal_to_oracle(trace, make_chip(core__soma__every=every))


def test_two_blocks_of_a_transformer():
    assert_equal_to_oracle(make_trace(n_tokens=2), make_chip())


def test_layers_split_by_inputs_send_partial_sums():
    assert_equal_to_oracle(
        make_trace(n_blocks=1, n_tokens=2), make_chip(chip__max_chips=9, core__limits={"axons_in": 5, "neurons": 7})
    )


@pytest.mark.parametrize("cores_per_tile", [1, 3])
def test_one_packet_per_spike_with_multicast(cores_per_tile):
    """Three blocks of targets on one to three tiles: one packet per spike, served by each target core."""
    trace = synthetic_trace("poisson", [7, 20], tokens=2)
    limits = {"axons_in": 64, "neurons": 7}
    chip = make_chip(noc__multicast=True, chip__cores_per_tile=cores_per_tile, core__limits=limits, chip__max_chips=9)
    assert_equal_to_oracle(trace, chip)
    result = replay(map_trace(trace, chip))
    counts = {(r.component, r.action): r.count for r in result.action_counts if r.owner == trace.stages[0].stage_id}
    assert counts["axon_out", "packet"] == result.spikes
    lookups = sum(r.count for r in result.action_counts if r.owner == trace.layers[0].layer_id and r.action == "lookup")
    assert lookups == 3 * result.spikes
    # the home and three targets: on a tile of their own each, or the home and two of them on the first tile
    entries = {1: 3, 3: 2}[cores_per_tile]
    assert counts["noc", "local"] == entries * result.spikes


def test_dense_replay_sends_every_activation_once():
    assert_equal_to_oracle(synthetic_trace("poisson", [9, 7], tokens=2), make_chip(replay="dense"))


@pytest.mark.parametrize(("mode", "reads"), [("captured", 3), ("dense", 1)])
def test_the_spike_buffer_is_read_in_each_timestep_of_the_replay(mode, reads):
    """Two tokens, 9 x 3 bits a timestep; three timesteps as captured, one as integers."""
    trace = synthetic_trace("poisson", [9, 7], levels=3, tokens=2)
    first, *others = trace.ops
    trace = replace(trace, ops=(replace(first, per_timestep={"memory.read": (27, 0)}), *others))
    chip = make_chip(replay=mode)
    assert_equal_to_oracle(trace, chip)
    counts = {row[:3]: row.count for row in replay(map_trace(trace, chip)).action_counts}
    assert counts[first.op_id, "memory", "read"] == 2 * 27 * reads


@pytest.mark.parametrize("mode", ["captured", "dense"])
@pytest.mark.parametrize("code", CODES)
def test_spikes_that_trigger_the_work_of_an_op(code, mode):
    """A local stream of two activations per position, each spike of which adds a row that grows with the context."""
    trace = synthetic_trace("poisson", [9, 7], code=code, levels=3, tokens=3)
    trace = with_local_stream(trace, (1, 2), {"vector.add": (1, 3), "vector.mac": (2, 0), "memory.read": (0, 8)})
    assert_equal_to_oracle(trace, make_chip(replay=mode, core__soma__lanes=2))


def test_a_stage_of_spikes_that_drive_no_layer():
    """Its neurons are updated and fire, and that is all: a population whose spikes are only looked at."""
    trace = synthetic_trace("full", [5, 3], levels=3, tokens=2, ops=False, head=False)
    (first, *_) = trace.stages
    alone = replace(trace, layers=(), stages=(replace(first, layers=()),))
    assert_equal_to_oracle(alone, make_chip())
    counts = {row[:3]: row.count for row in replay(map_trace(alone, make_chip())).action_counts}
    assert counts[first.stage_id, "soma", "fire"] == 2 * 5 * 3
    assert "packet" not in {action for _, _, action in counts}


def test_a_graded_count_beyond_a_flit_travels_in_several():
    """Counts of 300 levels are 9 bits and a sign: two flits of 8 bits each, and a multiply-accumulate per weight."""
    trace = synthetic_trace("full", [5, 3], code="graded", levels=300, tokens=2)
    chip = make_chip(noc__flit_bits="8 bit")
    assert_equal_to_oracle(trace, chip)
    counts = {row[:3]: row.count for row in replay(map_trace(trace, chip)).action_counts}
    first = trace.stages[0]
    assert counts[first.stage_id, "axon_out", "packet"] == 2 * 5
    assert counts[first.stage_id, "noc", "local"] == 2 * 5 * 2
    assert counts[first.layers[0], "dendrite", "multiply_accumulate"] == 2 * 5 * 3
    assert (first.layers[0], "dendrite", "accumulate") not in counts


@pytest.mark.parametrize("multicast", [False, True])
@pytest.mark.parametrize("model", ["cycle", "estimate", "ideal"])
def test_markers_of_one_flit_beside_spikes_of_three(model, multicast):
    """Homes of four neurons and targets of four, one core a tile, and a network that is slower than the cores."""
    trace = synthetic_trace("full", [12, 12], code="graded", levels=20_000, tokens=2)
    chip = make_chip(
        chip__max_chips=9,
        core__limits={"axons_in": 64, "neurons": 4},
        noc__flit_bits="6 bit",
        noc__model=model,
        noc__multicast=multicast,
        noc__cycle__value="20 ns",
        sync__kind="handshake",
    )
    assert_equal_to_oracle(trace, chip)


def test_a_chip_that_cannot_multiply_refuses_a_graded_trace():
    trace = synthetic_trace("full", [5, 3], code="graded", tokens=1)
    chip = make_chip(core__dendrite__multiply_accumulate=None)
    with pytest.raises(ConfigError, match=r"toy: core.dendrite.multiply_accumulate: found none, .* is graded"):
        replay(map_trace(trace, chip))
    dense = make_chip(core__dendrite__multiply_accumulate=None, replay="dense")
    replay(map_trace(trace, dense))


def tiled(tile: int, chunk: int | None = None) -> dict[str, object]:
    """Changes for a tile of tokens, with enough accumulators for 64 neurons."""
    return {
        "core__synapse__tile": tile,
        "core__dendrite__accumulators_per_core": 64 * tile,
        "schedule": {"chunk": chunk or tile},
    }


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("sync", ["barrier", "handshake"])
def test_a_tile_of_captured_spikes_in_every_code(code, sync):
    """Tiles of 2 in chunks of 3: tiles of 2, 1 and then 2 tokens; layers cut by rows and by columns."""
    trace = synthetic_trace("poisson", [9, 7, 5], code=code, levels=3, tokens=5, seed=3)
    limits = {"axons_in": 5, "neurons": 4}
    assert_equal_to_oracle(trace, make_chip(core__limits=limits, sync__kind=sync, chip__max_chips=9, **tiled(2, 3)))


NESTED = {"core__synapse__reuse": "nested", "core__dendrite__accumulators_per_core": 512}


@pytest.mark.parametrize("code", ["ternary", "binary"])
@pytest.mark.parametrize("every", ["timestep", "stage"])
@pytest.mark.parametrize("sync", ["barrier", "handshake"])
@pytest.mark.parametrize("accumulators", ["registers", "sram"])
@pytest.mark.parametrize("tile", [1, 2])
def test_nested_trains(code, every, sync, accumulators, tile):
    """Partial sums over rows and columns, one packet for each activation that is not 0; a local stream stays unary."""
    trace = synthetic_trace("poisson", [9, 7, 5], code=code, levels=3, tokens=3, seed=3)
    trace = with_local_stream(trace, (1, 2), {"vector.add": (1, 3)})
    chip = make_chip(
        core__soma__every=every,
        core__limits={"axons_in": 5, "neurons": 4},
        core__dendrite__accumulators=accumulators,
        core__dendrite__accumulator_banks=3,
        sync__kind=sync,
        chip__max_chips=9,
        **tiled(tile) | NESTED,
    )
    assert_equal_to_oracle(trace, chip)


def test_a_nested_train_fetches_a_row_once_and_adds_each_sum_once_a_timestep():
    """Counts 3, -1 and 0 of T = 3 into 7 neurons: 2 packets of 7 adds each, and 3 suffix sums of 7; 4 packets flat."""
    trace = synthetic_trace("silent", [3, 7], levels=3, tokens=1, head=False, ops=False)
    (stage,) = trace.stages
    trace = replace(trace, load_counts={stage.stream: np.array([[3, -1, 0]], np.int8)}.__getitem__)
    flat, nested = (
        {row.action: row.count for row in replay(map_trace(trace, make_chip(**changes))).action_counts}
        for changes in ({}, NESTED)
    )
    assert (flat["packet"], flat["word_read"], flat["accumulate"]) == (4, 4, 4 * 7)
    assert (nested["packet"], nested["word_read"], nested["accumulate"]) == (2, 2, 2 * 7 + 3 * 7)


@pytest.mark.parametrize("code", ["bitwise", "bitwise_twos", "graded"])
def test_trains_that_are_not_unary_are_not_nested(code):
    trace = synthetic_trace("poisson", [9, 7], code=code, levels=3, tokens=1)
    with pytest.raises(ConfigError, match=f"core.synapse.reuse: found nested, .* the trace is {code}"):
        map_trace(trace, make_chip(**NESTED))
    replay(map_trace(trace, make_chip(replay="dense", **NESTED)))


def test_a_tile_reads_the_union_of_the_rows_of_its_tokens():
    """Rows 0 and 1, then 1 and 2, then 2 alone, each count 3: alone 5 x 3 reads; in tiles of 2, {0, 1, 2} and {2}."""
    trace = synthetic_trace("silent", [4, 7], levels=3, tokens=3, head=False, ops=False)
    (stage,) = trace.stages
    counts = np.array([[3, 3, 0, 0], [0, 3, 3, 0], [0, 0, 3, 0]], np.int8)
    trace = replace(trace, load_counts={stage.stream: counts}.__getitem__)
    reads = {}
    for tile in (1, 2):
        chip = make_chip(**tiled(tile, 2))
        assert_equal_to_oracle(trace, chip)
        counted = {row.action: row.count for row in replay(map_trace(trace, chip)).action_counts}
        reads[tile] = counted["word_read"]
        assert counted["accumulate"] == 5 * 3 * 7
    assert reads == {1: 15, 2: 4}


def test_a_tile_of_prompt_tokens_shares_a_fetch_and_generated_tokens_do_not():
    """5 tokens, the last 2 generated; tiles of 2: fetches by tokens 0, 2, 3 and 4 of 9 rows x 1 word each, 36 reads."""
    trace = synthetic_trace("poisson", [9, 7], tokens=5)
    trace = replace(trace, phases=np.array([0, 0, 0, 1, 1], np.uint8))
    chip = make_chip(replay="dense", **tiled(2))
    assert_equal_to_oracle(trace, chip)
    counts = {row.action: row.count for row in replay(map_trace(trace, chip)).action_counts}
    assert (counts["word_read"], counts["accumulate"]) == (36, 5 * 9 * 7)


@pytest.mark.parametrize("sync", ["barrier", "handshake"])
@pytest.mark.parametrize("kind", ["sequential", "auto", "pipelined"])
@pytest.mark.parametrize("batch", [1, 2, 3])
def test_a_batch_of_texts_of_unlike_lengths(sync, kind, batch):
    """Prompts of 2, 1, 0 and 1 tokens, 1, 3, 1 and 2 generated ones; the third text has a second prompt."""
    positions = [0, 1, 2, 0, 1, 2, 3, 5, 6, 7, 0, 1, 2]
    phases = [0, 0, 1, 0, 1, 1, 1, 1, 0, 1, 0, 1, 1]
    trace = synthetic_trace("poisson", [9, 7, 5], levels=3, tokens=len(positions), seed=3)
    trace = replace(trace, positions=np.array(positions), phases=np.array(phases, np.uint8))
    changes = tiled(2) if kind == "sequential" and batch > 1 else {}
    chip = make_chip(sync__kind=sync, chip__max_chips=9, **changes | {"schedule": {"kind": kind, "batch": batch}})
    assert_equal_to_oracle(trace, chip)


@pytest.mark.parametrize("sync", ["barrier", "handshake"])
@pytest.mark.parametrize("multicast", [False, True])
@pytest.mark.parametrize("form", [{"spikes": 2}, {"spikes": 3, "bitmap": True}, {"bitmap": True}])
@pytest.mark.parametrize(("code", "model"), [("ternary", "cycle"), ("graded", "estimate")])
def test_spikes_that_leave_together(code, form, multicast, sync, model):
    """Layers cut by rows and columns, several homes a stage, lanes that straddle runs, packets of many sizes."""
    trace = synthetic_trace("poisson", [17, 9, 5], code=code, levels=3, tokens=2, seed=3)
    chip = make_chip(
        core__limits={"axons_in": 7, "neurons": 9},
        core__soma__lanes=3,
        noc__model=model,
        noc__multicast=multicast,
        noc__flit_bits="8 bit",
        noc__packet={"header": "3 bit", "address": "3 bit", **form},
        sync__kind=sync,
        chip__max_chips=9,
    )
    assert_equal_to_oracle(trace, chip)


@pytest.mark.parametrize("values", [1, 3])
@pytest.mark.parametrize("header", ["0 bit", "7 bit"])
@pytest.mark.parametrize("kind", ["sequential", "pipelined"])
@pytest.mark.parametrize("code", ["ternary", "graded"])
def test_packets_with_a_header_and_several_values(values, header, kind, code):
    """Layers cut by rows and columns, several homes a stage; accumulators in a memory; packets of one flit and more."""
    trace = synthetic_trace("poisson", [9, 7, 5], code=code, levels=3, tokens=3, seed=3)
    chip = make_chip(
        core__limits={"axons_in": 5, "neurons": 4},
        core__dendrite__accumulators="sram",
        core__dendrite__accumulator_banks=3,
        chip__max_chips=9,
        noc__flit_bits="8 bit",
        noc__packet={"header": header, "values": values},
        schedule={"kind": kind},
    )
    assert_equal_to_oracle(trace, chip)


@pytest.mark.parametrize("sync", ["barrier", "handshake"])
@pytest.mark.parametrize("kind", ["sequential", "pipelined"])
@pytest.mark.parametrize("values", [1, 3])
def test_a_head_on_several_cores(sync, kind, values):
    """16 values on 1, 3 and 4 home cores, three tokens."""
    for homes in (1, 3, 4):
        chip = make_chip(
            sync__kind=sync,
            chip__max_chips=9,
            noc__packet={"values": values},
            schedule={"kind": kind, "logits": "all"},
            mapping={"head_cores": homes},
        )
        assert_equal_to_oracle(make_trace(n_blocks=1, n_tokens=3), chip)


@pytest.mark.parametrize(("kind", "reads"), [("sequential", 5), ("auto", 6)])
def test_a_head_in_dram_is_read_once_for_the_texts_that_are_together(kind, reads):
    """Two texts generate 3 tokens and 1 after prompts of one token. In sequence the head is read for each prompt, once
    for both first generated tokens, and for the two that follow: 5 times. In a pipeline each of 6 tokens is alone.
    """
    trace = make_trace(n_blocks=1, n_tokens=6)
    trace = replace(trace, positions=np.array([0, 1, 2, 3, 0, 1]), phases=np.array([0, 1, 1, 1, 0, 1], np.uint8))
    chip = make_chip(
        mapping={"head": "dram"}, dram=make_dram("96 bit"), schedule={"kind": kind, "batch": 2}, chip__max_chips=9
    )
    bits = trace.op_by_id["lm_head"].work_per_token["memory.read"][0]
    counts = {(r.owner, r.component, r.action): r.count for r in replay(map_trace(trace, chip)).action_counts}
    assert counts["lm_head", "dram", "read"] == reads * 96 * -(-bits // 96)
    assert_equal_to_oracle(trace, chip)


def test_a_tile_of_a_batch_shares_a_fetch():
    """2 texts, 2 generated tokens each; tiles of 2: a step reads 9 rows of 1 word once, 18 reads; one by one 36."""
    trace = synthetic_trace("poisson", [9, 7], tokens=4)
    trace = replace(trace, positions=np.array([4, 5, 4, 5]), phases=np.ones(4, np.uint8))
    reads = {}
    for tile in (1, 2):
        changes = tiled(tile) | {"schedule": {"kind": "sequential", "batch": 2}}
        chip = make_chip(replay="dense", **changes)
        assert_equal_to_oracle(trace, chip)
        counts = {row.action: row.count for row in replay(map_trace(trace, chip)).action_counts}
        reads[tile] = counts["word_read"]
        assert counts["accumulate"] == 4 * 9 * 7
    assert reads == {1: 36, 2: 18}


@pytest.mark.parametrize("mode", ["captured", "dense"])
def test_a_captured_model_with_spiking_attention_in_both_phases(tmp_path, mode):
    """Two blocks, two tokens of prompt and two generated: every op of a program, all spikes of it."""
    preset = as_preset(encoding_for("ternary", 3)).with_attention(SPIKING).model_copy(update={"head": "spiking"})
    model = write_tiny_model(tmp_path / "model", hidden_size=8, intermediate_size=10)
    trace, _ = capture(model, "a", preset, decode=Decode(2))
    assert trace.phase == "mixed"
    assert {"blocks.0.attn_q", "blocks.0.attn_p"} <= set(trace.stream_by_id)
    chip = make_chip(replay=mode, chip__max_chips=9)
    assert_equal_to_oracle(trace, chip)
    counted = {row.owner for row in replay(map_trace(trace, chip)).action_counts}
    assert counted >= {*trace.op_by_id, *trace.layer_by_id}  # no op of the forward pass is missing


def test_bit_slices_when_weights_are_wider_than_a_synapse():
    trace = synthetic_trace("poisson", [9, 7], levels=2, tokens=2)
    assert_equal_to_oracle(trace, make_chip(core__synapse__weight_bits="3 bit"))


def with_kept(trace: Trace, kind: str, written: int, read: ClosedForm) -> Trace:
    """``trace`` with an op that keeps bits at the home of the last stage, which those of a local stream read."""
    op = Op("kept", kind, {"memory.write": (written, 0), "memory.read": read, "vector.mac": (7, 1)})
    last = replace(trace.stages[-1], ops=(*trace.stages[-1].ops, "kept"))
    return replace(trace, ops=(*trace.ops, op), stages=(*trace.stages[:-1], last))


gathered = st.one_of(
    st.just({}),
    st.fixed_dictionaries(
        {
            "spikes": st.integers(1, 5),
            "bitmap": st.booleans(),
            "address": st.sampled_from(["0 bit", "2 bit", "4 bit"]),
        }
    ),
)


@st.composite
def cases(draw):
    """A small chip and a small trace."""
    router = draw(st.sampled_from("PPNRV"))
    torus = router != "V" and draw(st.booleans())
    sync = draw(st.sampled_from(["barrier", "barrier", "handshake"]))
    code = draw(st.sampled_from(CODES))
    places = draw(st.one_of(st.none(), st.integers(1, 4))) if sync == "barrier" else None
    multicast = router != "V" and draw(st.booleans())
    one_size = torus and sync == "handshake" and not multicast  # markers next to longer spikes are refused
    chip = make_chip(
        chip__tiles_x=draw(st.integers(1, 3)),
        chip__tiles_y=draw(st.integers(1, 3)),
        chip__cores_per_tile=draw(st.integers(1, 3)),
        chip__max_chips=64,
        noc__topology="torus" if torus else "mesh",
        noc__buffer_flits=draw(st.integers(6, 9) if torus else st.integers(1, 5)),
        noc__flit_bits=f"{draw(st.sampled_from([24, 32] if one_size else [8, 24, 32]))} bit",
        noc__model=draw(st.sampled_from(["cycle", "cycle", "estimate", "ideal"])),
        noc__router=router,
        core__axon_in={"lookup": action("5 pJ", "2 ns"), "fifo_packets": places if router != "V" else None},
        noc__multicast=multicast,
        noc__packet={
            "header": "0 bit" if torus else draw(st.sampled_from(["0 bit", "5 bit"])),
            "values": 1 if torus else draw(st.integers(1, 3)),
            **({} if torus and not multicast else draw(gathered)),
        },
        noc__extra_cycles_x=draw(st.integers(0, 2)),
        noc__extra_cycles_y=draw(st.integers(0, 2)),
        noc__cycle__value=f"{draw(st.sampled_from([700, 1350, 5000]))} ps",
        core__limits={
            "axons_in": draw(st.integers(3, 20)),
            "neurons": draw(st.integers(3, 20)),
            "axons_out": draw(st.sampled_from([None, None, 60, 200])),
        },
        core__soma__every=draw(st.sampled_from(["timestep", "stage"])),
        core__soma__lanes=draw(st.integers(1, 4)),
        core__synapse__lanes=draw(st.integers(1, 4)),
        core__sram=make_sram(word=f"{draw(st.sampled_from([8, 20, 64]))} bit") | {"banks": draw(st.integers(1, 4))},
        core__dendrite__accumulators=draw(st.sampled_from(["registers", "sram"])),
        core__dendrite__accumulator_banks=draw(st.one_of(st.none(), st.integers(1, 5))),
        core__synapse__tile=draw(st.sampled_from([1, 2])),
        core__dendrite__accumulators_per_core=128,
        core__synapse__reuse=draw(st.sampled_from(["none", "nested"])) if code in ("binary", "ternary") else "none",
        schedule={"chunk": draw(st.sampled_from([2, 3]))},
        core__synapse__weight_bits=f"{draw(st.sampled_from([1, 4, 8]))} bit",
        replay=draw(st.sampled_from(["captured", "captured", "dense"])),
        mapping={
            "strategy": draw(st.sampled_from(list(STRATEGIES))),
            "placement": draw(st.sampled_from(list(PLACEMENTS))),
            "seed": draw(st.integers(0, 9)),
            "share_cores": draw(st.booleans()),
            "weights": draw(st.sampled_from(["resident", "resident", "streamed"])),
            "kv_cache": draw(st.sampled_from(["memory", "sram", "dram"])),
            "head": draw(st.sampled_from(["memory", "dram"])),
            "layer_cores": draw(st.sampled_from(["auto", 2, {"layers.0": 1, "layers.*": "auto"}, 3])),
            "home_cores": draw(st.sampled_from(["auto", 2, {"in": "auto", "layers.*": 1}])),
            "head_cores": draw(st.sampled_from(["auto", 1])),
            "tables": draw(st.sampled_from(["memory", "dram"])),
        },
        sync__kind=sync,
        dram=make_dram(f"{draw(st.sampled_from([48, 64, 200]))} bit", draw(st.sampled_from(["all", "active"]))),
    )
    closed_form = st.tuples(st.integers(0, 5), st.integers(0, 5))
    trace = synthetic_trace(
        draw(st.sampled_from(["poisson", "full", "silent"])),
        draw(st.lists(st.integers(1, 14), min_size=2, max_size=4)),
        code=code,
        levels=draw(st.sampled_from([1, 2, 3, 4, 300])) if code == "graded" else draw(st.integers(1, 4)),
        tokens=draw(st.integers(1, 2)),
        seed=draw(st.integers(0, 999)),
    )
    if draw(st.booleans()):  # a head that is a layer: the stage that drives it works where logits are formed
        trace = replace(trace, layers=(*trace.layers[:-1], replace(trace.layers[-1], kind="head")))
    if draw(st.booleans()):
        actions = st.sampled_from(["vector.add", "vector.mac", "memory.read", "memory.write"])
        trace = with_local_stream(trace, draw(closed_form), draw(st.dictionaries(actions, closed_form)))
    if draw(st.booleans()):
        trace = with_kept(
            trace, draw(st.sampled_from(["kv_cache", "head"])), draw(st.integers(1, 300)), draw(closed_form)
        )
    return trace, chip


NETWORKS = [*product("PNR", ["mesh", "torus"], [False, True]), ("V", "mesh", False)]  # V has no multicast and no torus


@pytest.mark.parametrize("sync", ["barrier", "handshake"])
@pytest.mark.parametrize(("router", "topology", "multicast"), NETWORKS)
def test_every_pair_of_network_and_synchronization(router, topology, multicast, sync):
    """The corners that a few random draws may miss, on four chips with blocks that split rows and columns."""
    chip = make_chip(
        chip__tiles_x=2,
        chip__max_chips=64,
        noc__router=router,
        noc__topology=topology,
        noc__multicast=multicast,
        core__limits={"axons_in": 5, "neurons": 4},
        sync__kind=sync,
    )
    assert_equal_to_oracle(synthetic_trace("poisson", [13, 9, 6], levels=3, tokens=2, seed=5), chip)


@pytest.mark.parametrize("kind", ["sequential", "pipelined"])
@pytest.mark.parametrize("logits", ["last", "all"])
def test_ops_on_cores_of_their_own(kind, logits):
    """Products and softmax of attention on 4 cores, the head on 3, SiLU on 2 between the ops of its stage."""
    trace = make_trace(n_blocks=1, n_tokens=3)
    chip = make_chip(schedule={"kind": kind, "logits": logits}, core__limits={"axons_in": 64, "neurons": 9})
    ops = {f"blocks.0.{name}": 4 for name in ("kv_cache", "qk", "softmax", "pv")}
    widths = Widths(op_cores=ops | {"lm_head": 3, "blocks.0.silu": 2, "blocks.0.norm_attn": 5})
    assert_equal_to_oracle(trace, chip, widths)
    stages = [stage.stage_id for stage in map_trace(trace, chip, widths).trace.stages]
    assert stages == [
        *("blocks.0.attn_in.at_norm_attn", "blocks.0.attn_in", "blocks.0.attn_out.at_kv_cache", "blocks.0.attn_out"),
        *("blocks.0.mlp_in", "blocks.0.mlp_hidden.at_silu", "blocks.0.mlp_hidden", "head"),
    ]


@examples(30)
@given(cases())
def test_random_chips_and_traces(case):
    trace, chip = case
    assert_equal_to_oracle(trace, chip)


@st.composite
def texts(draw):
    """Positions and phases of up to three sequences: part of a prompt, or decoded tokens, or both."""
    positions, phases = [], []
    for _ in range(draw(st.integers(1, 3))):
        first, prompt, decoded = draw(st.integers(0, 2)), draw(st.integers(0, 3)), draw(st.integers(0, 2))
        positions += range(first, first + max(1, prompt + decoded))
        phases += [0] * prompt + [1] * decoded or [0]
    return np.array(positions, np.int64), np.array(phases, np.uint8)


kinds = st.one_of(
    st.integers(1, 3).map(lambda n: {"chunk": n}),
    st.sampled_from(["pipelined", "auto"]).map(lambda kind: {"kind": kind}),
)
schedules = st.builds(
    lambda kind, logits, batch: Schedule(**kind, logits=logits, batch=batch),
    kinds,
    st.sampled_from(["last", "all"]),
    st.integers(1, 3),
)


@examples(15)
@given(cases(), texts(), schedules)
def test_random_schedules(case, text, schedule):
    trace, chip = case
    assume(all(stream.live is None for stream in trace.streams))  # a local stream has room for its own contexts only
    streams = chip.mapping.weights == "streamed"
    assume(schedule.kind == "sequential" or not (chip.mapping.share_cores or streams))
    positions, phases = text
    several = trace.take(np.arange(len(positions)) % trace.n_tokens)
    several = replace(several, positions=positions, phases=phases)
    assert_equal_to_oracle(several, chip.model_copy(update={"schedule": schedule}))


def test_a_run_of_the_engine_changes_nothing_in_the_next():
    trace, chip = synthetic_trace("poisson", [20, 10], seed=5), make_chip()
    mapped = map_trace(trace, chip)
    first, second = replay(mapped), replay(mapped)
    assert first.action_counts == second.action_counts
    assert np.array_equal(first.links.to_numpy(), second.links.to_numpy())
    assert first.tokens.equals(second.tokens)
    assert first.cores.equals(second.cores)
    assert first.units.equals(second.units)


def test_a_pipeline_whose_stages_share_a_core_is_refused():
    trace, chip = (
        synthetic_trace("poisson", [9, 7, 5]),
        make_chip(mapping={"share_cores": True}, schedule={"kind": "pipelined"}),
    )
    mapped = map_trace(trace, chip)
    with pytest.raises(SpikewattError, match=r"shared by the stages layers.0.in and layers.1.in, expected one stage"):
        replay(mapped)


def test_one_thread_and_two_find_the_same():
    trace, chip = make_trace(n_tokens=3), make_chip()
    mapped = map_trace(trace, chip)
    one, two = (replay(mapped, threads=n) for n in (1, 2))
    assert one.action_counts == two.action_counts
    for table in ("stages", "tokens", "cores", "units", "links"):
        assert getattr(one, table).to_csv() == getattr(two, table).to_csv()


@pytest.mark.parametrize("place", ["sram", "dram"])
@pytest.mark.parametrize("schedule", [{"kind": "sequential"}, {"kind": "pipelined"}])
def test_caches_of_both_blocks_in_another_memory_than_that_of_the_vector_unit(place, schedule):
    """In a pipeline the stages of a round share the DRAM channel of their chip."""
    chip = make_chip(
        mapping={"kv_cache": place, "head": "dram"},
        schedule=schedule,
        core__limits={"axons_in": 64, "neurons": 9},
        core__sram=make_sram(word="24 bit"),
        dram=make_dram("48 bit"),
    )
    assert_equal_to_oracle(make_trace(n_tokens=3), chip)


@pytest.mark.parametrize("kind", ["pipelined", "auto"])
@pytest.mark.parametrize("positions", [[0, 1, 2, 3, 4], [0, 1, 0, 1, 2]])
@pytest.mark.parametrize("phases", [[0, 0, 0, 0, 0], [0, 1, 0, 1, 1]])
def test_a_pipeline_without_barriers(kind, positions, phases):
    """Stages start when they can: one text or two, prompts alone or with generated tokens; partial sums and homes."""
    trace = synthetic_trace("poisson", [9, 7, 5], levels=3, tokens=5, seed=3)
    trace = replace(trace, positions=np.array(positions), phases=np.array(phases, np.uint8))
    limits = {"axons_in": 5, "neurons": 4}
    chip = make_chip(core__limits=limits, sync__kind="handshake", chip__max_chips=9, schedule={"kind": kind})
    assert_equal_to_oracle(trace, chip)

"""Keys of the mapping that say how many cores layers, homes, ops and the head take."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from factories import make_chip, make_trace

from simulator.config.chip_files import load_chip
from simulator.engine.engine import replay
from simulator.errors import CapacityError, ConfigError
from simulator.mapping.attention_heads import kv_heads
from simulator.mapping.capacity import Cut
from simulator.mapping.chip_widths import chip_widths
from simulator.mapping.place import map_trace
from simulator.mapping.widths import Widths
from simulator.trace.synthetic import synthetic_trace
from simulator.trace.trace import Trace


def cores(trace: Trace, **changes: object) -> dict[str, int]:
    """Blocks of each stage and layer."""
    placement = map_trace(trace, make_chip(chip__max_chips=99, **changes)).placement
    return {owner: len(blocks) for owner, blocks in placement.by_owner.items()}


def test_a_number_is_for_all_as_far_as_they_have_elements():
    """Homes of 2, 12 and 3 values on 4 cores; layers of 12 and 3 outputs in 5 blocks each."""
    found = cores(synthetic_trace("silent", [2, 12, 3]), mapping={"home_cores": 4, "layer_cores": 5})
    assert found == {"layers.0.in": 2, "layers.0": 5, "layers.1.in": 4, "layers.1": 6, "head": 3}


def test_a_layer_of_few_outputs_is_cut_along_its_inputs_too():
    """5 blocks of 12 inputs to 3 outputs: 3 columns x 2 rows; under by_input 5 rows."""
    trace = synthetic_trace("silent", [12, 3])
    for strategy, rows in (("by_output", 2), ("by_input", 5)):
        chip = make_chip(mapping={"layer_cores": 5, "strategy": strategy})
        assert len({b.row_start for b in map_trace(trace, chip).placement.of("layers.0")}) == rows


@pytest.mark.parametrize(
    ("table", "widths"),
    [
        ({"attn_out": 3}, [1, 3, 1, 1]),
        ({"blocks.0.mlp_in": 5, "mlp_in": 2, "*": 4}, [4, 4, 5, 4]),
        ({"*": 4, "attn_in": 2}, [4, 4, 4, 4]),
        ({"attn_in": "auto", "*.attn_*": 2}, [1, 2, 1, 1]),
    ],
)
def test_a_table_names_ids_patterns_and_kinds_in_its_order(table, widths):
    """An id goes before all others."""
    found = cores(make_trace(n_blocks=1), mapping={"home_cores": table})
    assert [found[f"blocks.0.{kind}"] for kind in ("attn_in", "attn_out", "mlp_in", "mlp_hidden")] == widths


def test_layers_go_by_their_kind_or_that_of_the_stage_that_drives_them():
    assert cores(make_trace(n_blocks=1), mapping={"layer_cores": 1})["blocks.0.q"] == 1
    found = cores(make_trace(n_blocks=1), mapping={"layer_cores": {"q": 3, "attn_in": 2, "mlp_in": 4}})
    assert [found[f"blocks.0.{kind}"] for kind in ("q", "k", "v", "o", "gate", "up", "down")] == [3, 2, 2, 1, 4, 4, 1]


@pytest.mark.parametrize(
    ("mapping", "line"),
    [
        ({"home_cores": {"atn_in": 2}}, "mapping.home_cores.atn_in: found a stage that the trace does not have"),
        ({"home_cores": {"attn_in": 17}}, "mapping.home_cores.attn_in: found 17 cores, expected at most 16, one per"),
        ({"layer_cores": {"z": 2}}, "mapping.layer_cores.z: found a layer that the trace does not have"),
        ({"head_cores": 17}, "mapping.head_cores: found 17 cores, expected at most 16, one per value"),
    ],
)
def test_what_the_trace_does_not_have_is_one_line(mapping, line):
    with pytest.raises(ConfigError) as caught:
        map_trace(make_trace(n_blocks=1), make_chip(mapping=mapping))
    (problem,) = caught.value.problems
    assert line in problem


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("home_cores=0", "mapping.home_cores=0: found 0, expected auto, a whole number of at least 1, or a mapping"),
        ("home_cores=many", "found text 'many', expected auto, a whole number"),
        ("home_cores.attn_in=1.5", "mapping.home_cores: found 1.5 for attn_in, expected auto, a whole number"),
        ("layer_cores=true", "found true, expected auto, a whole number"),
        ("head_cores={lm_head: 2}", "found a mapping, expected auto or a whole number"),
    ],
)
def test_a_width_that_is_none_is_refused_at_its_place(text, line):
    with pytest.raises(ConfigError) as caught:
        load_chip("loihi-like", [f"mapping.{text}"])
    (problem,) = caught.value.problems
    assert line in str(problem)


def test_the_head_has_cores_of_its_own_and_its_time_falls_as_their_number():
    """16 x 24 mac on 2 lanes of 1 ns: 192 ns on one core, 48 ns on 4. There each of 16 values goes to 3 cores more."""
    trace = make_trace(n_blocks=1, n_tokens=1)
    ps, packets = {}, {}
    for n in (1, 4):
        chip = make_chip(mapping={"head_cores": n})
        mapped = map_trace(trace, chip)
        assert len(mapped.placement.of("head")) == n
        result = replay(mapped)
        ps[n] = int(result.stages.set_index("stage")["vector_ps"]["head"])
        packets[n] = result.packets
    n_mac = trace.op_by_id["lm_head"].work_per_token["vector.mac"][0]
    assert ps == {1: n_mac // 2 * 1_000, 4: n_mac // 8 * 1_000}
    assert packets[4] - packets[1] == 16 * 3 + 3  # and 3 cores tell their largest logit


def with_norm_before_the_head(trace: Trace) -> Trace:
    """The norm of the first stage moved to the stage of the head."""
    first, *between, head = trace.stages
    stages = (replace(first, ops=first.ops[1:]), *between, replace(head, ops=(first.ops[0], *head.ops)))
    return replace(trace, stages=stages, logits="last")


def test_a_part_of_the_head_stage_works_only_where_logits_are_formed():
    """Norm and head of 4 prompt tokens: the last one alone. Its 16 values travel from the norm's core to the head's."""
    trace = with_norm_before_the_head(make_trace(n_blocks=1, n_tokens=4))
    norm = trace.stages[-1].ops[0]
    last = {"logits": "last", "kind": "sequential"}
    own, apart = (replay(map_trace(trace, make_chip(schedule=last, mapping={"head_cores": n}))) for n in ("auto", 2))
    counted = [{row[:3]: row.count for row in result.action_counts} for result in (own, apart)]
    for counts in counted:
        assert counts[norm, "vector", "mac"] == 16
    assert apart.packets - own.packets == 16 + 16 + 1  # to the two cores, between them, and one largest logit
    assert set(apart.stages["stage"]) - set(own.stages["stage"]) == {"head.at_norm_attn"}


def test_a_cache_stays_with_the_products_that_read_it():
    with pytest.raises(ConfigError, match=r"blocks.0.qk: found cores of its own, expected those of blocks.0.kv_cache"):
        map_trace(make_trace(n_blocks=1), make_chip(), Widths(op_cores={"blocks.0.qk": 2}))


def test_a_cache_alone_on_cores_of_its_own_is_apart_from_the_products():
    with pytest.raises(ConfigError, match=r"blocks.0.qk: found cores of its own, expected those of blocks.0.kv_cache"):
        map_trace(make_trace(n_blocks=1), make_chip(), Widths(op_cores={"blocks.0.kv_cache": 2}))


def test_a_head_is_cut_only_where_memory_holds_less_than_it_and_its_values():
    """384 bytes of weights and 16 values of 24 bits: 432 bytes are room for one core, 431 for none."""
    trace = make_trace(n_blocks=1, n_tokens=1)
    assert chip_widths(trace, make_chip(memory__capacity="432 B")).op_cores == {}
    assert chip_widths(trace, make_chip(memory__capacity="431 B")).op_cores == {"lm_head": 2}
    assert chip_widths(trace, make_chip(memory__capacity="10 B")).op_cores == {"lm_head": 16}


def test_an_op_takes_no_more_cores_than_its_stage_has_values():
    with pytest.raises(ConfigError, match=r"lm_head: found 17 cores of its own, expected at most 16, one per value"):
        map_trace(make_trace(n_blocks=1), make_chip(), Widths(op_cores={"lm_head": 17}))


def test_a_head_that_no_core_holds_takes_as_many_as_hold_it():
    """384 bytes of weights and 48 of values in 200 bytes: 3 cores."""
    trace = make_trace(n_blocks=1, n_tokens=1)
    assert len(map_trace(trace, make_chip(memory__capacity="432 B")).placement.of("head")) == 1
    assert len(map_trace(trace, make_chip(memory__capacity="200 B")).placement.of("head")) == 3


def test_homes_are_as_many_as_their_axons_out_ask_for():
    """16 neurons to 3 blocks each: 48 axons. At 12 a core holds 4 neurons, at 2 not one; multicast needs one each."""
    trace = synthetic_trace("silent", [16, 48])
    limits = {"axons_in": 64, "neurons": 16}
    assert cores(trace, core__limits=limits)["layers.0.in"] == 1
    assert cores(trace, core__limits={**limits, "axons_out": 12})["layers.0.in"] == 4
    assert cores(trace, core__limits={**limits, "axons_out": 12}, noc__multicast=True)["layers.0.in"] == 2
    expected = "toy: layers.0.in: a neuron needs 3 axons out, one for each core that it drives, limit 2 (1 over)"
    with pytest.raises(CapacityError, match=re.escape(expected)):
        cores(trace, core__limits={**limits, "axons_out": 2})


def of_heads(queries: int, keys: int) -> Trace:
    """The toy trace with so many query heads and KV heads of 4 values each."""
    trace = make_trace(n_blocks=1, n_tokens=2)
    softmax = {"vector.exp": (0, queries), "vector.add": (0, 2 * queries), "vector.div": (queries, 0)}
    ops = tuple(replace(op, work_per_token=softmax) if op.kind == "softmax" else op for op in trace.ops)
    sizes = {"q": 4 * queries, "k": 4 * keys, "v": 4 * keys}
    layers = tuple(replace(layer, n_out=sizes.get(layer.kind, layer.n_out)) for layer in trace.layers)
    return replace(trace, ops=ops, layers=layers)


def test_attention_has_a_home_core_for_each_kv_head():
    """4 query heads of 4 values share 2 KV heads: 2 homes; a number of the chip file goes before them."""
    trace = of_heads(4, 2)
    stage = next(stage for stage in trace.stages if stage.stage_id == "blocks.0.attn_out")
    assert kv_heads(stage, trace) == 2
    assert cores(trace)["blocks.0.attn_out"] == 2
    assert cores(trace, mapping={"home_cores": {"attn_out": 1}})["blocks.0.attn_out"] == 1
    assert cores(of_heads(4, 1))["blocks.0.attn_out"] == 1
    assert kv_heads(trace.stages[0], trace) == 0


def test_the_time_of_attention_falls_as_one_over_its_width():
    """Products of 16 x 128 mac at a context of 128, on 1, 2, 4 and 8 cores: whole turns of 2 lanes on each."""
    trace = make_trace(n_blocks=1, n_tokens=1)
    trace = replace(trace, positions=np.array([127], np.int64))
    ps = {}
    for n in (1, 2, 4, 8):
        stages = replay(map_trace(trace, make_chip(mapping={"home_cores": {"attn_out": n}}))).stages
        ps[n] = int(stages.set_index("stage")["vector_ps"]["blocks.0.attn_out"])
    assert ps[2] == pytest.approx(ps[1] / 2, rel=0.01)
    assert ps[4] == pytest.approx(ps[1] / 4, rel=0.02)
    assert ps[8] == pytest.approx(ps[1] / 8, rel=0.05)


def test_widths_that_are_given_go_before_those_of_the_chip_file():
    """A cut before `layer_cores`, homes before `home_cores`; what is not given follows the chip file."""
    trace = synthetic_trace("silent", [4, 6, 4])
    chip = make_chip(chip__max_chips=9, mapping={"layer_cores": 2, "home_cores": 2})
    placement = map_trace(trace, chip, Widths({"layers.0.in": 1}, {"layers.0": Cut(1, 1)})).placement
    found = {owner: len(blocks) for owner, blocks in placement.by_owner.items()}
    assert found == {"layers.0.in": 1, "layers.0": 1, "layers.1.in": 2, "layers.1": 2, "head": 2}

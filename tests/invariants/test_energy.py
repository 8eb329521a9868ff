"""What must hold for any counts and any prices: nothing lost, nothing invented, prices linear."""

import dataclasses
import math

import pytest
from factories import chip_fields, make_chip, make_dram, make_placement, make_result, make_trace
from hypothesis import given
from hypothesis import strategies as st
from profiles import examples

from simulator.actions import ACTIONS
from simulator.config.chip import ChipConfig
from simulator.energy.cmos45 import cmos45
from simulator.energy.ledger import build_ledger
from simulator.engine.engine import replay
from simulator.engine.result import CHIP, CountRow
from simulator.mapping.place import map_trace

TRACE = make_trace()
CHIP_CONFIG = make_chip()
RESULT = make_result(TRACE, CHIP_CONFIG, make_placement(TRACE, CHIP_CONFIG))
# The toy chip gives its static power as one figure; its parts are another chip's.
PRICES = [name for name in ACTIONS if name == "static.power" or not name.startswith("static.")]
PRICED = [name for name in PRICES if name != "static.power"]


def priced(values):
    """The toy chip with these prices: component.action -> number, in pJ (static power in W)."""
    fields = chip_fields() | {"dram": make_dram()}
    for name in PRICES:
        *above, last = ACTIONS[name].path
        record = fields
        for key in above:
            record = record[key]
        unit = "W" if name == "static.power" else "pJ"
        record[last] = {"value": f"{values[name]} {unit}", "source": "toy", "grade": "assumed"}
    return ChipConfig.model_validate(fields)


prices = st.fixed_dictionaries({name: st.integers(0, 4_000_000).map(lambda n: n / 1000) for name in PRICES})
homes = st.tuples(st.sampled_from(["blocks.0.q", "blocks.0.attn_in", "lm_head"]), st.sampled_from(PRICED))
many_counts = st.dictionaries(homes, st.integers(1, 10**12), max_size=40)


def result_of(counts, static_ps):
    rows = tuple(CountRow(layer, *name.split("."), n) for (layer, name), n in counts.items())
    return dataclasses.replace(RESULT, action_counts=rows, static_ps=static_ps)


@examples(40)
@given(counts=many_counts, values=prices, static_ps=st.integers(0, 10**15))
def test_every_count_has_one_row_and_all_sums_agree(counts, values, static_ps):
    result = result_of(counts, static_ps)
    ledger = build_ledger(result, priced(values))
    rows = ledger.rows
    found = {(r.owner, f"{r.component}.{r.action}"): r.count for r in rows.itertuples()}
    assert found == {**counts, (CHIP, "static.power"): static_ps}
    assert len(rows) == len(counts) + 1
    expected = math.fsum([*(n * values[name] for (_, name), n in counts.items()), static_ps * values["static.power"]])
    assert ledger.total_pj == pytest.approx(expected, rel=1e-12)
    for parts in (ledger.by_owner(), ledger.by_component(), ledger.by_grade()):
        assert math.fsum(parts) == pytest.approx(ledger.total_pj, rel=1e-12)


@examples(40)
@given(values=prices, name=st.sampled_from(PRICES), more=st.integers(1, 1000))
def test_a_price_moves_the_total_by_count_times_the_difference(values, name, more):
    before = build_ledger(RESULT, priced(values))
    after = build_ledger(RESULT, priced(values | {name: values[name] + more}))
    rows = before.rows
    count = int(rows.loc[rows["component"] + "." + rows["action"] == name, "count"].sum())
    slack = 1e-12 * after.total_pj  # the two totals are rounded; their difference is not finer than that
    assert after.total_pj - before.total_pj == pytest.approx(count * more, rel=1e-12, abs=slack)
    assert after.rows["count"].equals(rows["count"])


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
@pytest.mark.parametrize("seed", range(5))
def test_with_accumulates_alone_priced_the_chip_is_the_op_count(precision, seed):
    """DESIGN section 5: with every other price 0 the energy equals synops x E_AC exactly, not nearly."""
    trace = make_trace(seed=seed)
    result = make_result(trace, CHIP_CONFIG, make_placement(trace, CHIP_CONFIG))
    ops = cmos45(trace, precision)
    e_ac = {"fp32": 0.9, "fp16": 0.4, "int8": 0.03}[precision]
    chip = priced(dict.fromkeys(PRICES, 0.0) | {"dendrite.accumulate": e_ac})
    ledger = build_ledger(result, chip)
    by_layer = {row.layer: row.synops * e_ac for row in ops.by_layer.itertuples()}
    assert {k: v for k, v in ledger.by_owner().items() if v} == by_layer  # equal to the last bit, layer by layer
    assert result.synops == ops.synops
    assert ledger.total_pj == ops.ac_pj


@examples(30)
@given(synops=st.lists(st.integers(0, 10**9), min_size=1, max_size=20))
def test_op_count_is_exact_when_the_price_is_a_power_of_two(synops):
    """With 2^-3 pJ no product rounds, so total and op count agree to the last bit whatever the layers."""
    counts = {(f"layer{i}", "dendrite.accumulate"): n for i, n in enumerate(synops) if n}
    chip = priced(dict.fromkeys(PRICES, 0.0) | {"dendrite.accumulate": 0.125})
    assert build_ledger(result_of(counts, 10**9), chip).total_pj == sum(synops) * 0.125


def test_the_engine_on_whole_layers_is_the_op_count():
    """The same on the real engine: where each layer lives on one core (or split by outputs), not one bit differs."""
    chip = priced(dict.fromkeys(PRICES, 0.0) | {"dendrite.accumulate": 0.9})
    ledger = build_ledger(replay(map_trace(TRACE, chip)), chip)
    assert ledger.total_pj == cmos45(TRACE, "fp32").ac_pj


def test_the_engine_on_layers_split_by_inputs_adds_the_partial_sums():
    """8 axons a core cut 16 inputs in 2 and 32 in 4: (parts - 1) x n_out additions per token: reductions, no ACs.

    Per block and token (q 16 + k 8 + v 8 + o 16 + gate 32 + up 32) x 1 + down 16 x 3 = 160; x 2 blocks x 4 tokens.
    """
    chip = make_chip(core__limits={"axons_in": 8, "neurons": 64})
    result = replay(map_trace(TRACE, chip))
    accumulates = sum(row.count for row in result.action_counts if row.action == "accumulate")
    ops = cmos45(TRACE, "fp32")
    assert result.synops == ops.synops
    assert accumulates == ops.synops
    assert sum(row.count for row in result.action_counts if row.action == "reduce") == 160 * 2 * 4

import math
from dataclasses import replace

import numpy as np
import pytest
from factories import make_chip, make_run, make_trace

from simulator.actions import billed_components
from simulator.errors import ConservationError
from simulator.report.tables import (
    assumption_table,
    comparison_table,
    consumer_table,
    owner_table,
    phase_table,
    split_block,
    stage_table,
)
from simulator.simulation.simulation import simulate


@pytest.fixture(scope="module")
def run():
    return make_run()


@pytest.mark.parametrize(
    ("name", "parts"),
    [("blocks.12.mlp_in", (12, "mlp_in")), ("head", (None, "head")), ("blocks.x.q", (None, "blocks.x.q"))],
)
def test_split_block(name, parts):
    assert split_block(name) == parts


def test_owner_table_has_every_layer_once_and_loses_nothing(run):
    table = owner_table(run)
    assert list(table["owner"]) == list(dict.fromkeys(run.ledger.rows["owner"]))
    assert table["owner"].iloc[-1] == "chip"
    assert table["energy_pj"].sum() == pytest.approx(run.ledger.total_pj, rel=1e-12)
    parts = table[[f"{component}_pj" for component in billed_components()]].sum(axis=1)
    assert list(parts) == pytest.approx(list(table["energy_pj"]), rel=1e-12)
    counts = table[[c for c in table if c.startswith("n_")]].to_numpy().sum()
    assert counts == run.ledger.rows["count"].sum()


def test_owner_table_row_by_hand(run):
    """blocks.0.q: 42 spikes into 16 neurons: 42 lookups x 5 pJ, 42 x 2 words x 10 pJ, 672 accumulates x 23.6 pJ."""
    row = owner_table(run).set_index("owner").loc["blocks.0.q"]
    assert (row["kind"], row["stage"], row["block"], row["operand_bits"]) == ("q", "blocks.0.attn_in", 0, 8)
    assert (row["n_axon_in.lookup"], row["n_synapse.word_read"], row["n_dendrite.accumulate"]) == (42, 84, 672)
    assert (row["axon_in_pj"], row["synapse_pj"], row["noc_pj"]) == (210.0, 840.0, 0.0)
    assert row["dendrite_pj"] == pytest.approx(15859.2, rel=1e-15)
    assert row["energy_pj"] == pytest.approx(16909.2, rel=1e-15)


def test_owner_table_names_what_each_row_is(run):
    kinds = owner_table(run).set_index("owner")["kind"]
    assert kinds["blocks.1.attn_in"] == "encoder"
    assert kinds["blocks.1.softmax"] == "softmax"
    assert kinds["lm_head"] == "head"
    assert kinds["chip"] == "chip"


def test_owner_table_columns_do_not_depend_on_the_chip(run):
    one_chip = make_run(chip=make_chip(noc__chip_link=None, chip__max_chips=1), allow_uncosted=True)
    columns = [c for c in owner_table(one_chip).columns if c != "uncosted_pj"]
    assert columns == list(owner_table(run).columns)


def test_uncosted_work_keeps_its_counts_in_the_layer_table():
    run = make_run(chip=make_chip(noc__chip_link=None, chip__max_chips=1), allow_uncosted=True)
    table = owner_table(run)
    expected = sum(row.count for row in run.result.action_counts if row.action == "chip_hop")
    assert table["n_noc.chip_hop"].sum() == expected > 0
    assert table["uncosted_pj"].sum() == 0.0


def test_energy_of_an_unknown_layer_is_a_fault_of_the_program():
    one, two = make_run(), make_run(make_trace(n_blocks=1))
    mixed = replace(one, mapped=two.mapped)
    with pytest.raises(ConservationError, match=r"'blocks\.1\.[a-z_]+', which is not a layer, op or stage of trace"):
        owner_table(mixed)


def test_stage_table_sums_the_blocks(run):
    table = stage_table(run)
    assert list(table["stage"]) == ["attn_in", "attn_out", "mlp_in", "mlp_hidden", "head", "chip sync", "chip static"]
    assert table["energy_pj"].sum() == pytest.approx(run.ledger.total_pj, rel=1e-12)
    assert table["share"].sum() == pytest.approx(1.0, rel=1e-12)
    assert table["time_ps"].sum() == run.result.total_ps
    assert table["spikes"].sum() == run.result.spikes
    assert table["ac_ops"].sum() == run.result.synops
    by_owner = run.ledger.by_owner()
    head = table.set_index("stage").loc["head"]
    assert head["energy_pj"] == by_owner["lm_head"]
    assert math.isnan(table["time_ps"].iloc[-1])


def test_consumers_come_largest_first_and_lose_nothing(run):
    table = consumer_table(run)
    assert list(table["energy_pj"]) == sorted(table["energy_pj"], reverse=True)
    assert table["energy_pj"].sum() == pytest.approx(run.ledger.total_pj, rel=1e-12)
    assert table["count"].sum() == run.ledger.rows["count"].sum()
    first = table.iloc[0]
    assert (first["stage"], first["component"], first["action"]) == ("chip", "static", "power")


def test_comparison_by_hand(run):
    table = comparison_table(run).set_index("model")
    assert len(table) == 1 + 2 * 3 + 2 + 1
    spiking = table.loc["45 nm fp32 AC (spiking)"]
    assert spiking["energy_pj"] == run.cmos45["fp32"].ac_pj
    assert spiking["energy_per_token_pj"] == run.cmos45["fp32"].ac_pj / 4
    assert spiking["chip_over"] == run.ledger.total_pj / run.cmos45["fp32"].ac_pj
    assert math.isnan(spiking["time_per_token_ps"])
    assert "no weight fetch" in spiking["scope"]
    twin = table.loc["dense twin dense-int8-45nm (45 nm; the chip is 14 nm)"]
    assert twin["chip_over"] == pytest.approx(2.5, rel=1e-12)
    assert twin["time_per_token_ps"] == (run.result.total_ps // 3) / 4


def test_comparison_without_a_twin():
    assert not any(comparison_table(make_run(dense=False))["model"].str.startswith("dense"))


def test_assumptions_list_each_price_used_with_its_source(run):
    table = assumption_table(run).set_index("action")
    rows = run.ledger.rows
    assert set(table.index) == set(rows["component"] + "." + rows["action"])
    assert table["share"].sum() == pytest.approx(1.0, rel=1e-12)
    local = table.loc["noc.local"]
    assert (local["pj_per_count"], local["low_pj_per_count"], local["high_pj_per_count"], local["unit"]) == (
        1.7,
        1.0,
        2.0,
        "pJ/flit",
    )
    assert (local["source"], local["grade"], local["path"]) == ("davies", "pre-silicon", "noc.local")
    assert local["citation"] == "M. Davies et al., Loihi, IEEE Micro 2018, Table 2"
    inside = table.loc["synapse.synop"]
    assert math.isnan(inside["pj_per_count"])
    assert inside["citation"] == "included in dendrite.accumulate"
    assert inside["energy_pj"] == 0.0
    assert table.loc["memory.read", "unit"] == "pJ/bit"
    assert table.loc["static.power", "unit"] == "pJ/chip-ps"


def test_no_share_of_nothing():
    """A chip whose prices are all zero: shares are 0, not NaN."""
    free = {f"{path}__value": "0 pJ" for path in ("noc__hop_x", "noc__hop_y", "noc__chip_link__hop")}
    free["noc__local"] = {"value": "0 pJ", "source": "toy", "grade": "assumed"}  # the toy's has bounds
    free |= {f"memory__{way}__value": "0 pJ" for way in ("read", "write")}
    free |= {f"vector__{op}__energy__value": "0 pJ" for op in ("add", "mul", "mac", "compare", "exp", "div")}
    core = "axon_in__lookup synapse__word_read dendrite__accumulate soma__update soma__update_idle soma__fire"
    free |= {f"core__{action}__energy__value": "0 pJ" for action in (*core.split(), "axon_out__packet")}
    free |= {"sync__barrier__energy__value": "0 pJ", "chip__static_power__value": "0 W"}
    run = make_run(chip=make_chip(**free))
    assert run.ledger.total_pj == 0.0
    assert set(stage_table(run)["share"]) == {0.0}
    assert set(consumer_table(run)["share"]) == {0.0}


@pytest.fixture(scope="module")
def mixed_run():
    """Two tokens of a prompt and two generated ones through one block, simulated."""
    trace = replace(make_trace(n_blocks=1), phases=np.array([0, 0, 1, 1], np.uint8))
    return simulate(make_chip(), trace, mapping="chip")


def test_phases_add_up_to_the_run(mixed_run):
    table = phase_table(mixed_run).set_index("phase")
    assert table.index.tolist() == ["prefill", "decode"]
    assert table["tokens"].tolist() == [2, 2]
    assert table["energy_pj"].sum() == pytest.approx(mixed_run.ledger.total_pj, rel=1e-12)
    assert table["time_ps"].sum() == mixed_run.result.total_ps
    assert table["share"].sum() == pytest.approx(1)
    components = [c for c in table.columns if c.endswith("_pj") and not c.startswith("energy")]
    assert np.allclose(table[components].sum(axis=1), table["energy_pj"])


def test_a_phase_costs_what_its_tokens_cost_alone(mixed_run):
    """Tokens follow one another, so the generated ones alone do the same work in the same time."""
    row = phase_table(mixed_run).set_index("phase").loc["decode"]
    alone = simulate(make_chip(), mixed_run.trace.take(slice(2, 4)), mapping="chip")
    assert row["energy_per_token_pj"] == pytest.approx(alone.energy_per_token_pj, rel=1e-12)
    assert row["time_per_token_ps"] == alone.latency_per_token_ps


def test_a_run_of_one_phase_is_one_row(run):
    table = phase_table(run)
    assert table["phase"].tolist() == ["prefill"]
    assert table["energy_pj"].tolist() == pytest.approx([run.ledger.total_pj])


def test_phases_that_lose_energy_are_refused(mixed_run):
    counts = {phase: rows[1:] for phase, rows in mixed_run.result.phase_counts.items()}
    with pytest.raises(ConservationError, match="phases sum to"):
        phase_table(replace(mixed_run, result=replace(mixed_run.result, phase_counts=counts)))

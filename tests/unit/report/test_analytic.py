import pytest
from factories import make_run

from simulator.energy.capacity_twin import YAN_22NM, longest_window
from simulator.energy.lemaire import memory_inclusive
from simulator.energy.thresholds import THRESHOLDS
from simulator.report.analytic import LONGEST, analytic_dict, analytic_table, threshold_sources, thresholds_finding


@pytest.fixture(scope="module")
def run():
    return make_run()


def test_one_row_per_linear_layer_beside_what_the_chip_spent(run):
    table = analytic_table(run).set_index("layer")
    assert list(table.index) == [layer.layer_id for layer in run.trace.layers]
    assert table["chip_pj"].to_dict() == {k: v for k, v in run.ledger.by_owner().items() if k in table.index}
    assert (table["twin_bits"] == 2).all()  # ceil(log2(3 + 1))
    for layer, row in table.iterrows():
        expected = longest_window(row["spike_rate"], run.trace.layer_by_id[layer].n_out, YAN_22NM, LONGEST)
        assert row["twin_longest_window"] == expected
        assert row["twin_side"] == "dense" or expected >= row["timesteps"]


def test_sums_and_sides(run):
    found = analytic_dict(run)
    assert found["lemaire_2022"]["spiking_pj"] == pytest.approx(memory_inclusive(run.trace)["spiking_pj"].sum())
    for sides in found["thresholds"].values():
        assert sum(sides.values()) == len(run.trace.layers)


def test_every_threshold_is_cited_and_in_the_finding(run):
    assert [title for title, _ in threshold_sources()] == [t.title for t in THRESHOLDS]
    finding = thresholds_finding(analytic_table(run))
    assert all(t.title in finding for t in THRESHOLDS)


def test_the_op_count_is_there_under_each_of_its_choices(run):
    """Two precisions, three ways to count attention, head in or out; the plain one is the op count of the run."""
    found = analytic_dict(run)["op_count"]
    assert len(found) == 2 * 3 * 2
    plain = found["fp32_none_attention"]
    assert plain["spiking_pj"] == pytest.approx(run.op_count.ac_pj, rel=1e-12)
    assert plain["dense_pj"] == pytest.approx(run.op_count.dense_mac_pj, rel=1e-12)
    assert found["fp32_full_attention_head"]["macs"] > found["fp32_causal_attention_head"]["macs"] > plain["macs"]
    linear = found["8bit_linear_none_attention"]
    assert linear["dense_pj"] == pytest.approx(run.op_count.dense_mac_pj / 4, rel=1e-12)

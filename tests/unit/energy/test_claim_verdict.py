"""Printed numbers against formulas: which one fits, slips of powers of ten, what is implied."""

import pytest

from simulator.energy.claim_file import ClaimFile, load_claim
from simulator.energy.claim_verdict import claims_table, contradictions, implied_spikes_per_mac, verdict_table, verdicts
from simulator.shipped import shipped_claims

BASE = {"name": "x", "source": "y"}


def verdict(**energy):
    (found,) = verdicts(ClaimFile.model_validate(BASE | {"energies": [{"name": "e", "unit": "J", **energy}]}))
    return found


def test_the_stated_formula_is_checked_to_the_printed_digits():
    """100 G MAC x 4.6 pJ = 0.46 J."""
    assert verdict(printed="0.46", precision="fp32", macs_g=100).same is True
    assert verdict(printed="0.4600", precision="fp32", macs_g=100).same is True
    assert verdict(printed="0.461", precision="fp32", macs_g=100).same is False


def test_another_formula_that_fits_is_named():
    """100 G x 0.23 pJ = 0.023 J is INT8, whatever the paper says."""
    found = verdict(printed="0.023", precision="fp32", macs_g=100)
    assert "int8 fits the printed digits, not fp32" in found.finding


@pytest.mark.parametrize(("printed", "words"), [("460", "1,000x too large"), ("0.00046", "1,000x too small")])
def test_a_slip_of_a_power_of_ten_is_told(printed, words):
    assert words in verdict(printed=printed, precision="fp32", macs_g=100).finding


def test_spikes_are_read_backwards_where_no_counts_are_printed():
    """0.9 J / 0.9 pJ = 1e12 accumulates; the shape has 1 block x 2 tokens x (4 x 8^2 + 3 x 8 x 16) = 1,280 MACs."""
    shape = {"n_blocks": 1, "d_model": 8, "d_kv": 8, "d_ffn": 16}
    energy = {"name": "e", "printed": "0.9", "unit": "J", "precision": "fp32", "spiking": True}
    claim = ClaimFile.model_validate(BASE | {"shape": shape, "tokens": 2, "energies": [energy]})
    assert claim.macs == 1280
    assert implied_spikes_per_mac(claim) == pytest.approx(1e12 / 1280)
    assert "1000 G accumulates" in verdicts(claim)[0].finding


def test_printed_counts_that_are_not_those_of_the_shape_are_a_contradiction():
    shape = {"n_blocks": 1, "d_model": 8, "d_kv": 8, "d_ffn": 16}
    energy = {"name": "e", "printed": "0.00000000648", "unit": "J", "precision": "fp32", "macs_g": 1.408e-6}
    (line,) = contradictions(ClaimFile.model_validate(BASE | {"shape": shape, "tokens": 2, "energies": [energy]}))
    assert "+10.0% off those of the shape" in line


def test_a_unit_scales_the_printed_number():
    """100 G MAC x 4.6 pJ = 460 mJ; the table of a claim prints two digits more than the paper."""
    claim = ClaimFile.model_validate(
        BASE | {"energies": [{"name": "e", "unit": "mJ", "printed": "460", "precision": "fp32", "macs_g": 100}]}
    )
    assert verdicts(claim)[0].same is True
    assert verdict_table(claim).to_dict("records") == [
        {"name": "e", "printed": "460 mJ", "ours": "460.00", "finding": verdicts(claim)[0].finding}
    ]


def test_what_cannot_be_computed_is_a_dash_in_both_tables():
    claim = ClaimFile.model_validate(BASE | {"energies": [{"name": "e", "unit": "J", "printed": "1.5"}]})
    assert verdicts(claim)[0].ours is None
    assert verdict_table(claim)["ours"].tolist() == ["-"]
    table = claims_table()
    known = {
        f"{claim.name}: {v.name}": v.ours
        for claim in map(load_claim, shipped_claims().values())
        for v in verdicts(claim)
    }
    assert len(known) == len(table)
    assert [ours == "-" for ours in table["ours"]] == [known[quantity] is None for quantity in table["quantity"]]


SHAPE = {"shape": {"n_blocks": 1, "d_model": 8, "d_kv": 8, "d_ffn": 16}, "tokens": 2}  # 1,280 MACs


def claim(*energies, **more):
    named = [{"name": f"e{i}", "unit": "J", "printed": "1.0", **energy} for i, energy in enumerate(energies)]
    return ClaimFile.model_validate(BASE | {"energies": named} | more)


def test_accumulates_and_multiply_accumulates_add():
    """1 G x 4.6 pJ + 2 G x 0.9 pJ = 6.4 mJ."""
    assert verdict(printed="6.4", unit="mJ", precision="fp32", macs_g=1, acs_g=2).ours == pytest.approx(6.4)
    assert verdict(printed="1.8", unit="mJ", precision="fp32", acs_g=2).ours == pytest.approx(1.8)


def test_a_formula_is_in_pj():
    """2 x 4.6 pJ = 9.2e-9 mJ."""
    found = verdict(printed="0.0000000092", unit="mJ", formula="2 * mac.fp32")
    assert (found.same, found.ours) == (True, pytest.approx(9.2e-9))


def test_half_a_unit_of_the_last_digit_is_the_same_and_more_is_not():
    """0.46 J against 0.5 and 0.4: half a tenth is 0.05."""
    assert verdict(printed="0.5", precision="fp32", macs_g=100).same is True
    assert verdict(printed="0.4", precision="fp32", macs_g=100).same is False
    assert verdict(printed="0.5", precision="fp32", macs_g=0.45 / 4.6e-3).same is True
    assert verdict(printed="0.5", precision="fp32", macs_g=0.4499 / 4.6e-3).same is False


def test_by_how_much_it_differs_and_that_no_formula_fits():
    """0.46 of 0.40 J: 15 % more."""
    found = verdict(printed="0.40", precision="fp32", macs_g=100)
    assert found.finding == "ours is +15.00% of it; no published formula fits fp32"
    assert verdict(printed="0.0", precision="fp32", macs_g=100).finding.startswith("ours is 0.46;")


@pytest.mark.parametrize(("macs_g", "slip"), [(104, True), (106, False), (96, True), (95, False)])
def test_a_slip_is_one_within_5_percent(macs_g, slip):
    """4.6 J printed for 0.46 J: ten times too large, give or take; 4.6 / 10 / 0.437 is 1.053."""
    assert ("10x too large" in verdict(printed="4.600", precision="fp32", macs_g=macs_g).finding) is slip


def test_a_dense_energy_without_counts_has_those_of_the_shape_and_a_spiking_one_its_spikes():
    """1,280 x 4.6 pJ = 5.888 nJ; with half a spike per MAC 640 x 0.9 pJ = 0.576 nJ."""
    dense = {"precision": "fp32", "printed": "5.888", "unit": "nJ"}
    spiking = {"precision": "fp32", "printed": "0.576", "unit": "nJ", "spiking": True}
    assert [v.same for v in verdicts(claim(dense, spiking, spikes_per_mac=0.5, **SHAPE))] == [True, True]
    unknown = verdicts(claim(dense, spiking))
    assert [(v.ours, v.same) for v in unknown] == [(None, None), (None, None)]
    assert unknown[0].finding == "the paper prints no counts, so it cannot be recomputed"
    assert unknown[1].finding == "the paper prints no counts; it implies 0.64 G accumulates of fp32".replace(
        "0.64 G", "6.4e-07 G"
    )


def test_spikes_that_a_claim_states_counts_or_implies():
    counted = {"spiking": True, "acs_g": 2560e-9}
    assert implied_spikes_per_mac(claim(counted, spikes_per_mac=0.5, **SHAPE)) == 0.5
    assert implied_spikes_per_mac(claim(counted, **SHAPE)) == pytest.approx(2.0)
    assert implied_spikes_per_mac(claim({"spiking": True}, **SHAPE)) is None
    assert implied_spikes_per_mac(claim({"acs_g": 1.0}, **SHAPE)) is None
    assert implied_spikes_per_mac(claim(counted)) is None


@pytest.mark.parametrize(("macs", "told"), [(1281, False), (1279, False), (1282, True), (1278, True)])
def test_counts_within_a_thousandth_of_the_shape_are_no_contradiction(macs, told):
    """1,280 MACs; 1.28 are a thousandth."""
    energy = {"precision": "fp32", "macs_g": macs * 1e-9, "printed": f"{macs * 4.6e-3:.4f}", "unit": "nJ"}
    assert bool(list(contradictions(claim(energy, **SHAPE)))) is told


def test_figures_of_different_scope_and_what_others_reported():
    both = claim({}, {"printed": "4", "unit": "mJ"}, scopes=[{"of": "e0", "over": "e1"}], reported=["a slip"])
    assert list(contradictions(both)) == [
        "e0 is 250 times e1: figures of different scope, not to be compared",
        "reported by others: a slip",
    ]


def test_a_ratio_without_a_formula_implies_spikes():
    """4.6 / 0.9 / 2.0 = 2.6 spikes per MAC; with a formula it is computed."""
    implied, computed = verdicts(
        claim(
            ratios=[{"name": "r", "printed": "2.0"}, {"name": "s", "printed": "5.1", "formula": "mac.fp32 / ac.fp32"}]
        )
    )
    assert implied.finding == "the paper prints no counts; with fp32 operations it implies 2.6 spikes per MAC"
    assert (implied.ours, implied.same, computed.same) == (None, None, True)

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

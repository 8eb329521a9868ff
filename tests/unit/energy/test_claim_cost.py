"""What a claim leaves out, on a chip: the ledger of one block, times the blocks of the shape."""

import pytest

from simulator.energy.claim_cost import PARTS, ChipCost, by_part, can_be_replayed, claim_costs
from simulator.energy.claim_file import ClaimFile
from simulator.energy.claim_text import latex_table, paragraph
from simulator.errors import SpikewattError

SHAPE = {"n_blocks": 3, "d_model": 64, "d_kv": 32, "d_ffn": 96}
CLAIM = ClaimFile.model_validate(
    {
        "name": "Toy_1 & 2",
        "source": "here",
        "shape": SHAPE,
        "tokens": 8,
        "timesteps": 4,
        "spikes_per_mac": 0.8,
        "energies": [{"name": "dense, 100 %", "printed": "1.00", "unit": "mJ", "precision": "fp32"}],
    }
)


def test_operations_by_hand_on_the_asic():
    """The twin does every MAC of 3 blocks once, (64 x 128 + 64 x 64 + 64 x 192 + 96 x 64) x (0.3 + 0.288) pJ each."""
    (cost,) = claim_costs(CLAIM, ["sdllm-asic-45nm"])
    macs = 64 * 128 + 64 * 64 + 64 * 192 + 96 * 64
    assert cost.twin_parts["operations"] == pytest.approx(3 * macs * (0.3 + 0.288) * 1e-12, rel=1e-9)
    spikes = cost.parts["operations"] / (3 * macs * (0.1 + 0.288) * 1e-12)
    assert spikes == pytest.approx(0.8, rel=0.15)  # 288 Poisson draws of mean 0.8
    assert cost.total_j == pytest.approx(sum(cost.parts[part] for part in PARTS))


def test_every_row_of_a_ledger_has_a_part():
    from factories import make_chip, make_placement, make_result, make_trace

    from simulator.energy.ledger import build_ledger

    trace, chip = make_trace(), make_chip()
    ledger = build_ledger(make_result(trace, chip, make_placement(trace, chip)), chip)
    assert sum(by_part(ledger).values()) == pytest.approx(ledger.total_pj * 1e-12, rel=1e-12)


def test_a_claim_without_spikes_or_shape_cannot_be_replayed():
    for key in ("shape", "spikes_per_mac"):
        bare = CLAIM.model_copy(update={key: None})
        with pytest.raises(SpikewattError, match=f"found no {key}"):
            claim_costs(bare)


def test_the_table_is_latex_and_the_paragraph_names_the_chip():
    costs = claim_costs(CLAIM, ["loihi-like"])
    table = latex_table(CLAIM, costs)
    assert r"dense, 100 \%" in table
    assert table.count(r"\begin{tabular}") == table.count(r"\end{tabular}") == 2
    assert "On loihi-like the linear layers of one token take" in paragraph(CLAIM, costs)


def test_only_a_claim_with_shape_and_spikes_can_be_replayed():
    assert can_be_replayed(CLAIM)
    for key in ("shape", "spikes_per_mac"):
        assert not can_be_replayed(CLAIM.model_copy(update={key: None}))


def test_totals_and_ratio_of_a_cost_by_hand():
    cost = ChipCost("x", {"operations": 1.5, "static": 0.5}, {"operations": 3.0, "static": 1.0})
    assert (cost.total_j, cost.twin_j, cost.over_twin) == (2.0, 4.0, 0.5)

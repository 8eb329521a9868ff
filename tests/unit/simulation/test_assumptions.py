"""What every run says of its chip: what no source gives."""

import pytest

from simulator.config import load_chip
from simulator.simulation.assumptions import unpublished

LEAKAGE = "static power of {} per chip is assumed, no published figure"
AREA = "the chip file has no area: none of its sources gives one"


@pytest.mark.parametrize(
    ("chip", "power"),
    [("sdllm-asic-7nm", "64.72 mW (25.95 mW to 84.26 mW)"), ("dense-int8-7nm", "65.14 mW (26.12 mW to 84.81 mW)")],
)
def test_the_leakage_at_7_nm_is_said_to_be_assumed(chip, power):
    assert list(unpublished(load_chip(chip))) == [LEAKAGE.format(power)]
    assert load_chip(chip).summary.endswith("leakage at 7 nm assumed")


def test_what_spinnaker2_lacks_is_said():
    static, area = unpublished(load_chip("spinnaker2-like"))
    assert "is assumed" in static
    assert area == AREA


@pytest.mark.parametrize("chip", ["loihi-like", "truenorth-like", "odin-like"])
def test_nothing_is_said_where_the_sources_give_both(chip):
    assert list(unpublished(load_chip(chip))) == []
